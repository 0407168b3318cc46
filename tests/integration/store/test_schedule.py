"""What is due, and who leads: times of the database, one leader, and starts that only the leader may note."""

import uuid

from shared.records import Mode
from shared.store import PostgresStore
from shared.store.schedule import Post, TriggerLedger
from shared.timetable import Ending, Timetable
from tests.integration.store.values import NOON, Clock, make_account

LEASE_S = 30.0


def trigger(store: PostgresStore, holder: str = "one") -> TriggerLedger:
    return store.schedule.ledger(Post(holder=holder, lease_s=LEASE_S, interval_s=600.0))


def timetable(ledger: TriggerLedger) -> Timetable:
    outlook = ledger.beat()
    assert outlook is not None
    [found] = outlook.accounts
    return found


def test_one_trigger_leads(timed_store: PostgresStore, clock: Clock) -> None:
    """A second trigger waits as long as the first renews its lease, and leads once that is over."""
    first, second = trigger(timed_store), trigger(timed_store, "two")
    assert first.beat() is not None
    clock.advance(seconds=LEASE_S - 1)
    assert (True, True) == (first.beat() is not None, second.beat() is None)

    clock.advance(seconds=LEASE_S)

    assert (True, True) == (second.beat() is not None, first.beat() is None)


def test_who_takes_its_leave_is_followed_at_once(timed_store: PostgresStore) -> None:
    """A trigger that was stopped in good order leaves no lease behind; another one's it does not touch."""
    first, second = trigger(timed_store), trigger(timed_store, "two")
    first.beat()
    first.leave()
    assert timed_store.schedule.leader() is None
    second.beat()

    first.leave()

    leader = timed_store.schedule.leader()
    assert leader is not None
    assert ("two", LEASE_S, True) == (leader.holder, leader.lasts_s, leader.is_alive)


def test_a_dead_leader_is_known(timed_store: PostgresStore, clock: Clock) -> None:
    """A trigger that was killed shows as the one that led last, and for how long nobody has."""
    trigger(timed_store).beat()
    clock.advance(seconds=LEASE_S + 60)

    leader = timed_store.schedule.leader()

    assert leader is not None
    assert ("one", -60.0, False) == (leader.holder, leader.lasts_s, leader.is_alive)


def test_who_does_not_lead_starts_nothing(timed_store: PostgresStore, clock: Clock) -> None:
    """Neither a trigger that never led nor one whose lease ran out may note a start."""
    make_account(timed_store)
    first, second = trigger(timed_store), trigger(timed_store, "two")
    first.beat()
    refused = second.start("work")
    clock.advance(seconds=LEASE_S + 1)

    assert (False, False) == (refused, first.start("work"))
    assert timetable(first).started_at is None


def test_a_start_is_noted_in_the_databases_time(timed_store: PostgresStore) -> None:
    """What the next leader counts slots from is the moment of the start."""
    make_account(timed_store)
    ledger = trigger(timed_store)
    ledger.beat()

    assert ledger.start("work")

    assert (NOON.timestamp(), 600.0) == (timetable(ledger).started_at, timetable(ledger).interval_s)


def test_endings(timed_store: PostgresStore) -> None:
    """Failures add up; a success, also of a sync by hand, ends the row; who was stopped is due at once."""
    account = make_account(timed_store)
    ledger = trigger(timed_store)
    found = []

    def after(ending: Ending) -> tuple[bool, int, bool]:
        ledger.beat()
        ledger.start("work")
        ledger.end("work", uuid.uuid4(), ending)
        now = timetable(ledger)
        return now.started_at is not None, now.failures, now.success_at is not None

    found = [after(ending) for ending in (Ending.FAILED, Ending.SPARED, Ending.FAILED, Ending.STOPPED)]
    timed_store.accounts.record_success(account.id)
    found += [after(ending) for ending in (Ending.DONE, Ending.FAILED, Ending.YIELDED)]

    assert [
        (True, 1, False),
        (True, 1, False),
        (True, 2, False),
        (False, 2, False),
        (True, 0, True),
        (True, 1, True),
        (True, 0, True),
    ] == found


def test_a_stopped_sync_keeps_nobody_waiting(timed_store: PostgresStore) -> None:
    """The run is left open, its lease is given back: the next run begins at once."""
    account = make_account(timed_store)
    ledger = trigger(timed_store)
    stopped, following = uuid.uuid4(), uuid.uuid4()
    timed_store.runs.open(account.id, stopped, dry_run=False)

    ledger.end("work", stopped, Ending.STOPPED)

    assert not timed_store.runs.open(account.id, following, dry_run=False).finished
    assert timed_store.runs.get(stopped).outcome is None


def test_paused_accounts_are_not_listed(timed_store: PostgresStore) -> None:
    """Neither in a pause of their own nor in that of all is there anything to start."""
    account = make_account(timed_store)
    ledger = trigger(timed_store)
    timed_store.accounts.set_mode(account.id, Mode.PAUSED)
    alone = ledger.beat()
    started = ledger.start("work")
    timed_store.accounts.set_mode(account.id, Mode.OBSERVE)
    timed_store.accounts.pause()
    together = ledger.beat()

    assert alone is not None
    assert together is not None
    assert ([], False, []) == (alone.accounts, started, together.accounts)


def test_a_pause_is_no_silence(timed_store: PostgresStore, clock: Clock) -> None:
    """An account is awake since the end of the last pause, its own or that of all; other changes move nothing."""
    account = make_account(timed_store)
    ledger = trigger(timed_store)
    found = []

    def pass_an_hour() -> None:
        clock.advance(hours=1)
        found.append(timetable(ledger).awake_since - NOON.timestamp())

    timed_store.accounts.set_mode(account.id, Mode.PAUSED)
    timed_store.accounts.set_mode(account.id, Mode.OBSERVE)
    pass_an_hour()
    timed_store.accounts.set_mode(account.id, Mode.APPLY)
    timed_store.accounts.resume()
    pass_an_hour()
    timed_store.accounts.pause()
    timed_store.accounts.resume()
    pass_an_hour()

    assert [0.0, 0.0, 7200.0] == found


def test_an_interval_of_its_own(timed_store: PostgresStore) -> None:
    """An account's own interval goes before the setting, until it is taken back."""
    make_account(timed_store)
    ledger = trigger(timed_store)
    timed_store.schedule.set_interval("work", 3)
    own = timetable(ledger).interval_s
    timed_store.schedule.set_interval("work", None)

    assert (180.0, 600.0) == (own, timetable(ledger).interval_s)
