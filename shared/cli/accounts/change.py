"""`agent accounts mode`, `cap`, `interval`, `mailboxes`, `login`, `password`: what may change in an account's life."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from shared.cli.accounts.alone import without_syncs
from shared.cli.accounts.asking import can_ask, read_password, say, usage
from shared.cli.accounts.finding import PORTS, plain, refuse_plaintext
from shared.cli.accounts.look import COMMANDS_IN_A_TEST, look
from shared.cli.accounts.options import named, password_file, server_options
from shared.cli.console import console, progress
from shared.cli.shown import on_one_line
from shared.cli.stack import in_process
from shared.clock import now
from shared.discovery.providers import provider_of_server
from shared.discovery.table import PROVIDERS
from shared.records import Account, Mode, Tls
from shared.wiring import Wiring

HIGHEST_CAP = 1_000_000
LONGEST_INTERVAL_MINUTES = 7 * 24 * 60
MINUTES = re.compile(r"[0-9]{1,5}")


@click.command()
@named
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
        if account.mode is Mode.APPLY and approve is None:
            left = f"; {account.approved_moves} approved moves are left" if account.approved_moves else ""
            console().print(f"{name}: is in apply already{left} (--approve new or all approves anew)")
            return
        approve = approve or _ask_approval(root, account)
        messages = _messages(root, account) if approve == "all" else 0
        with without_syncs(root, account):  # what a sync decides meanwhile would be neither old nor new
            approved = root.store.accounts.set_mode(account.id, Mode.APPLY, approve=approve, at_least=messages)
    what = f"up to {approved} moves approved" if approve == "all" else "what is there now stays where it is"
    console().print(f"{name}: apply; {what}")


@click.command()
@named
@click.argument("mails", type=click.IntRange(0, HIGHEST_CAP))
def cap(name: str, mails: int) -> None:
    """Let at most MAILS mails be moved or flagged within an hour; what is over waits for a later sync."""
    with in_process() as root:
        root.store.accounts.set_cap(root.store.accounts.get(name).id, mails)
    console().print(f"{name}: at most {mails} mails within an hour")


def _minutes(_context: click.Context, _parameter: click.Parameter, word: str) -> int | None:
    """Read a number of minutes, None for `default`."""
    if word == "default":
        return None
    if MINUTES.fullmatch(word) and 1 <= int(word) <= LONGEST_INTERVAL_MINUTES:
        return int(word)
    raise click.BadParameter(f"{word!r} is neither a number from 1 to {LONGEST_INTERVAL_MINUTES} nor `default`")


@click.command()
@named
@click.argument("minutes", callback=_minutes)
def interval(name: str, minutes: int | None) -> None:
    """Let the trigger sync an account every MINUTES minutes; `default` leaves it to EMAIL_SYNC_INTERVAL_MINUTES."""
    with in_process() as root:
        root.store.schedule.set_interval(name, minutes)
    console().print(f"{name}: every {minutes} minutes" if minutes else f"{name}: as often as the others")


@click.command()
@named
@click.argument("mailboxes", nargs=-1, required=True)
def mailboxes(name: str, mailboxes: Sequence[str]) -> None:
    """Read these MAILBOXES, and no others; a look at the server shows that they exist. Known mail stays known."""
    with in_process() as root:
        account = root.store.accounts.get(name)
        look(root, replace(account, mailboxes=tuple(mailboxes)), root.password_of(account))
        root.store.accounts.set_mailboxes(account.id, mailboxes)
        read = root.store.accounts.get(name).mailboxes
    console().print(f"{name}: reads {on_one_line(', '.join(read))}")


@click.command()
@named
@password_file
def password(name: str, *, password_file: Path | None) -> None:
    """Store another password for an account, after a login with it."""
    with in_process() as root:
        _relogin(root, root.store.accounts.get(name), read_password(password_file))
    console().print(f"{name}: login works; the password is stored")


@click.command()
@named
@server_options
@password_file
def login(
    name: str,
    *,
    host: str | None,
    port: int | None,
    tls: str | None,
    username: str | None,
    ca_file: Path | None,
    allow_plaintext: bool,
    password_file: Path | None,
) -> None:
    """Change where and as whom an account logs in, after a login that works; its mail and decisions stay known."""
    if not any((host, port, tls, username, ca_file, allow_plaintext)):
        raise usage("nothing to change: --host, --port, --tls, --username, --ca-file or --allow-plaintext")
    with in_process() as root:
        before = root.store.accounts.get(name)
        security = Tls(tls) if tls else before.tls
        account = replace(
            before,
            host=plain(host, "--host") if host else before.host,
            port=port or (PORTS[security] if tls or host else before.port),
            tls=security,
            username=username or before.username,
            ca_file=str(ca_file.resolve()) if ca_file else before.ca_file,
            plaintext_allowed=allow_plaintext or before.plaintext_allowed,
        )
        refuse_plaintext(account)
        _relogin(root, account, read_password(password_file) if password_file else root.password_of(before))
    console().print(f"{name}: login works; {account.host}:{account.port} is stored")


def _relogin(root: Wiring, account: Account, password: str) -> None:
    look(root, account, password)
    provider = provider_of_server(account.host, account.port, PROVIDERS)
    with root.secrets.sealing():
        sealed = replace(account, secret=root.vault.seal(password))
        root.store.accounts.set_login(sealed, provider.name if provider else None)


def _messages(root: Wiring, account: Account) -> int:
    with (
        progress(f"{account.host}: counting"),
        root.open_mailbox(account, now() + COMMANDS_IN_A_TEST * root.settings.imap.timeout_s) as session,
    ):
        return sum(status.messages for status in session.status(account.mailboxes).values())


def _ask_approval(root: Wiring, account: Account) -> str:
    """Show what waits, by where it would go, and ask."""
    if not can_ask():
        raise usage("--approve is missing, and there is no terminal to ask on")
    waiting = root.store.accounts.waiting_moves(account.id)
    targets: Counter[str] = Counter()
    for _, kind, target, mails in root.store.actions.plan(account.id):
        targets[f"{kind} {target}"] += mails
    say(f"{account.name}: {waiting} mails wait to be moved.")
    for what, mails in targets.most_common():
        say(f"  {mails:>7,}  {on_one_line(what)}")
    choice = click.Choice(["new", "all"])
    return str(click.prompt("Act on new mail only, or also on all that is there", type=choice, err=True))
