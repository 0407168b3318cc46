"""Questions about the whole: what is stuck, what went wrong lately, which run was the last."""

import uuid

import pytest

from shared.errors import DatabaseDown
from shared.records import Outcome
from shared.status import Filing
from shared.store import PostgresStore
from shared.store.glance import account_names, recent_runs
from tests.fixtures.dovecot import free_port
from tests.integration.store.values import MOVE, RUN, Clock, add_mails, classify_all, make_account

GRACE_S = 90.0


def test_claims_of_the_dead_are_counted(timed_store: PostgresStore, clock: Clock) -> None:
    """A claim that ran out is stale when its holder's last command must be over, and not before."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 4))
    classify_all(timed_store, account, MOVE)
    with timed_store.leases.hold("a", "test", 60) as lease:
        timed_store.actions.claim(account.id, "INBOX", 2, lease, RUN)
        counts = []
        for seconds in (0, 61, 90):
            clock.advance(seconds=seconds)
            counts.append(timed_store.monitoring.stale_claims(GRACE_S))

    assert [0, 0, 2] == counts


def test_failures_are_counted_for_a_day(timed_store: PostgresStore, clock: Clock) -> None:
    """A mail that was given up counts once, and no longer than asked for."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 4))
    classify_all(timed_store, account, MOVE)
    with timed_store.leases.hold("a", "test", 60) as lease:
        first, *_ = timed_store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        given_up = Outcome(email_id=first.id, became=Filing.FAILED, why="no", by="apply-actions")
        timed_store.actions.finish(lease, [], [given_up], RUN)
    lately = timed_store.monitoring.failed_lately()
    clock.advance(hours=25)

    assert (1, 0) == (lately, timed_store.monitoring.failed_lately())


def test_the_last_run_is_the_one_that_ended_last(timed_store: PostgresStore, clock: Clock) -> None:
    """A run that is still open is not it."""
    account = make_account(timed_store)
    before = timed_store.monitoring.last_run()
    for number, outcome in ((1, "done"), (2, "held")):
        timed_store.runs.open(account.id, uuid.UUID(int=number), dry_run=False)
        clock.advance(seconds=30)
        timed_store.runs.close(uuid.UUID(int=number), outcome)
    timed_store.runs.open(account.id, uuid.UUID(int=3), dry_run=False)
    last = timed_store.monitoring.last_run()

    assert before is None
    assert last is not None
    assert ("work", "held", 30.0) == (
        last.account,
        last.outcome,
        (last.finished_at - last.started_at).total_seconds(),
    )


def test_a_glance_names_accounts_and_runs(store: PostgresStore, database_url: str) -> None:
    """Names in their order, runs the newest first."""
    accounts = [make_account(store, name) for name in ("work", "home")]
    for number, account in enumerate(accounts, 1):
        store.runs.open(account.id, uuid.UUID(int=number), dry_run=True)

    assert ["home", "work"] == account_names(database_url)
    assert [str(uuid.UUID(int=2)), str(uuid.UUID(int=1))] == recent_runs(database_url)


def test_a_glance_at_nothing_is_an_error_of_ours() -> None:
    """Who types is not kept waiting."""
    with pytest.raises(DatabaseDown):
        account_names(f"postgresql://127.0.0.1:{free_port()}/x")
