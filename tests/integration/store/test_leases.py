"""Leases: one holder, takeover only after expiry and grace, kept back while mails are claimed."""

import pytest

from shared.errors import LeaseHeld, StaleClaim
from shared.store import PostgresStore
from tests.integration.store.values import MOVE, RUN, Clock, add_mails, applied, classify_all, done, make_account, sent


def test_a_second_holder_waits(store: PostgresStore) -> None:
    """While a lease is held nobody else gets it."""
    with store.leases.hold("a", "one", 60), pytest.raises(LeaseHeld), store.leases.hold("a", "two", 60):
        pass


def test_a_lease_given_back_is_free(store: PostgresStore) -> None:
    """After a clean exit, and after an exception, the next holder inherits nothing."""
    with pytest.raises(ValueError, match="x"), store.leases.hold("a", "one", 60):
        raise ValueError("x")

    with store.leases.hold("a", "two", 60) as lease:
        assert lease.inherited is False


def test_takeover_waits_for_expiry_and_grace(timed_store: PostgresStore, clock: Clock) -> None:
    """A lease whose holder died is free only after its end plus the longest command timeout, and says so."""
    with timed_store.leases.hold("a", "one", 60):
        clock.advance(seconds=60 + 89)
        with pytest.raises(LeaseHeld), timed_store.leases.hold("a", "two", 60):
            pass
        clock.advance(seconds=2)
        with timed_store.leases.hold("a", "two", 60) as lease:
            assert lease.inherited is True


def test_an_ended_lease_is_not_renewed(timed_store: PostgresStore, clock: Clock) -> None:
    """A holder that slept past its end is told so, even while nobody took over."""
    with timed_store.leases.hold("a", "one", 60) as lease:
        clock.advance(seconds=59)
        renewed = timed_store.leases.renew(lease, 60)
        clock.advance(seconds=61)
        with pytest.raises(StaleClaim):
            timed_store.leases.renew(renewed, 60)


def test_the_late_holder_leaves_the_new_one_alone(timed_store: PostgresStore, clock: Clock) -> None:
    """Who gives back a lease that another took over takes nothing from that other."""
    with timed_store.leases.hold("a", "one", 1):
        clock.advance(seconds=100)
        successor = timed_store.leases.hold("a", "two", 60)
        lease = successor.__enter__()

    assert timed_store.leases.renew(lease, 60).token == lease.token
    successor.__exit__(None, None, None)


def test_open_claims_keep_the_lease(timed_store: PostgresStore, clock: Clock) -> None:
    """A lease with unsettled mail is not given back: only time frees it, then its successor inherits the mail."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 3))
    classify_all(timed_store, account, MOVE)
    with timed_store.leases.hold("a", "one", 60) as lease:
        mails = timed_store.actions.claim(account.id, "INBOX", 10, lease, RUN)
    with pytest.raises(LeaseHeld), timed_store.leases.hold("a", "two", 60):
        pass
    clock.advance(seconds=151)

    with timed_store.leases.hold("a", "two", 60) as lease:
        taken = timed_store.actions.stale(account.id, lease)
        timed_store.actions.advance(lease, [step for mail in taken for step in sent(mail)])
        steps = [step for mail in taken for step in done(mail)]
        timed_store.actions.finish(lease, steps, [applied(mail, mail.id) for mail in taken], RUN)
    assert (True, [mail.id for mail in mails]) == (lease.inherited, [mail.id for mail in taken])
    with timed_store.leases.hold("a", "three", 60) as lease:
        assert lease.inherited is False
