"""The anomaly stop: which runs move more than an owner expects."""

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from shared.pipeline.apply_actions import is_anomaly
from shared.pipeline.limits import Limits
from shared.records import MailboxStatus, Run

INBOX = MailboxStatus(name="INBOX", uidvalidity=1, uidnext=1001, messages=1000)


def at(*, approved: int = 0, confirmed: int = 0, **run: Any) -> Any:
    """A visit, as far as the anomaly stop looks at it."""
    opened = Run(id=uuid.UUID(int=1), account_id=1, approved_moves=confirmed, **run)
    return SimpleNamespace(run=opened, account=SimpleNamespace(approved_moves=approved), limits=Limits())


@pytest.mark.parametrize(("moves", "expected"), [(50, False), (300, False), (301, True)])
def test_more_than_a_share_is_an_anomaly(moves: int, expected: bool) -> None:
    """A run that would move more than 30 % of a mailbox is stopped."""

    assert expected == is_anomaly(at(), INBOX, moves)


def test_what_was_moved_already_counts() -> None:
    """Many small calls of one run add up."""

    assert is_anomaly(at(moved=300), INBOX, 200)


def test_few_moves_are_none() -> None:
    """In a small mailbox up to 50 moves are no anomaly."""

    small = MailboxStatus(name="INBOX", uidvalidity=1, uidnext=61, messages=60)

    assert (False, True) == (is_anomaly(at(), small, 50), is_anomaly(at(), small, 51))


def test_approval_by_number() -> None:
    """As many moves as the owner approved are none."""

    assert (False, True) == (
        is_anomaly(at(approved=900), INBOX, 900),
        is_anomaly(at(approved=900), INBOX, 901),
    )


def test_a_confirmation_is_for_what_was_held() -> None:
    """What came since is judged by itself: a few go along, thousands do not."""

    assert (False, True) == (
        is_anomaly(at(confirmed=60), INBOX, 110),
        is_anomaly(at(confirmed=60), INBOX, 3060),
    )


def test_a_confirmed_run_passes_until_it_is_finished() -> None:
    """A replayed call of a confirmed run that has ended moves nothing more: its approval ended with it."""

    assert (False, True) == (
        is_anomaly(at(confirmed=900), INBOX, 900),
        is_anomaly(at(confirmed=900, finished=True), INBOX, 900),
    )
