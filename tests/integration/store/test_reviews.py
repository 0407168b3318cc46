"""Mail that waits for a person, and what the person's word does to it."""

import uuid

import pytest

from shared.errors import Conflict, NotFound
from shared.records import Outcome
from shared.status import ActionState, Filing, Status
from shared.store import PostgresStore
from tests.integration.store.values import (
    FLAG,
    MOVE,
    RUN,
    add_mails,
    apply_all,
    classify_all,
    copied,
    decided,
    email_id,
    make_account,
    sent,
)

UNCERTAIN = decided(status=Status.UNCERTAIN, decided_by=None, reason="no rule matches")
BROKEN = decided(status=Status.FAILED, decided_by="error", reason="cannot be read")


def with_one_of_each(store: PostgresStore) -> None:
    """Mail 1 is uncertain, 2 failed, 3 decided; 4 is unclear, 5 not filed, 6 held, 7 filed."""
    account = make_account(store)
    by_subject = {"Mail 1": UNCERTAIN, "Mail 2": BROKEN, "Mail 3": decided()}
    add_mails(store, account, range(1, 4))
    rules = store.rule_sets.push("rules", "digest")
    store.emails.classify(account.id, 10, lambda mail: by_subject[mail.headers["subject"][0]], rules)
    add_mails(store, account, range(4, 6))
    classify_all(store, account, MOVE)
    stick(store, Filing.UNCLEAR, Filing.FAILED)
    add_mails(store, account, range(6, 7))
    classify_all(store, account, MOVE)
    store.actions.hold_pending(account.id, "INBOX", RUN)
    add_mails(store, account, range(7, 8))
    classify_all(store, account, MOVE)
    apply_all(store, account)


def stick(store: PostgresStore, *filings: Filing) -> None:
    """Let the filing of what is pending end so, in the order of the mails."""
    with store.leases.hold("b", "test", 60) as lease:
        mails = store.actions.claim(store.accounts.get("work").id, "INBOX", 10, lease, RUN)
        outcomes = [
            Outcome(email_id=mail.id, became=became, why=f"it is {became}")
            for mail, became in zip(mails, filings, strict=True)
        ]
        store.actions.finish(lease, [], outcomes, RUN)


def state(store: PostgresStore, uid: int) -> tuple[Status, Filing]:
    history = store.emails.get(f"<{uid}@example>")
    return history.status, history.filing


def last_steps(store: PostgresStore, uid: int, number: int) -> list[tuple[str, str | None, str, str]]:
    events = store.emails.get(f"<{uid}@example>").events
    return [(event.what, event.was, event.became, event.by) for event in events[-number:]]


def test_what_waits_is_listed(store: PostgresStore) -> None:
    """Not decided, not filed, held, nobody knows where; with the reason, and with the run that holds it."""
    with_one_of_each(store)

    waiting = store.reviews.list(limit=10)

    assert [("6", RUN), ("5", None), ("4", None), ("2", None), ("1", None)] == [
        (mail.headers["subject"][0].removeprefix("Mail "), mail.run) for mail in waiting
    ]
    assert ["it is failed", "it is unclear", "cannot be read", "no rule matches"] == [mail.why for mail in waiting[1:]]
    assert {"failed": 2, "held": 1, "unclear": 1, "uncertain": 1} == store.reviews.count()


def test_the_list_is_chosen_and_bounded(store: PostgresStore) -> None:
    """By account, by what is waited for, and at most so many."""
    with_one_of_each(store)

    assert 2 == len(store.reviews.list(limit=2))
    assert ([], {}) == (store.reviews.list(account="home", limit=9), store.reviews.count("home"))
    assert [["6"], ["5", "2"], ["4"], ["1"], []] == [
        [mail.headers["subject"][0].removeprefix("Mail ") for mail in store.reviews.list(waits_for=word, limit=9)]
        for word in ("held", "failed", "unclear", "uncertain", "review")
    ]


def test_a_category_files(store: PostgresStore) -> None:
    """An uncertain mail is what a person says, and is filed as that category says."""
    with_one_of_each(store)

    assert Filing.PENDING is store.reviews.categorise(email_id(store, 1), "invoices", [FLAG, MOVE])

    history = store.emails.get("<1@example>")
    assert ("invoices", "person", Status.CLASSIFIED) == (history.category, history.decided_by, history.status)
    assert "decided by a person: invoices" == history.reason
    assert last_steps(store, 1, 2) == [
        ("status", "uncertain", "classified", "person"),
        ("filing", "none", "pending", "person"),
    ]
    assert ("INBOX", "move", "Done", 1) in store.actions.plan(store.accounts.get("work").id)


@pytest.mark.parametrize("uid", range(2, 8))
def test_only_undecided_mail_gets_a_category(store: PostgresStore, uid: int) -> None:
    """What is decided, or cannot be, is refused with a way out, and stays as it is."""
    with_one_of_each(store)
    before = state(store, uid)

    with pytest.raises(Conflict) as refused:
        store.reviews.categorise(email_id(store, uid), "invoices", [MOVE])

    assert (before, True) == (state(store, uid), bool(refused.value.hint))


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        (1, (Status.CLASSIFIED, Filing.KEPT)),
        (2, (Status.FAILED, Filing.KEPT)),
        (4, (Status.CLASSIFIED, Filing.KEPT)),
        (5, (Status.CLASSIFIED, Filing.KEPT)),
        (6, (Status.CLASSIFIED, Filing.KEPT)),
    ],
)
def test_kept_mail_waits_no_longer(store: PostgresStore, uid: int, expected: tuple[Status, Filing]) -> None:
    """Whatever it waited for, it stays where it is, by a person's word, and is off the list."""
    with_one_of_each(store)

    store.reviews.keep(email_id(store, uid))

    assert expected == state(store, uid)
    assert email_id(store, uid) not in {mail.id for mail in store.reviews.list(limit=10)}
    assert "person" == last_steps(store, uid, 1)[0][3]


@pytest.mark.parametrize("uid", [3, 7])
def test_what_does_not_wait_is_not_kept(store: PostgresStore, uid: int) -> None:
    """A mail that was decided to stay, and one that was filed."""
    with_one_of_each(store)

    with pytest.raises(Conflict):
        store.reviews.keep(email_id(store, uid))


@pytest.mark.parametrize("uid", [1, 2])
def test_the_rules_are_asked_again(store: PostgresStore, uid: int) -> None:
    """An undecided mail and one that could not be decided wait for the rules once more."""
    with_one_of_each(store)

    assert Status.FETCHED is store.reviews.retry(email_id(store, uid))

    assert (Status.FETCHED, Filing.NONE) == state(store, uid)
    classify_all(store, store.accounts.get("work"), MOVE)
    assert (Status.CLASSIFIED, Filing.PENDING) == state(store, uid)


@pytest.mark.parametrize("uid", [4, 5])
def test_filing_is_tried_again(store: PostgresStore, uid: int) -> None:
    """A mail that was given up, or lost, is filed anew: its actions are planned again, the old ones stay in the log."""
    with_one_of_each(store)

    assert Filing.PENDING is store.reviews.retry(email_id(store, uid))

    with store.leases.hold("b", "test", 60) as lease:
        [mail] = store.actions.claim(store.accounts.get("work").id, "INBOX", 10, lease, uuid.uuid4())
    assert (email_id(store, uid), 1, 1) == (mail.id, mail.attempts, len(mail.actions))
    states = [action.state for action in store.emails.get(str(mail.id)).actions]
    assert [ActionState.ABANDONED, ActionState.PLANNED] == states


def test_a_kept_mail_is_filed_after_all(store: PostgresStore) -> None:
    """A person who took a filing back, or kept it, may change their mind."""
    with_one_of_each(store)
    store.reviews.keep(email_id(store, 5))

    assert Filing.PENDING is store.reviews.retry(email_id(store, 5))


@pytest.mark.parametrize("uid", [3, 6, 7])
def test_what_is_not_stuck_is_not_tried_again(store: PostgresStore, uid: int) -> None:
    """Decided to stay, held by a run, filed: refused, with a way out."""
    with_one_of_each(store)
    before = state(store, uid)

    with pytest.raises(Conflict) as refused:
        store.reviews.retry(email_id(store, uid))

    assert (before, True) == (state(store, uid), bool(refused.value.hint))


def test_a_mail_in_a_workers_hands_is_refused(store: PostgresStore) -> None:
    """While it is being filed nobody decides on it."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        store.actions.advance(lease, sent(mail))

        for decide in (store.reviews.keep, store.reviews.retry):
            with pytest.raises(Conflict, match="worker"):
                decide(mail.id)


def test_a_copied_mail_is_not_copied_again(store: PostgresStore) -> None:
    """A person kept it after it was copied and left in its place: it may stay, but not be filed once more."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        for step in copied(mail, 5):
            store.actions.advance(lease, [step])
        store.actions.finish(lease, [], [Outcome(email_id=mail.id, became=Filing.KEPT, why="kept", by="person")], RUN)

    with pytest.raises(Conflict, match="copied already"):
        store.reviews.retry(mail.id)


def test_no_such_mail(store: PostgresStore) -> None:
    """An id that nobody has is told."""
    with pytest.raises(NotFound):
        store.reviews.keep(1)
