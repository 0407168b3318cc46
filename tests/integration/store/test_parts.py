"""Wishes in the store: noted once, taken newest first, tried a few times, kept no longer than they are needed."""

import uuid
from dataclasses import replace

import pytest

from shared.errors import StaleClaim
from shared.records import Account, ArrivedParts, Attachment, PartsWish, StoredEmail, WishedMailbox
from shared.rules.model import Decision
from shared.status import Filing, Status
from shared.store import PostgresStore
from shared.store.parts import EXCERPT_DAYS, TOGETHER
from tests.integration.store.values import Clock, add_mails, decided, email_id, make_account

TEXT = frozenset({"text"})
BOTH = frozenset({"text", "structure"})
PDF = (Attachment(name="été.pdf", type="application/pdf", bytes=5),)
INVALID_TOKEN = uuid.UUID(int=7)


def wanting(*parts: str) -> Decision:
    """Return a decision that hangs on parts."""
    return Decision(status=Status.UNCERTAIN, reason="needs more", wanted=frozenset(parts))


def classify(store: PostgresStore, account: Account, decision: Decision) -> dict[str, int]:
    rule_set_id = store.rule_sets.push("rules", "digest")
    return dict(store.emails.classify(account.id, 100_000, lambda mail: decision, rule_set_id))


def wished(store: PostgresStore, uids: range, *parts: str) -> tuple[Account, WishedMailbox]:
    """Store mails that all wish these parts."""
    account = make_account(store)
    add_mails(store, account, uids)
    classify(store, account, wanting(*parts))
    (mailbox,) = store.parts.mailboxes(account.id)
    return account, mailbox


def take_all(store: PostgresStore, account: Account, mailbox: WishedMailbox) -> list[list[PartsWish]]:
    taken = []
    while some := store.parts.take(account.id, mailbox, 1_000):
        taken.append(some)
    return taken


def seen(store: PostgresStore, account: Account) -> list[StoredEmail]:
    """Return the mails that the rules get to see now, leaving them as they are."""
    mails: list[StoredEmail] = []

    def look(mail: StoredEmail) -> Decision:
        mails.append(mail)
        return decided()

    rule_set_id = store.rule_sets.push("rules", "digest")
    store.emails.classify(account.id, 100_000, look, rule_set_id)
    return mails


def test_a_mail_that_wishes_parts_stays_fetched(store: PostgresStore) -> None:
    """It is not recorded as decided, the rules do not see it again, and it counts as wanted."""
    account, mailbox = wished(store, range(1, 4), "text")

    assert {"to_classify": 0, "wanted": 3, "uncertain": 0, "to_ask": 0, "to_apply": 0} == store.emails.waiting(
        account.id
    )
    assert {"claimed": 0} == classify(store, account, decided())
    assert (Status.FETCHED, "INBOX") == (store.emails.get("<1@example>").status, mailbox.name)


def test_wishes_are_taken_newest_first_and_few_together_later(timed_store: PostgresStore, clock: Clock) -> None:
    """What was tried in vain waits a while, and then comes in ever smaller company."""
    account, mailbox = wished(timed_store, range(1, 151), "text", "structure")
    first, second = take_all(timed_store, account, mailbox)

    assert [list(range(150, 50, -1)), list(range(50, 0, -1))] == [
        sorted((wish.uid for wish in some), reverse=True) for some in (first, second)
    ]
    assert {BOTH} == {wish.parts for wish in first}
    for together in TOGETHER[1:]:
        clock.advance(hours=1)
        assert {together} == {len(some) for some in take_all(timed_store, account, mailbox)}


def test_hopeless_wishes_are_given_up(timed_store: PostgresStore, clock: Clock) -> None:
    """After the last attempt the parts are unavailable, the event says why, and the mail is decided without them."""
    account, mailbox = wished(timed_store, range(1, 2), "text")
    for _ in TOGETHER:
        assert 0 == timed_store.parts.tidy(account.id)
        take_all(timed_store, account, mailbox)
        clock.advance(hours=1)

    assert 1 == timed_store.parts.tidy(account.id)
    events = timed_store.emails.get("<1@example>").events
    assert ("parts", "text", "unavailable", "attempts used up") == (
        events[-1].what, events[-1].was, events[-1].became, events[-1].why,
    )  # fmt: skip
    assert [TEXT] == [mail.unavailable for mail in seen(timed_store, account)]


def test_an_attempt_given_back_does_not_count(timed_store: PostgresStore, clock: Clock) -> None:
    """However often a server asks us to wait; each time all wishes wait a while, also those that were not taken."""
    account, mailbox = wished(timed_store, range(1, 152), "text")
    for _ in range(10):
        wishes = timed_store.parts.take(account.id, mailbox, 1_000)
        timed_store.parts.give_back(account.id, wishes)
        assert (100, []) == (len(wishes), timed_store.parts.mailboxes(account.id))
        clock.advance(minutes=1, seconds=1)

    assert 0 == timed_store.parts.tidy(account.id)


def test_what_came_is_known_to_the_rules(store: PostgresStore) -> None:
    """Text, attachments and fields; the rest is unavailable."""
    account, mailbox = wished(store, range(1, 3), "text", "structure", "header:x-a")
    (wishes,) = take_all(store, account, mailbox)
    two, one = sorted(wishes, key=lambda wish: -wish.uid)
    whole = ArrivedParts(wish=one, text='Grüße\n"\\ {}', attachments=PDF, headers={"x-a": ["é"]})
    half = ArrivedParts(wish=two, attachments=(), unavailable=frozenset({"text", "header:x-a"}), why="refused")
    store.parts.put([whole, half])

    second, first = seen(store, account)
    assert ('Grüße\n"\\ {}', PDF, ["é"], frozenset()) == (
        first.text, first.attachments, first.headers["x-a"], first.unavailable,
    )  # fmt: skip
    assert (None, (), half.unavailable) == (second.text, second.attachments, second.unavailable)
    assert "x-a" not in second.headers


def test_a_part_is_wished_once(store: PostgresStore) -> None:
    """What was fetched or cannot be had is not wished again: a decision that insists is recorded as it is."""
    account, mailbox = wished(store, range(1, 3), "text", "structure")
    (wishes,) = take_all(store, account, mailbox)
    missing = frozenset({"structure"})
    store.parts.put([ArrivedParts(wish=wish, text="Hi", unavailable=missing, why="refused") for wish in wishes])

    assert {"claimed": 2, "uncertain": 2} == classify(store, account, wanting("text", "structure"))
    assert 0 == store.emails.waiting(account.id)["wanted"]


def test_only_what_is_missing_is_wished(store: PostgresStore) -> None:
    """A decision may hang on one part after another."""
    account, mailbox = wished(store, range(1, 2), "text")
    (wishes,) = take_all(store, account, mailbox)
    store.parts.put([ArrivedParts(wish=wish, text="Hi") for wish in wishes])
    classify(store, account, wanting("text", "structure"))

    assert [frozenset({"structure"})] == [wish.parts for some in take_all(store, account, mailbox) for wish in some]


def test_a_wish_that_is_no_more_takes_nothing_in(store: PostgresStore) -> None:
    """Late or foreign parts are StaleClaim, and those beside them are not stored either."""
    account, mailbox = wished(store, range(1, 3), "text")
    (wishes,) = take_all(store, account, mailbox)
    arrived = [ArrivedParts(wish=wish, text="Hi") for wish in wishes]
    other = replace(arrived[1], wish=replace(wishes[1], parts=BOTH))

    with pytest.raises(StaleClaim):
        store.parts.put([arrived[0], other])
    store.parts.put(arrived[:1])
    with pytest.raises(StaleClaim):
        store.parts.put(arrived)
    assert 1 == store.emails.waiting(account.id)["to_classify"]


def test_a_stale_claim_wishes_nothing(store: PostgresStore) -> None:
    """Who decides on mail that is not in its hands is told so."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    rule_set_id = store.rule_sets.push("rules", "digest")

    with pytest.raises(StaleClaim):
        store.emails.record_careful(INVALID_TOKEN, {email_id(store, 1): wanting("text")}, rule_set_id)


def test_careful_claims_wish_too(store: PostgresStore) -> None:
    """A wish ends the claim."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    rule_set_id = store.rule_sets.push("rules", "digest")
    (mail,) = store.emails.claim_careful(account.id, 10, 60.0, INVALID_TOKEN)
    store.emails.record_careful(INVALID_TOKEN, {mail.id: wanting("text")}, rule_set_id)

    assert 1 == store.emails.waiting(account.id)["wanted"]
    assert [] == store.emails.claim_careful(account.id, 10, 60.0, INVALID_TOKEN)


def test_a_mailbox_that_gives_nothing_ends_its_wishes(store: PostgresStore) -> None:
    """All of it, under that UIDVALIDITY."""
    account, mailbox = wished(store, range(1, 4), "text")

    assert 0 == store.parts.refuse(account.id, replace(mailbox, uidvalidity=99), "gone")
    assert 3 == store.parts.refuse(account.id, mailbox, "gone")
    assert [TEXT] * 3 == [mail.unavailable for mail in seen(store, account)]


def test_excerpts_are_kept_while_a_mail_is_undecided(timed_store: PostgresStore, clock: Clock) -> None:
    """With the decision the text is gone, and can be wished again; of undecided mail it goes after some days."""
    account, mailbox = wished(timed_store, range(1, 3), "text")
    (wishes,) = take_all(timed_store, account, mailbox)
    timed_store.parts.put([ArrivedParts(wish=wish, text="secret") for wish in wishes])
    verdicts = iter([decided(), decided(status=Status.UNCERTAIN, decided_by=None)])
    rule_set_id = timed_store.rule_sets.push("rules", "digest")
    timed_store.emails.classify(account.id, 10, lambda mail: next(verdicts), rule_set_id)

    assert [None, "secret"] == [timed_store.emails.get(f"<{number}@example>").email.text for number in (2, 1)]
    clock.advance(days=EXCERPT_DAYS, minutes=1)
    timed_store.parts.tidy(account.id)
    assert timed_store.emails.get("<1@example>").email.text is None
    timed_store.reclassify.send_back([email_id(timed_store, 1)], Filing.NONE)
    classify(timed_store, account, wanting("text"))
    assert 1 == timed_store.emails.waiting(account.id)["wanted"]
