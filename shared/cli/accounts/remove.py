"""`agent accounts remove`: an account goes, with all that is known of it."""

import click

from shared.cli.accounts.alone import without_syncs
from shared.cli.accounts.asking import accept
from shared.cli.accounts.options import named
from shared.cli.console import console
from shared.cli.stack import in_process


@click.command()
@named
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, *, yes: bool) -> None:
    """Forget an account and all that is known of its mail; its mailboxes are not touched."""
    with in_process() as root:
        account = root.store.accounts.get(name)
        if not yes:
            accept(f"Forget {name}, its decisions and its action log (no undo after that)?", "--yes")
        with without_syncs(root, account, nor_visits=True):
            root.store.accounts.delete(name)
    console().print(f"removed {name}")
