"""`agent accounts rotate-key`: seal the stored passwords with a new key, and forget the old one."""

import click

from shared.cli.accounts.asking import usage
from shared.cli.console import console
from shared.cli.stack import in_process
from shared.security.rotation import add_key, drop_old_keys


@click.command("rotate-key")
@click.option("--add-only", is_flag=True, help="Make the new key and stop, to copy the file to the other machines.")
@click.option("--drop-old", is_flag=True, help="Make no key: seal all with the newest one and forget the others.")
def rotate_key(*, add_only: bool, drop_old: bool) -> None:
    """Seal all stored passwords with a new key, and forget the old keys. Syncs may go on meanwhile.

    Where functions run on other machines, whose copies of `fernet-keys` are their own, it takes two steps: --add-only,
    copy the file to them, then --drop-old, and copy it again. An interrupted rotation goes on with --drop-old.
    """
    if add_only and drop_old:
        raise usage("--add-only and --drop-old are the two steps: one at a time")
    with in_process() as root:
        if not drop_old:
            add_key(root.secrets)
        if add_only:
            console().print("fernet-keys has a new key in front; copy the file to where functions run, then --drop-old")
            return
        resealed = drop_old_keys(root.secrets, root.store.accounts)
    console().print(f"{resealed} passwords sealed with the newest key, which is now the only one in fernet-keys")
