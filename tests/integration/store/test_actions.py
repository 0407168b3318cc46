"""The action log: claimed, committed step by step, finished once, by the holder of the lease alone."""

import uuid
from dataclasses import replace

import pytest

from shared.errors import EmailAgentError, StaleClaim
from shared.records import ActionKind, ActionStep, EmailRef, Lease, Mode, Outcome
from shared.status import ActionState, Filing
from shared.store import PostgresStore
from tests.integration.store.values import (
    FLAG,
    MOVE,
    RUN,
    TARGET_UIDVALIDITY,
    Clock,
    add_mails,
    applied,
    apply_all,
    classify_all,
    done,
    make_account,
    make_mail,
    read_to,
    sent,
)


def given_back(email_id: int, by: str = "apply-actions") -> Outcome:
    return Outcome(email_id=email_id, became=Filing.PENDING, why="server trouble", by=by)


def test_claiming_plans_the_decided_actions(store: PostgresStore) -> None:
    """A claimed mail comes with its place and its actions planned, flags first, the move last."""
    account = make_account(store)
    add_mails(store, account, range(1, 4))
    classify_all(store, account, FLAG, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        mails = store.actions.claim(account.id, "INBOX", 2, lease, RUN)
        store.actions.finish(lease, [], [given_back(mail.id) for mail in mails], RUN)

    assert [mail.ref for mail in mails] == [EmailRef(mailbox="INBOX", uidvalidity=7, uid=uid) for uid in (1, 2)]
    assert [[(action.kind, action.target, action.state) for action in mail.actions] for mail in mails] == [
        [(ActionKind.FLAG, "$Done", ActionState.PLANNED), (ActionKind.MOVE, "Done", ActionState.PLANNED)]
    ] * 2


def test_a_second_claim_gets_other_mail(store: PostgresStore) -> None:
    """Under one lease each mail is claimed once."""
    account = make_account(store)
    add_mails(store, account, range(1, 4))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        first = store.actions.claim(account.id, "INBOX", 2, lease, RUN)
        second = store.actions.claim(account.id, "INBOX", 2, lease, RUN)
        store.actions.finish(lease, [], [given_back(mail.id) for mail in first + second], RUN)

    assert (len(first), len(second)) == (2, 1)


def test_steps_and_outcome_are_written(store: PostgresStore) -> None:
    """A mail that was moved has its new place, its log says how, its events say when."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, FLAG, MOVE)
    apply_all(store, account, flags=frozenset({"\\Seen", "$Old"}))
    history = store.emails.get("<2@example>")

    assert (history.filing, history.ref, history.attempts) == (
        Filing.APPLIED,
        EmailRef(mailbox="Done", uidvalidity=TARGET_UIDVALIDITY, uid=2),
        0,
    )
    assert [(action.state, action.source_flags) for action in history.actions] == [
        (ActionState.DONE, {"\\Seen", "$Old"})
    ] * 2
    assert [event.became for event in history.events] == ["fetched", "classified", "pending", "applying", "applied"]


def test_source_flags_are_set_once(store: PostgresStore) -> None:
    """The flags before our first effect are never overwritten."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, FLAG)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        store.actions.advance(lease, sent(mail, frozenset({"$First"})))
        back = ActionStep(action_id=mail.actions[0].id, was=ActionState.SENT, became=ActionState.PLANNED)
        store.actions.advance(lease, [back])
        store.actions.advance(lease, sent(mail, frozenset({"$Second"})))
        store.actions.finish(lease, done(mail), [replace(applied(mail, 1), ref=None)], RUN)

    assert store.emails.get("<1@example>").actions[0].source_flags == {"$First"}


def test_no_flags_are_not_one_empty_flag(store: PostgresStore) -> None:
    """A mail without flags is written down as having none."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    apply_all(store, account, flags=frozenset())

    assert store.emails.get("<1@example>").actions[0].source_flags == frozenset()


@pytest.mark.parametrize("foreign", ["token", "state"])
def test_a_foreign_step_changes_nothing(store: PostgresStore, foreign: str) -> None:
    """One step that is not ours, or not from the state it claims, undoes the whole call."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        one, two = store.actions.claim(account.id, "INBOX", 2, lease, RUN)
        store.actions.advance(lease, sent(one))
        other = replace(lease, token=uuid.uuid4()) if foreign == "token" else lease
        steps = sent(two) if foreign == "token" else sent(two) + sent(one)
        with pytest.raises(StaleClaim):
            store.actions.advance(other, steps)
        state = store.emails.get(str(two.id)).actions[0].state
        store.actions.finish(lease, done(one), [applied(one, 1), given_back(two.id)], RUN)

    assert state == ActionState.PLANNED


def test_a_stopped_worker_sends_nothing(timed_store: PostgresStore, clock: Clock) -> None:
    """After its lease ended a worker can neither claim nor commit `sent`, but what was answered may still be noted."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 4))
    classify_all(timed_store, account, MOVE)
    with timed_store.leases.hold("a", "test", 60) as lease:
        one, two = timed_store.actions.claim(account.id, "INBOX", 2, lease, RUN)
        timed_store.actions.advance(lease, sent(one))
        clock.advance(seconds=61)
        with pytest.raises(StaleClaim):
            timed_store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        with pytest.raises(StaleClaim):
            timed_store.actions.advance(lease, sent(two))
        timed_store.actions.finish(lease, done(one), [applied(one, 1)], RUN)

    assert timed_store.emails.get(str(one.id)).filing == Filing.APPLIED


def test_a_taken_over_worker_changes_nothing(timed_store: PostgresStore, clock: Clock) -> None:
    """Once another worker took the mail over, the first one's steps and outcomes are refused."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 2))
    classify_all(timed_store, account, MOVE)
    with timed_store.leases.hold("a", "one", 60) as late:
        [mail] = timed_store.actions.claim(account.id, "INBOX", 1, late, RUN)
        timed_store.actions.advance(late, sent(mail))
        clock.advance(seconds=200)
        with timed_store.leases.hold("a", "two", 60) as lease:
            [taken] = timed_store.actions.stale(account.id, lease)
            with pytest.raises(StaleClaim):
                timed_store.actions.finish(late, done(mail), [applied(mail, 1)], RUN)
            timed_store.actions.finish(lease, done(taken), [applied(taken, 1)], RUN)

    assert (taken.id, taken.actions[0].state) == (mail.id, ActionState.SENT)


def test_impossible_steps_are_refused(store: PostgresStore) -> None:
    """A step that leaves the state machine is our own bug and never reaches the database."""
    step = ActionStep(action_id=1, was=ActionState.PLANNED, became=ActionState.DONE)
    lease = Lease(name="a", token=uuid.uuid4(), expires_at=0)

    with pytest.raises(EmailAgentError, match="cannot go from planned to done"):
        store.actions.advance(lease, [step])


def test_a_taken_place_is_unknown(store: PostgresStore) -> None:
    """Where another mail already has the place we were told, ours is noted without UID instead of failing."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    store.emails.add(account.id, [make_mail(50)], read_to(store, account, "Done", 50, TARGET_UIDVALIDITY))
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        store.actions.advance(lease, sent(mail))
        store.actions.finish(lease, done(mail), [applied(mail, 50)], RUN)
    history = store.emails.get("<1@example>")

    assert (history.email.mailbox, history.ref, history.filing) == ("Done", None, Filing.APPLIED)


def test_an_outage_of_two_days_fails_no_mail(timed_store: PostgresStore, clock: Clock) -> None:
    """Attempts that a dependency spoiled are given back, however many."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 2))
    classify_all(timed_store, account, MOVE)
    for _ in range(48):
        clock.advance(hours=1)
        with timed_store.leases.hold("a", "test", 60) as lease:
            [mail] = timed_store.actions.claim(account.id, "INBOX", 1, lease, RUN)
            timed_store.actions.finish(lease, [], [given_back(mail.id, "dependency")], RUN)

    assert timed_store.emails.get("<1@example>").attempts == 0


def test_a_mail_at_fault_backs_off_and_fails(timed_store: PostgresStore, clock: Clock) -> None:
    """A mail that fails by itself waits longer each time and is given up after its attempts, its neighbours are not."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 2))
    classify_all(timed_store, account, MOVE)
    claimed = []
    for _ in range(4):
        with timed_store.leases.hold("a", "test", 60) as lease:
            mails = timed_store.actions.claim(account.id, "INBOX", 1, lease, RUN)
            timed_store.actions.finish(lease, [], [given_back(mail.id, "server") for mail in mails], RUN)
            again = timed_store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        claimed.append((len(mails), len(again)))
        clock.advance(hours=2)

    assert claimed == [(1, 0), (1, 0), (1, 0), (0, 0)]
    assert timed_store.emails.get("<1@example>").filing == Filing.FAILED


def test_give_back_keeps_the_claim(store: PostgresStore) -> None:
    """When the server was lost with commands open, the attempt does not count and the claim stays."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        store.actions.advance(lease, sent(mail))
        store.actions.give_back(lease)
    history = store.emails.get(str(mail.id))

    assert (mail.attempts, history.attempts, history.filing) == (1, 0, Filing.APPLYING)


def test_the_plan_is_what_claiming_would_do(store: PostgresStore) -> None:
    """The plan counts pending actions by mailbox, the longest waiting mailbox first; a dry run changes nothing."""
    account = make_account(store)
    add_mails(store, account, range(1, 3), "Work")
    add_mails(store, account, range(3, 4), "INBOX")
    classify_all(store, account, FLAG, MOVE)

    assert store.actions.plan(account.id) == [
        ("Work", "flag", "$Done", 2),
        ("Work", "move", "Done", 2),
        ("INBOX", "flag", "$Done", 1),
        ("INBOX", "move", "Done", 1),
    ]


def test_only_moves_are_held(store: PostgresStore) -> None:
    """The anomaly stop holds pending moves; mail that is only flagged goes on."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    add_mails(store, account, range(3, 4))
    classify_all(store, account, FLAG)

    assert store.actions.hold_pending(account.id, "INBOX", RUN) == 2
    assert store.actions.plan(account.id) == [("INBOX", "flag", "$Done", 1)]


def test_the_hourly_cap_counts_mails(timed_store: PostgresStore, clock: Clock) -> None:
    """Each mail we touched within the hour uses one of the account's allowance."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 4))
    classify_all(timed_store, account, FLAG, MOVE)
    apply_all(timed_store, account)
    within = timed_store.actions.allowance(account.id)
    clock.advance(minutes=61)

    assert (within, timed_store.actions.allowance(account.id)) == (
        account.max_actions_per_hour - 3,
        account.max_actions_per_hour,
    )


@pytest.mark.parametrize("brake", ["observe", "paused", "pause"])
def test_a_brake_pulled_meanwhile_ends_the_claiming(store: PostgresStore, brake: str) -> None:
    """Mail is claimed only while its account is in apply and nothing is paused, whatever the worker read before."""
    account = make_account(store)
    add_mails(store, account, range(1, 4))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        first = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        store.accounts.pause() if brake == "pause" else store.accounts.set_mode(account.id, Mode(brake))
        second = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        store.actions.finish(lease, [], [given_back(mail.id) for mail in first + second], RUN)

    assert (len(first), second) == (1, [])
