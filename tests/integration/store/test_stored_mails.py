"""Stored mail, read page by page with what was decided and what became of it."""

import datetime as dt

from shared.records import Mode
from shared.rules.diff import Effect
from shared.status import Filing, Status
from shared.store import PostgresStore
from shared.store.stored_mails import MailChoice
from tests.integration.store.values import (
    MOVE,
    NOON,
    Clock,
    add_mails,
    apply_all,
    classify_all,
    make_account,
    make_mail,
    read_to,
)


def uids(store: PostgresStore, choice: MailChoice, page_mails: int = 1_000) -> list[str]:
    """The subjects of the mails that are meant, in the order they are read."""
    pages = store.stored_mails.pages(choice, page_mails=page_mails)
    return [stored.email.headers["subject"][0].removeprefix("Mail ") for page in pages for stored in page]


def test_pages_hold_each_mail_once(store: PostgresStore) -> None:
    """However the pages fall, all mails come, those stored last first, and none twice."""
    account = make_account(store)
    add_mails(store, account, range(1, 8))
    expected = [str(uid) for uid in range(7, 0, -1)]

    assert [expected] * 4 == [uids(store, MailChoice(), page_mails=size) for size in (1, 3, 7, 8)]
    assert 7 == store.stored_mails.count(MailChoice())


def test_no_mail_is_no_page(store: PostgresStore) -> None:
    """An empty store has no page, not an empty one."""
    assert [] == list(store.stored_mails.pages(MailChoice()))


def test_mails_are_chosen(store: PostgresStore) -> None:
    """By account, mailbox, status, and time of arrival: its beginning is included, its end is not."""
    work, home = make_account(store), make_account(store, "home")
    add_mails(store, work, range(1, 3))
    add_mails(store, work, range(3, 5), "Lists")
    add_mails(store, home, range(5, 7))
    classify_all(store, work)
    third, fifth = (NOON + dt.timedelta(minutes=uid) for uid in (3, 5))

    assert ["4", "3", "2", "1"] == uids(store, MailChoice(account="work"))
    assert ["4", "3"] == uids(store, MailChoice(mailbox="Lists"))
    assert ["6", "5"] == uids(store, MailChoice(statuses=(Status.FETCHED, Status.FAILED)))
    assert ["4", "3"] == uids(store, MailChoice(since=third, until=fifth))
    assert 2 == store.stored_mails.count(MailChoice(since=third, until=fifth))
    assert [] == uids(store, MailChoice(account="nobody"))


def test_what_was_decided_and_done_comes_along(store: PostgresStore) -> None:
    """Category, decider, actions and filing are those of the row; why it was kept is its last event's word."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account)

    [[stored]] = store.stored_mails.pages(MailChoice())

    assert (Filing.KEPT, "nothing to do", False) == (stored.filing, stored.kept_why, stored.is_by_person)
    assert Effect(status=Status.CLASSIFIED, category="tests", decided_by="rule:test") == stored.effect


def test_moved_back_is_a_persons_word(store: PostgresStore) -> None:
    """A filed mail that its owner moved back, one undone, and one left when only new mail was approved are theirs."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    store.emails.add(account.id, [make_mail(31, same_as=1)], read_to(store, account, "INBOX", 31))
    add_mails(store, account, range(41, 42))
    classify_all(store, account, MOVE)
    store.accounts.set_mode(account.id, Mode.APPLY, approve="new")

    [page] = store.stored_mails.pages(MailChoice())

    expected = [("only new mail approved", True), (None, False), ("moved back", True)]
    assert expected == [(stored.kept_why, stored.is_by_person) for stored in page]


def test_moved_on_by_its_owner(store: PostgresStore) -> None:
    """A filed mail that turns up in a third mailbox was moved on."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    store.emails.add(account.id, [make_mail(1)], read_to(store, account, "Archive", 1))

    [page] = store.stored_mails.pages(MailChoice())

    assert [False, True] == [stored.moved_on for stored in page]


def test_older_than_what_was_approved(timed_store: PostgresStore, clock: Clock) -> None:
    """Mail from before the approval is told apart."""
    account = make_account(timed_store)
    clock.advance(seconds=90)  # mail 1 is a minute after noon, mail 2 two
    timed_store.accounts.set_mode(account.id, Mode.APPLY, approve="new")
    add_mails(timed_store, account, range(1, 3))

    [page] = timed_store.stored_mails.pages(MailChoice())

    assert [False, True] == [stored.is_older for stored in page]
