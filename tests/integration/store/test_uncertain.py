"""Mail that no rule decides: claimed one by one, recorded only by who has the claim, given back or counted."""

import uuid

import pytest

from shared.errors import EmailAgentError, StaleClaim
from shared.records import Account, Lease
from shared.rules.model import Decision
from shared.status import STATUS_TRANSITIONS, Filing, Status
from shared.store import PostgresStore
from shared.store.uncertain import BACKOFF_S
from tests.integration.store.values import (
    MOVE,
    Clock,
    add_mails,
    apply_all,
    decided,
    email_id,
    make_account,
    make_mail,
    read_to,
)

UNDECIDED = Decision(status=Status.UNCERTAIN, reason="no rule matches", ms=0.1)
RUN = uuid.UUID(int=7)


@pytest.fixture
def account(timed_store: PostgresStore) -> Account:
    """An account with three uncertain mails."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 4))
    number = timed_store.rule_sets.push("rules", "digest")
    timed_store.emails.classify(account.id, 100, lambda _mail: UNDECIDED, number)
    return account


def rules(store: PostgresStore) -> int:
    return int(store.rule_sets.active()[0])


def to_ask(store: PostgresStore, account: Account) -> int:
    return store.emails.waiting(account.id)["to_ask"]


def test_newest_first_and_nobody_s(timed_store: PostgresStore, account: Account) -> None:
    """A look claims nothing; what is claimed, or waits for parts, is not seen any more."""
    seen = [mail.id for mail in timed_store.uncertain.look(account.id, 10)]
    with timed_store.leases.hold("llm-slot:0", "test", 60) as lease:
        timed_store.uncertain.claim(seen[0], lease)
        wishes = {seen[1]: decided(status=Status.UNCERTAIN, wanted=frozenset({"text"}))}

        assert 1 == timed_store.uncertain.wish(wishes)
        assert [seen[2]] == [mail.id for mail in timed_store.uncertain.look(account.id, 10)]
        assert 1 == to_ask(timed_store, account)
        timed_store.uncertain.give_back(lease, seen[0])
    assert [email_id(timed_store, uid) for uid in (3, 2, 1)] == seen


def test_a_claim_is_for_one(timed_store: PostgresStore, account: Account) -> None:
    """Who comes second gets nothing, and a lease that is over claims nothing."""
    mail = email_id(timed_store, 1)
    with (
        timed_store.leases.hold("llm-slot:0", "a", 60) as mine,
        timed_store.leases.hold("llm-slot:1", "b", 60) as other,
    ):
        assert timed_store.uncertain.claim(mail, mine) is not None
        assert timed_store.uncertain.claim(mail, other) is None
        timed_store.uncertain.give_back(mine, mail)
    assert timed_store.uncertain.claim(mail, mine) is None


@pytest.mark.parametrize("status", Status)
def test_decisions_take_only_edges(timed_store: PostgresStore, account: Account, status: Status) -> None:
    """An uncertain mail becomes what the table allows, with an event; else it stays uncertain."""
    mail = email_id(timed_store, 1)
    decision = decided(MOVE, status=status, decided_by="llm", confidence=0.9)
    allowed = status in STATUS_TRANSITIONS[Status.UNCERTAIN] and status is not Status.FETCHED
    with timed_store.leases.hold("llm-slot:0", "test", 60) as lease:
        timed_store.uncertain.claim(mail, lease)
        if allowed:
            timed_store.uncertain.record(account.id, lease, {mail: decision}, rules(timed_store), RUN)
        elif status is not Status.FETCHED:
            with pytest.raises(EmailAgentError):
                timed_store.uncertain.record(account.id, lease, {mail: decision}, rules(timed_store), RUN)
    history = timed_store.emails.get(str(mail))

    assert history.status == (status if allowed else Status.UNCERTAIN)
    assert (history.filing is Filing.PENDING) == (status is Status.CLASSIFIED)
    last = history.events[-1] if status is not Status.CLASSIFIED else history.events[-2]
    assert ((last.was, last.became, last.by) == ("uncertain", str(status), "llm")) == allowed


def _fail(store: PostgresStore, account: Account, lease: Lease, mail: int) -> object:
    return store.uncertain.fail(account.id, lease, mail, "nonsense", RUN)


def _record(store: PostgresStore, account: Account, lease: Lease, mail: int) -> object:
    return store.uncertain.record(account.id, lease, {mail: decided(MOVE)}, rules(store), RUN)


def _give_back(store: PostgresStore, account: Account, lease: Lease, mail: int) -> object:
    store.uncertain.give_back(lease, mail)
    return account


@pytest.mark.parametrize("ending", [_fail, _record, _give_back])
def test_only_the_claim_s_holder_ends_it(
    timed_store: PostgresStore, account: Account, clock: Clock, ending: object
) -> None:
    """Once a claim ran out and somebody noticed, its holder changes nothing."""
    mail = email_id(timed_store, 1)
    with timed_store.leases.hold("llm-slot:0", "late", 60) as lease:
        timed_store.uncertain.claim(mail, lease)
        clock.advance(hours=1)
        timed_store.uncertain.tidy(account.id)
        before = timed_store.emails.get(str(mail))
        with pytest.raises(StaleClaim):
            ending(timed_store, account, lease, mail)  # type: ignore[operator]

    assert before == timed_store.emails.get(str(mail))
    assert (Status.UNCERTAIN, 1) == (before.status, before.attempts)


def test_what_is_given_back_was_never_tried(timed_store: PostgresStore, account: Account, clock: Clock) -> None:
    """The attempt does not count; after a while, if one is named, it can be claimed again."""
    mail = email_id(timed_store, 1)
    with timed_store.leases.hold("llm-slot:0", "test", 6000) as lease:
        for _ in range(5):
            timed_store.uncertain.claim(mail, lease)
            timed_store.uncertain.give_back(lease, mail)
        timed_store.uncertain.claim(mail, lease)
        timed_store.uncertain.give_back(lease, mail, after_s=60)

        assert (0, 2) == (timed_store.emails.get(str(mail)).attempts, to_ask(timed_store, account))
        clock.advance(seconds=61)
        assert 3 == to_ask(timed_store, account)


def test_attempts_in_vain_count_and_the_last_is_a_person_s(
    timed_store: PostgresStore, account: Account, clock: Clock
) -> None:
    """Each waits longer than the one before; after the third the mail is in review, and nobody is asked any more."""
    mail = email_id(timed_store, 1)
    in_review = []
    for attempt in range(3):
        with timed_store.leases.hold("llm-slot:0", "test", 60) as lease:
            assert timed_store.uncertain.claim(mail, lease) is not None
            in_review.append(timed_store.uncertain.fail(account.id, lease, mail, "nonsense", RUN))
        assert 2 == to_ask(timed_store, account)
        clock.advance(seconds=BACKOFF_S * 4**attempt * 1.3)

    history = timed_store.emails.get(str(mail))
    assert ([0, 0, 1], Status.REVIEW, "nonsense") == (in_review, history.status, history.reason)
    assert (0, 2) == (timed_store.uncertain.tidy(account.id), to_ask(timed_store, account))


def test_mail_that_moves_while_it_is_asked_about_is_recognised(timed_store: PostgresStore, account: Account) -> None:
    """Its owner moved it back meanwhile: it is the same mail, at its new place, and the verdict does not file it."""
    store, number = timed_store, rules(timed_store)
    mail = email_id(store, 1)
    with store.leases.hold("llm-slot:0", "test", 60) as lease:
        store.uncertain.claim(mail, lease)
        store.uncertain.record(account.id, lease, {mail: decided(MOVE)}, number, RUN)
    apply_all(store, account)
    store.reclassify.send_back([mail], Filing.APPLIED)
    store.emails.classify(account.id, 10, lambda _mail: UNDECIDED, number)
    with store.leases.hold("llm-slot:0", "test", 60) as lease:
        assert store.uncertain.claim(mail, lease) is not None
        store.emails.add(account.id, [make_mail(9, same_as=1)], read_to(store, account, "INBOX", 9))
        store.uncertain.record(account.id, lease, {mail: decided(MOVE)}, number, RUN)
    history = store.emails.get("<1@example>")

    assert (mail, 9, Filing.KEPT) == (history.email.id, history.ref.uid if history.ref else None, history.filing)


def test_a_person_may_take_mail_out_of_the_queue(timed_store: PostgresStore, account: Account) -> None:
    """What a person decides, or gives back to the rules, is not asked about."""
    timed_store.reviews.keep(email_id(timed_store, 1))
    timed_store.reviews.retry(email_id(timed_store, 2))

    assert [email_id(timed_store, 3)] == [mail.id for mail in timed_store.uncertain.look(account.id, 10)]
