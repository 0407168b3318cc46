"""Which stored mails a command means: account, mailbox, age, status."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from shared.cli.words import accounts_at_hand
from shared.errors import NotFound
from shared.rules.quantities import read_seconds
from shared.status import Status
from shared.store.nearest import account_meant
from shared.store.stored_mails import MailChoice
from shared.wiring import Wiring

Command = TypeVar("Command", bound=Callable[..., Any])

DECIDED = (Status.CLASSIFIED, Status.UNCERTAIN, Status.REVIEW, Status.FAILED)
"""What was looked at once; `fetched` mail still waits for its first decision, and is decided anyway."""


class Moment(click.ParamType[dt.datetime]):
    """A day, an ISO time, or an age such as `30d`; times without an offset are UTC."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        """Read what a person wrote, or fail as a usage error."""
        if isinstance(value, dt.datetime):
            return value
        text = str(value)
        try:
            return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=read_seconds(text))
        except (ValueError, OverflowError):
            pass
        try:
            moment = dt.datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is no date such as 2026-03-01, and no age such as 30d", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def mail_options(command: Command) -> Command:
    """Add the options that choose stored mails."""
    for option in (
        click.option("--until", type=Moment(), metavar="WHEN", help="Received before: a date, or an age such as 7d."),
        click.option("--since", type=Moment(), metavar="WHEN", help="Received since: a date, or an age such as 30d."),
        click.option("--mailbox", help="Only mail in this mailbox."),
        click.option("--account", help="Only mail of this account.", shell_complete=accounts_at_hand),
    ):
        command = option(command)
    return command


def chosen(root: Wiring, statuses: Sequence[str] | None, **words: Any) -> MailChoice:
    """Return the choice; an account that does not exist is an error, not an empty choice."""
    account = words.get("account")
    known = [each.name for each in root.store.accounts.list()]
    if account is not None and account not in known:
        raise NotFound(f"there is no account {account!r}", hint=account_meant(account, known))
    return MailChoice(statuses=None if statuses is None else [Status(status) for status in statuses], **words)
