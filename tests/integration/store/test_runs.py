"""Runs: one at a time per account, renewed by each call, counted from events."""

import uuid

import pytest

from shared.errors import LeaseHeld, NotFound
from shared.records import Mode
from shared.store import PostgresStore
from tests.integration.store.values import (
    FLAG,
    MOVE,
    Clock,
    add_mails,
    apply_all,
    classify_all,
    make_account,
    make_mail,
    read_to,
)

ONE, TWO = uuid.UUID(int=101), uuid.UUID(int=102)


def test_one_run_at_a_time(timed_store: PostgresStore, clock: Clock) -> None:
    """Another run waits until the first is closed or has been silent for the claim timeout."""
    account = make_account(timed_store)
    timed_store.runs.open(account.id, ONE, dry_run=False)
    clock.advance(seconds=299)
    timed_store.runs.open(account.id, ONE, dry_run=False)
    clock.advance(seconds=299)
    with pytest.raises(LeaseHeld):
        timed_store.runs.open(account.id, TWO, dry_run=False)
    clock.advance(seconds=2)

    assert timed_store.runs.open(account.id, TWO, dry_run=False).id == TWO


def test_a_closed_run_lets_the_next_one_in(store: PostgresStore) -> None:
    """Closing ends the lease and writes the outcome down."""
    account = make_account(store)
    store.runs.open(account.id, ONE, dry_run=False)
    store.runs.close(ONE, "done")
    store.runs.open(account.id, TWO, dry_run=False)

    assert (store.runs.get(ONE).outcome, store.runs.last(account.id).run.id) == ("done", TWO)


def test_a_run_belongs_to_one_account(store: PostgresStore) -> None:
    """The run of another account is not continued."""
    store.runs.open(make_account(store).id, ONE, dry_run=False)

    with pytest.raises(NotFound):
        store.runs.open(make_account(store, "other").id, ONE, dry_run=False)


def test_a_dry_run_stays_dry(store: PostgresStore) -> None:
    """A later call of a dry run cannot make it write."""
    account = make_account(store)
    store.runs.open(account.id, ONE, dry_run=True)

    assert store.runs.open(account.id, ONE, dry_run=False).dry_run is True


def test_summary_counts_what_the_run_did(store: PostgresStore) -> None:
    """A summary is counted from the run's own events and actions."""
    account = make_account(store)
    store.runs.open(account.id, ONE, dry_run=False)
    store.emails.add(account.id, [make_mail(1), make_mail(2)], read_to(store, account, "INBOX", 2), ONE)
    classify_all(store, account, FLAG, MOVE)
    apply_all(store, account, ONE)
    summary = store.runs.summary(ONE)

    assert (
        summary.counts["fetched"],
        summary.counts["applied"],
        summary.counts["failed"],
        summary.targets,
    ) == (2, 2, 0, {"Done": 2})


def test_moves_of_a_run_are_counted(store: PostgresStore) -> None:
    """A continued run knows how many mails it moved."""
    account = make_account(store)
    add_mails(store, account, range(1, 4))
    classify_all(store, account, FLAG, MOVE)
    store.runs.open(account.id, ONE, dry_run=False)
    apply_all(store, account, ONE)

    assert store.runs.open(account.id, ONE, dry_run=False).moved == 3


def test_an_approval_is_used_up(store: PostgresStore) -> None:
    """An approval by number is gone once a run that moved mail is closed, not before."""
    account = make_account(store)
    add_mails(store, account, range(1, 4))
    classify_all(store, account, MOVE)
    store.accounts.set_mode(account.id, Mode.APPLY, approve="all")
    store.runs.open(account.id, ONE, dry_run=False)
    store.runs.close(ONE, "done")
    before = store.accounts.get("work").approved_moves
    store.runs.open(account.id, TWO, dry_run=False)
    apply_all(store, account, TWO)
    store.runs.close(TWO, "done")

    assert (before, store.accounts.get("work").approved_moves) == (3, 0)


def test_confirming_releases_what_was_held(store: PostgresStore) -> None:
    """The mails that a run held become pending again, and the confirming run is approved."""
    account = make_account(store)
    add_mails(store, account, range(1, 4))
    classify_all(store, account, MOVE)
    store.runs.open(account.id, ONE, dry_run=False)
    held = store.actions.hold_pending(account.id, "INBOX", ONE)
    store.runs.close(ONE, "held")
    store.runs.open(account.id, TWO, dry_run=False)
    confirmed = store.runs.confirm(account.id, ONE, TWO)

    assert (held, confirmed, store.actions.pending_moves(account.id, "INBOX")) == (3, 3, 3)
    assert store.runs.open(account.id, TWO, dry_run=False).approved is True
