"""Runs: one at a time per account, renewed by each call, counted from events."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from shared.errors import LeaseHeld, NotFound
from shared.records import Mode, Outcome
from shared.status import Filing
from shared.store import PostgresStore
from tests.integration.store.values import (
    FLAG,
    MOVE,
    Clock,
    add_mails,
    apply_all,
    classify_all,
    done,
    make_account,
    make_mail,
    read_to,
    sent,
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


def test_a_replay_rewrites_nothing(timed_store: PostgresStore, clock: Clock) -> None:
    """A finished run that is called again stays as it was written down, and gives its lease back."""
    account = make_account(timed_store)
    timed_store.runs.open(account.id, ONE, dry_run=False)
    timed_store.runs.close(ONE, "held")
    before = timed_store.runs.get(ONE)
    clock.advance(minutes=10)
    timed_store.runs.open(account.id, ONE, dry_run=False)
    timed_store.runs.close(ONE, "done")

    assert timed_store.runs.get(ONE) == before
    assert timed_store.runs.open(account.id, TWO, dry_run=False).id == TWO


def test_a_call_that_meets_the_end_of_its_run_is_told(store: PostgresStore, database_url: str) -> None:
    """A call that begins while another closes their run sees it finished: it has to give the sync lease back."""
    account = make_account(store)
    store.runs.open(account.id, ONE, dry_run=False)
    with ThreadPoolExecutor(max_workers=1) as late, psycopg.connect(database_url) as closing:
        closing.execute("DELETE FROM leases WHERE token = %s", [ONE])
        opened = late.submit(store.runs.open, account.id, ONE, dry_run=False)
        with psycopg.connect(database_url, autocommit=True) as watching:
            while not watching.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall():
                assert not opened.done()
        closing.execute("UPDATE runs SET outcome = 'done', finished_at = now() WHERE id = %s", [ONE])
        closing.commit()

        assert opened.result().finished


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


def test_an_approval_is_used_up_move_by_move(store: PostgresStore) -> None:
    """An approval by number shrinks with each mail that is moved, never below nothing, also in an open run."""
    account = make_account(store)
    add_mails(store, account, range(1, 4))
    classify_all(store, account, MOVE)
    store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=5)
    store.runs.open(account.id, ONE, dry_run=False)
    left = [store.accounts.get("work").approved_moves]
    for uids in (range(4, 5), range(5, 6), range(6, 7)):
        apply_all(store, account, ONE)
        left.append(store.accounts.get("work").approved_moves)
        add_mails(store, account, uids)
        classify_all(store, account, MOVE)

    assert left == [5, 2, 1, 0]


def test_flags_and_undos_use_no_approval(store: PostgresStore) -> None:
    """What is only flagged, and what is moved back, is no move that an owner approved."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    apply_all(store, account, ONE)
    store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=5)
    add_mails(store, account, range(3, 4))
    classify_all(store, account, FLAG)
    apply_all(store, account, TWO)
    with store.leases.hold("undo", "test", 60) as lease:
        mails = store.actions.claim_undo(account.id, ONE, lease)
        store.actions.advance(lease, [step for mail in mails for step in sent(mail)])
        outcomes = [Outcome(email_id=mail.id, became=Filing.KEPT, why="undone", by="person") for mail in mails]
        store.actions.finish(lease, [step for mail in mails for step in done(mail)], outcomes, TWO)

    assert (len(mails), store.accounts.get("work").approved_moves) == (2, 5)


def test_confirming_releases_what_was_held(store: PostgresStore) -> None:
    """The mails that a run held become pending again, and the confirming run may move that number."""
    account = make_account(store)
    add_mails(store, account, range(1, 4))
    classify_all(store, account, MOVE)
    store.runs.open(account.id, ONE, dry_run=False)
    held = store.actions.hold_pending(account.id, "INBOX", ONE)
    store.runs.close(ONE, "held")
    store.runs.open(account.id, TWO, dry_run=False)
    confirmed = store.runs.confirm(account.id, ONE, TWO)

    assert (held, confirmed, store.actions.plan(account.id)) == (3, 3, [("INBOX", "move", "Done", 3)])
    assert store.runs.open(account.id, TWO, dry_run=False).approved_moves == 3
