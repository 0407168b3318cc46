"""`agent accounts`: whose mail is sorted, and what the agent is allowed to do there."""

import ipaddress
from contextlib import AbstractContextManager
from pathlib import Path

import click

from shared.cli.console import console, print_json, print_table, progress
from shared.cli.stack import in_process
from shared.clock import now
from shared.errors import Conflict, InvalidSettings, NotFound
from shared.pipeline.ports import MailSession
from shared.records import Account, Mode, Tls
from shared.wiring import Wiring

PORTS = {Tls.TLS: 993, Tls.STARTTLS: 143, Tls.NONE: 143}
COMMANDS_IN_A_TEST = 10
MAX_PASSWORD_BYTES = 4096


@click.group()
def accounts() -> None:
    """Add, list, test and remove accounts, and set what is allowed."""


@accounts.command()
@click.option("--name", prompt="Name of the account, such as `work`", help="How you call this account.")
@click.option("--host", prompt="IMAP server", help="The mail server's name.")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: 993 for tls, else 143.")
@click.option("--tls", type=click.Choice([str(tls) for tls in Tls]), default=str(Tls.TLS), show_default=True)
@click.option("--username", prompt="User name", help="What the mail server knows you as.")
@click.option("--password-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Else it is asked.")
@click.option("--mode", type=click.Choice([str(mode) for mode in Mode]), default=str(Mode.OBSERVE), show_default=True)
@click.option("--mailbox", "mailboxes", multiple=True, help="A mailbox to read; repeatable. Default: INBOX.")
@click.option("--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Trust this CA instead.")
@click.option("--allow-plaintext", is_flag=True, help="With --tls none: accept a server that is not this machine.")
@click.option("--copy-without-expunge", is_flag=True, help="Where a server can neither MOVE nor UIDPLUS: copy instead.")
def add(
    *,
    name: str,
    host: str,
    port: int | None,
    tls: str,
    username: str,
    password_file: Path | None,
    mode: str,
    mailboxes: tuple[str, ...],
    ca_file: Path | None,
    allow_plaintext: bool,
    copy_without_expunge: bool,
) -> None:
    """Add an account, after a login that works. It starts in `observe`: nothing is changed in its mailboxes."""
    account = Account(
        id=0,
        name=name,
        host=host,
        port=port or PORTS[Tls(tls)],
        tls=Tls(tls),
        username=username,
        secret=b"",
        mode=Mode(mode),
        mailboxes=mailboxes or ("INBOX",),
        max_actions_per_hour=0,
        approved_moves=0,
        plaintext_allowed=allow_plaintext,
        copy_without_expunge=copy_without_expunge,
        ca_file=str(ca_file.resolve()) if ca_file else None,
    )
    _refuse_plaintext(account)
    with in_process() as root:
        if any(known.name == name for known in root.store.accounts.list()):
            raise Conflict(f"there is an account {name!r} already")
        password = _password(password_file)
        _look(root, account, password)
        root.store.accounts.create(
            name=account.name,
            host=account.host,
            port=account.port,
            tls=account.tls,
            username=account.username,
            secret=root.vault.seal(password),
            mode=account.mode,
            mailboxes=account.mailboxes,
            plaintext_allowed=account.plaintext_allowed,
            copy_without_expunge=account.copy_without_expunge,
            ca_file=account.ca_file,
        )
    console().print(f"added {name} in mode {mode}. Next: scripts/agent rules push, then scripts/agent sync {name}")


@accounts.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def list_accounts(*, as_json: bool) -> None:
    """List the accounts."""
    with in_process() as root:
        found = root.store.accounts.list()
    rows = [
        {
            "name": account.name,
            "host": account.host,
            "port": account.port,
            "tls": str(account.tls),
            "username": account.username,
            "mode": str(account.mode),
            "mailboxes": list(account.mailboxes),
        }
        for account in found
    ]
    if as_json:
        print_json({"accounts": rows})
    else:
        columns = ("name", "mode", "server", "tls", "user name", "mailboxes")
        print_table(
            columns,
            [(a.name, a.mode, f"{a.host}:{a.port}", a.tls, a.username, ", ".join(a.mailboxes)) for a in found],
        )


@accounts.command()
@click.argument("name")
@click.argument("mode", type=click.Choice([str(mode) for mode in Mode]))
@click.option("--approve", type=click.Choice(["new", "all"]), help="To apply: only mail received from now on, or all.")
def mode(name: str, mode: str, *, approve: str | None) -> None:
    """Set what is allowed: observe (show only), apply (file mail), paused (not even read)."""
    with in_process() as root:
        account = root.store.accounts.get(name)
        if Mode(mode) is not Mode.APPLY:
            root.store.accounts.set_mode(account.id, Mode(mode))
            console().print(f"{name}: {mode}")
            return
        waiting = root.store.accounts.waiting_moves(account.id)
        approve = approve or _ask_approval(name, waiting)
        messages = _messages(root, account) if approve == "all" else 0
        approved = root.store.accounts.set_mode(account.id, Mode.APPLY, approve=approve, at_least=messages)
    what = f"up to {approved} moves approved" if approve == "all" else "what is there now stays where it is"
    console().print(f"{name}: apply; {what}")


@accounts.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def test(name: str, *, as_json: bool) -> None:
    """Log in to the account's mail server and say what it is capable of."""
    with in_process() as root:
        account = root.store.accounts.get(name)
        found = _look(root, account, root.vault.open(account.secret))
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(f"{name}: login works; {found['mailboxes']} mailboxes, {found['messages']} messages to read")
    out.print(f"  files mail with {_way_of_filing(found)}")


@accounts.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, *, yes: bool) -> None:
    """Forget an account and all that is known of its mail; its mailboxes are not touched."""
    with in_process() as root:
        root.store.accounts.get(name)
        if not yes:
            click.confirm(
                f"Forget {name}, its decisions and its action log (no undo after that)?", abort=True, err=True
            )
        root.store.accounts.delete(name)
    console().print(f"removed {name}")


def _refuse_plaintext(account: Account) -> None:
    """Without TLS only this machine is reached, unless the owner writes down that it may be another."""
    if account.tls is not Tls.NONE or account.plaintext_allowed or account.host == "localhost":
        return
    try:
        is_loopback = ipaddress.ip_address(account.host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise InvalidSettings(
            f"--tls none sends the password readable to {account.host}",
            hint="use --tls tls or starttls, or write it down with --allow-plaintext",
        )


def _password(file: Path | None) -> str:
    if file is None:
        return str(click.prompt("Password", hide_input=True, err=True))
    content = file.read_bytes()
    if len(content) > MAX_PASSWORD_BYTES:
        raise click.BadParameter(f"larger than {MAX_PASSWORD_BYTES} bytes", param_hint="--password-file")
    try:
        password = content.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise click.BadParameter("not a UTF-8 text", param_hint="--password-file") from error
    if not password:
        raise click.BadParameter("the file is empty", param_hint="--password-file")
    return password


def _session(root: Wiring, account: Account, password: str) -> AbstractContextManager[MailSession]:
    return root.login(account, password, now() + COMMANDS_IN_A_TEST * root.settings.imap.timeout_s)


def _look(root: Wiring, account: Account, password: str) -> dict[str, object]:
    """Log in and look: capabilities, mailboxes, messages in those that are to be read. Changes nothing."""
    with progress(f"{account.host}: logging in"), _session(root, account, password) as session:
        names = session.list_mailboxes()
        statuses = session.status(account.mailboxes)
        found: dict[str, object] = {
            "account": account.name,
            "mailboxes": len(names),
            "messages": sum(status.messages for status in statuses.values()),
            "can_move": session.can_move,
            "can_uidplus": session.can_uidplus,
        }
    missing = [name for name in account.mailboxes if name not in statuses]
    if missing:
        raise NotFound(f"{account.host} has no mailbox {missing[0]!r} for this user")
    return found


def _way_of_filing(found: dict[str, object]) -> str:
    if found["can_move"]:
        return "UID MOVE"
    if found["can_uidplus"]:
        return "COPY and UID EXPUNGE (this server has no MOVE)"
    return "nothing: this server has neither MOVE nor UIDPLUS, so moves are refused and mail stays where it is"


def _messages(root: Wiring, account: Account) -> int:
    with (
        progress(f"{account.host}: counting"),
        root.open_mailbox(account, now() + COMMANDS_IN_A_TEST * root.settings.imap.timeout_s) as session,
    ):
        return sum(status.messages for status in session.status(account.mailboxes).values())


def _ask_approval(name: str, waiting: int) -> str:
    click.echo(f"{name}: {waiting} mails wait to be moved.", err=True)
    choice = click.Choice(["new", "all"])
    return str(click.prompt("Act on new mail only, or also on all that is there", type=choice, err=True))
