"""Giving stored mail back to the rules: which may go back, what is written down, and what may be filed then."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from shared.records import Mode, Outcome
from shared.status import ActionState, Filing, Status
from shared.store import PostgresStore
from shared.store.stored_mails import MailChoice
from tests.integration.store.values import (
    FLAG,
    MOVE,
    RUN,
    Clock,
    add_mails,
    apply_all,
    classify_all,
    copied,
    decided,
    email_id,
    make_account,
    make_mail,
    read_to,
    sent,
)


def steps(store: PostgresStore, uid: int) -> list[tuple[str, str | None, str]]:
    """What happened to a mail, without the day it came."""
    return [(event.what, event.was, event.became) for event in store.emails.get(f"<{uid}@example>").events[1:]]


def state(store: PostgresStore, uid: int) -> tuple[Status, Filing]:
    history = store.emails.get(f"<{uid}@example>")
    return history.status, history.filing


def test_an_uncertain_mail_goes_back(store: PostgresStore) -> None:
    """Nothing was done with it: only its status changes, by a person."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    store.emails.classify(account.id, 1, lambda mail: decided(status=Status.UNCERTAIN), store.rule_sets.push("a", "a"))

    sent_back = store.reclassify.send_back([email_id(store, 1)], Filing.NONE)

    assert (1, (Status.FETCHED, Filing.NONE)) == (sent_back, state(store, 1))
    last = store.emails.get("<1@example>").events[-1]
    assert ("uncertain", "fetched", "reclassify", "person") == (last.was, last.became, last.why, last.by)


def test_what_waits_is_kept_until_it_is_decided_anew(store: PostgresStore) -> None:
    """A pending mail is kept meanwhile, and pending again with its new actions."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    before = store.emails.get("<1@example>")

    store.reclassify.send_back([before.email.id], Filing.PENDING)
    assert ((Status.FETCHED, Filing.KEPT), []) == (state(store, 1), store.actions.plan(account.id))
    classify_all(store, account, FLAG)

    assert [("INBOX", "flag", "$Done", 1)] == store.actions.plan(account.id)
    assert steps(store, 1)[2:] == [
        ("status", "classified", "fetched"),
        ("filing", "pending", "kept"),
        ("status", "fetched", "classified"),
        ("filing", "kept", "pending"),
    ]


def test_held_mail_takes_the_edges(store: PostgresStore) -> None:
    """Held mail becomes kept by way of pending, and its run holds it no longer."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    store.actions.hold_pending(account.id, "INBOX", RUN)

    store.reclassify.send_back([email_id(store, 1)], Filing.HELD)

    assert (Status.FETCHED, Filing.KEPT) == state(store, 1)
    assert [("filing", "held", "pending"), ("filing", "pending", "kept")] == steps(store, 1)[-2:]


def test_a_new_decision_without_actions_keeps(store: PostgresStore) -> None:
    """What is decided to stay, stays; what no rule decides stays too."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    store.reclassify.send_back([email_id(store, 1), email_id(store, 2)], Filing.PENDING)
    by_subject = {"Mail 1": decided(), "Mail 2": decided(status=Status.UNCERTAIN, decided_by=None)}

    store.emails.classify(
        account.id, 10, lambda mail: by_subject[mail.headers["subject"][0]], store.rule_sets.push("b", "b")
    )

    expected = [(Status.CLASSIFIED, Filing.KEPT), (Status.UNCERTAIN, Filing.KEPT)]
    assert expected == [state(store, uid) for uid in (1, 2)]


def test_filed_mail_is_filed_again_and_no_longer_undone(store: PostgresStore) -> None:
    """A filed mail goes by kept to pending; undo of the run that filed it first leaves it alone, its log stays."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    again = email_id(store, 1)
    store.reclassify.send_back([again], Filing.APPLIED)
    classify_all(store, account, FLAG)

    with store.leases.hold("undo", "test", 60) as lease:
        undone = store.actions.claim_undo(account.id, RUN, lease)

    assert [email_id(store, 2)] == [mail.id for mail in undone]
    history = store.emails.get(str(again))
    assert (Filing.PENDING, [ActionState.DONE]) == (history.filing, [action.state for action in history.actions])


def test_planned_actions_of_the_old_decision_are_abandoned(store: PostgresStore) -> None:
    """What a server refused for now is not done later under a decision that is gone."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        outcome = Outcome(email_id=mail.id, became=Filing.PENDING, why="no", by="server")
        store.actions.finish(lease, [], [outcome], RUN)

    assert 1 == store.reclassify.send_back([mail.id], Filing.PENDING)

    assert [ActionState.ABANDONED] == [action.state for action in store.emails.get(str(mail.id)).actions]


@pytest.mark.parametrize("filing", [Filing.APPLYING, Filing.UNCLEAR, Filing.VANISHED])
def test_some_filings_never_go_back(store: PostgresStore, filing: Filing) -> None:
    """In a worker's hands, lost, or gone: not touched even when asked for."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        if filing is not Filing.APPLYING:
            outcome = Outcome(email_id=mail.id, became=filing, why="test")
            store.actions.finish(lease, [], [outcome], RUN)

        assert 0 == store.reclassify.send_back([mail.id], filing)
        assert (Status.CLASSIFIED, filing) == state(store, 1)


def test_mail_between_copy_and_expunge_stays(store: PostgresStore) -> None:
    """Our mark may be on its source: only carrying on ends that."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        [step] = sent(mail)
        store.actions.advance(lease, [step])
        outcome = Outcome(email_id=mail.id, became=Filing.PENDING, why="later", by="server")
        store.actions.finish(lease, [], [outcome], RUN)

    assert 0 == store.reclassify.send_back([mail.id], Filing.PENDING)
    assert (Status.CLASSIFIED, Filing.PENDING) == state(store, 1)


def test_mail_that_was_copied_and_left_stays(store: PostgresStore) -> None:
    """It would be copied once more."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        for step in copied(mail, 5):
            store.actions.advance(lease, [step])
        outcome = Outcome(email_id=mail.id, became=Filing.APPLIED, why="copied")
        store.actions.finish(lease, [], [outcome], RUN)

    [[stored]] = store.stored_mails.pages(MailChoice())

    assert (True, 0) == (stored.is_busy, store.reclassify.send_back([mail.id], Filing.APPLIED))


def test_a_copy_that_begins_while_we_wait_for_the_mail(store: PostgresStore, database_url: str) -> None:
    """Who waits for a lock must see what the holder of it did, not what was there before."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        outcome = Outcome(email_id=mail.id, became=Filing.PENDING, why="later", by="server")
        store.actions.finish(lease, [], [outcome], RUN)
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    begin = """
        UPDATE actions
        SET state = 'copied', sent_at = now(), source_mailbox = 'INBOX', source_uidvalidity = 7, source_uid = 1
    """
    with ThreadPoolExecutor(1) as other, psycopg.connect(database_url) as worker:
        worker.execute("SELECT FROM emails FOR UPDATE")
        sent_back = other.submit(store.reclassify.send_back, [mail.id], Filing.PENDING)
        with psycopg.connect(database_url, autocommit=True) as looking:
            while not looking.execute(waits).fetchone()[0]:
                assert not sent_back.done()
        worker.execute(begin)
        worker.commit()

        assert 0 == sent_back.result(timeout=30)
    assert (Status.CLASSIFIED, Filing.PENDING) == state(store, 1)


def test_what_changed_since_it_was_looked_at_stays(store: PostgresStore) -> None:
    """A mail that was filed between the preview and the owner's yes is not given back."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    apply_all(store, account)

    assert 0 == store.reclassify.send_back([email_id(store, 1)], Filing.PENDING)
    assert (Status.CLASSIFIED, Filing.APPLIED) == state(store, 1)


def test_a_mail_goes_back_once(store: PostgresStore) -> None:
    """Asked twice, it is fetched already."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account)
    mail = email_id(store, 1)

    assert [1, 0] == [store.reclassify.send_back([mail], Filing.KEPT) for _ in range(2)]


def test_kept_mail_of_a_person_is_not_filed_by_a_stray_decision(store: PostgresStore) -> None:
    """Moved by its owner after it was given back: the new decision leaves it where it is."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account)
    store.reclassify.send_back([email_id(store, 1)], Filing.KEPT)
    store.emails.add(account.id, [make_mail(5, same_as=1)], read_to(store, account, "Mine", 5))

    classify_all(store, account, MOVE)

    history = store.emails.get("<1@example>")
    assert (Status.CLASSIFIED, Filing.KEPT, "Mine") == (history.status, history.filing, history.email.mailbox)


def test_mail_older_than_what_was_approved_is_still_kept(timed_store: PostgresStore, clock: Clock) -> None:
    """Giving mail back widens nothing: what was not approved for filing stays."""
    account = make_account(timed_store)
    clock.advance(hours=1)
    timed_store.accounts.set_mode(account.id, Mode.APPLY, approve="new")
    add_mails(timed_store, account, range(1, 2))
    classify_all(timed_store, account)
    timed_store.reclassify.send_back([email_id(timed_store, 1)], Filing.KEPT)

    classify_all(timed_store, account, MOVE)

    assert (Status.CLASSIFIED, Filing.KEPT) == state(timed_store, 1)


def test_undo_of_another_run_does_not_see_it(store: PostgresStore) -> None:
    """An undo of a run that did nothing to a mail claims nothing after it was given back."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    store.reclassify.send_back([email_id(store, 1)], Filing.APPLIED)

    with store.leases.hold("undo", "test", 60) as lease:
        assert [] == store.actions.claim_undo(account.id, RUN, lease)
        assert [] == store.actions.claim_undo(account.id, uuid.uuid4(), lease)
