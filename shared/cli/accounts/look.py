"""Log in and look: what a server can do for an account, and what that means."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.cli.console import progress
from shared.cli.shown import on_one_line
from shared.clock import now
from shared.discovery.providers import provider_of_server
from shared.discovery.table import PROVIDERS
from shared.errors import LoginRefused, NotFound
from shared.imap.survey import Survey, survey
from shared.records import Account
from shared.wiring import Wiring

COMMANDS_IN_A_TEST = 10


def look(root: Wiring, account: Account, password: str) -> Survey:
    """Log in and look at capabilities, mailboxes, messages in those that are to be read. Changes nothing."""
    lease_until = now() + COMMANDS_IN_A_TEST * root.settings.imap.timeout_s
    with (
        advised(account),
        progress(f"{account.host}: logging in"),
        root.login(account, password, lease_until) as session,
    ):
        found = survey(session, account.mailboxes)
    if found.missing:
        raise NotFound(f"{account.host} has no mailbox {found.missing[0]!r} for this user")
    return found


@contextmanager
def advised(account: Account) -> Iterator[None]:
    """Let a refused login say what this provider wants."""
    try:
        yield
    except LoginRefused as error:
        provider = provider_of_server(account.host, account.port, PROVIDERS)
        if provider is not None and provider.advice:
            error.hint = f"{provider.title}: {provider.advice}"
        raise


def sentences(account: Account, found: Survey) -> list[str]:
    """Say what the server can do, and what that means for the account."""
    lines = [f"files mail with {_way_of_filing(account, found)}", _keywords(found), _roles(found)]
    if found.can_condstore:
        lines.append("offers CONDSTORE, which email-agent does without")
    all_mail = found.special_use.get("\\All")
    if all_mail in account.mailboxes:
        lines.append(f"note: {on_one_line(all_mail)} holds every mail once more: read others instead")
    provider = provider_of_server(account.host, account.port, PROVIDERS)
    if provider is not None and provider.caveat:
        lines.append(f"note: {provider.caveat}")
    elif found.has_gmail_labels:
        lines.append("note: its mailboxes are Gmail labels: a move takes one label off and puts another on")
    return lines


def _way_of_filing(account: Account, found: Survey) -> str:
    if found.can_move:
        return "UID MOVE: one step, by the server"
    if found.can_uidplus:
        return "COPY and UID EXPUNGE, as this server has no MOVE: two steps, of which none is done blindly"
    if account.copy_without_expunge:
        return (
            "COPY alone, as you allowed: this server has neither MOVE nor UIDPLUS, so each mail stays where it was, too"
        )
    return "nothing: this server has neither MOVE nor UIDPLUS, so moves are refused and mail stays where it is"


def _keywords(found: Survey) -> str:
    if found.takes_keywords is None:
        return "whether it keeps keywords shows when the first is set (no mailbox is empty, and others are not opened)"
    if found.takes_keywords:
        return "keeps keywords: `keyword` in rules works"
    return "keeps no keywords of yours: `keyword` in rules is refused there, and the rest of the rule goes on"


def _roles(found: Survey) -> str:
    if not found.special_use:
        return "names no special mailboxes: `archive`, `junk` and `trash` go by customary names, if there are such"
    named = (f"{role[1:].lower()} is {on_one_line(name)}" for role, name in found.special_use.items())
    return f"special mailboxes: {', '.join(named)}"
