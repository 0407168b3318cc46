"""`agent accounts add`: an account comes in, after a login that works."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from shared.cli.accounts.asking import ask, read_password
from shared.cli.accounts.finding import Known, advise, find_login, plain, refuse_plaintext
from shared.cli.accounts.look import look, sentences
from shared.cli.accounts.options import as_json, password_file, server_options
from shared.cli.console import console, print_json
from shared.cli.stack import in_process
from shared.discovery.servers import domain_of
from shared.errors import Conflict
from shared.records import Account, Mode, Tls
from shared.wiring import Wiring


@click.command()
@click.option("--name", help="How you call this account, such as work.")
@click.option("--address", help="The e-mail address; it finds the server and the user name.")
@server_options
@password_file
@click.option("--mode", type=click.Choice([str(mode) for mode in Mode]), default=str(Mode.OBSERVE), show_default=True)
@click.option("--mailbox", "mailboxes", multiple=True, help="A mailbox to read; repeatable. Default: INBOX.")
@click.option("--copy-without-expunge", is_flag=True, help="Where a server can neither MOVE nor UIDPLUS: copy instead.")
@click.option("--accept-host", metavar="HOST", help="Send the password to this server, although only DNS names it.")
@click.option("--again", is_flag=True, help="Although another account reads the same mail.")
@as_json
def add(*, as_json: bool, password_file: Path | None, again: bool, **words: Any) -> None:
    """Add an account, after a login that works. It starts in `observe`: nothing is changed in its mailboxes.

    Asks for what it is not told. From an e-mail address it finds server and user name: big providers are known, others
    are looked up in the domain's DNS. With --host, the default is tls at port 993, else port 143.
    """
    name = plain(words["name"] or ask("Name of the account, such as work", "--name"), "--name")
    if words["address"]:
        domain_of(words["address"])
    with in_process() as root:
        _refuse_known(root, name)
        known = Known(
            **{field: words[field] for field in ("address", "host", "port", "username", "accept_host")},
            tls=Tls(words["tls"]) if words["tls"] else None,
        )
        login = find_login(known, root.names)
        advise(login.provider)
        account = Account(
            id=0,
            name=name,
            host=plain(login.server.host, "--host"),
            port=login.server.port,
            tls=login.server.tls,
            username=login.username,
            secret=b"",
            mode=Mode(words["mode"]),
            mailboxes=words["mailboxes"] or ("INBOX",),
            max_actions_per_hour=0,
            approved_moves=0,
            plaintext_allowed=words["allow_plaintext"],
            copy_without_expunge=words["copy_without_expunge"],
            ca_file=str(words["ca_file"].resolve()) if words["ca_file"] else None,
        )
        refuse_plaintext(account)
        if not again:
            root.store.accounts.refuse_twin(account.host, account.port, account.username)  # before a password is asked
        password = read_password(password_file)
        found = look(root, account, password)
        _store(root, account, password, provider=login.provider.name if login.provider else None, again=again)
    if as_json:
        print_json({"account": name, "mode": str(account.mode), "host": account.host} | found.as_json())
        return
    out = console()
    out.print(f"added {name} in mode {account.mode}: {found.mailboxes} mailboxes, {found.messages} messages to read")
    for line in sentences(account, found):
        out.print(f"  {line}")
    out.print(f"Next: scripts/agent rules push, then scripts/agent sync {name}")


def _refuse_known(root: Wiring, name: str) -> None:
    if any(known.name == name for known in root.store.accounts.list()):
        raise Conflict(f"there is an account {name!r} already")


def _store(root: Wiring, account: Account, password: str, *, provider: str | None, again: bool) -> None:
    with root.secrets.sealing():
        account = replace(account, secret=root.vault.seal(password))
        root.store.accounts.create(
            name=account.name,
            host=account.host,
            port=account.port,
            tls=account.tls,
            username=account.username,
            secret=account.secret,
            mode=account.mode,
            mailboxes=account.mailboxes,
            plaintext_allowed=account.plaintext_allowed,
            copy_without_expunge=account.copy_without_expunge,
            ca_file=account.ca_file,
            provider=provider,
            again=again,
        )
