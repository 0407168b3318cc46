"""Accounts: what their owners allow, how they are doing, and nothing left when they go."""

import psycopg
import pytest

from shared.errors import Conflict, InvalidRules, NotFound
from shared.records import Mode, Tls
from shared.status import Filing
from shared.store import PostgresStore, open_store
from tests.integration.store.values import MOVE, RUN, Clock, add_mails, apply_all, classify_all, make_account

SLOW_DELETION = """
CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('statement_timeout') <> '0' THEN
        RAISE query_canceled;
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER take_time BEFORE DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION take_time();
"""
"""Behaves as a deletion longer than any statement timeout."""


def test_an_account_comes_back_as_it_was_made(store: PostgresStore) -> None:
    """A new account observes, and its secret is never in its text."""
    account = store.accounts.create(
        name="work", host="mail.example", port=993, tls=Tls.TLS, username="me", secret=b"encrypted"
    )

    assert (store.accounts.get("work"), store.accounts.list(), account.mode) == (account, [account], Mode.OBSERVE)
    assert "encrypted" not in repr(account)


def test_names_are_unique(store: PostgresStore) -> None:
    """A second account of the same name is refused."""
    make_account(store)

    with pytest.raises(Conflict):
        make_account(store)


def test_an_unknown_account_is_not_found(store: PostgresStore) -> None:
    """What is not there is said to be not there."""
    with pytest.raises(NotFound):
        store.accounts.get("nobody")


def test_apply_for_new_mail_only(store: PostgresStore) -> None:
    """Approving only new mail keeps what waits where it is, for good."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    approved = store.accounts.set_mode(account.id, Mode.APPLY, approve="new")
    history = store.emails.get("<1@example>")

    assert (approved, history.filing, history.events[-1].why) == (0, Filing.KEPT, "only new mail approved")
    assert store.accounts.get("work").mode == Mode.APPLY


def test_only_new_mail_is_filed(timed_store: PostgresStore, clock: Clock) -> None:
    """What was held, not read or not classified when only new mail was approved is kept; what comes after is filed."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 2))
    classify_all(timed_store, account, MOVE)
    timed_store.actions.hold_pending(account.id, "INBOX", RUN)
    add_mails(timed_store, account, range(2, 3))
    clock.advance(minutes=4, seconds=0.5)
    timed_store.accounts.set_mode(account.id, Mode.APPLY, approve="new")
    timed_store.accounts.set_mode(account.id, Mode.OBSERVE)
    timed_store.accounts.set_mode(account.id, Mode.APPLY)
    add_mails(timed_store, account, range(3, 6))
    classify_all(timed_store, account, MOVE)
    found = [timed_store.emails.get(f"<{uid}@example>") for uid in range(1, 6)]

    assert [mail.filing for mail in found] == [Filing.KEPT] * 3 + [Filing.PENDING] * 2
    assert [mail.events[-1].why for mail in found[1:4]] == ["older than what was approved"] * 2 + ["actions decided"]
    assert [(event.was, event.became) for event in found[0].events[-2:]] == [("held", "pending"), ("pending", "kept")]


def test_approving_all_files_old_mail_too(timed_store: PostgresStore, clock: Clock) -> None:
    """A later approval of all ends the limit to new mail."""
    account = make_account(timed_store)
    clock.advance(days=1)
    timed_store.accounts.set_mode(account.id, Mode.APPLY, approve="new")
    timed_store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=10)
    add_mails(timed_store, account, range(1, 2))
    classify_all(timed_store, account, MOVE)

    assert timed_store.emails.get("<1@example>").filing == Filing.PENDING


def test_apply_for_all_is_by_number(store: PostgresStore) -> None:
    """Approving all approves exactly the moves that wait now."""
    account = make_account(store)
    add_mails(store, account, range(1, 4))
    classify_all(store, account, MOVE)

    assert store.accounts.set_mode(account.id, Mode.APPLY, approve="all") == 3
    assert (store.accounts.get("work").approved_moves, store.emails.waiting(account.id)["to_apply"]) == (3, 3)


def test_nothing_is_due_while_observing(store: PostgresStore) -> None:
    """An account that only observes has nothing to apply."""
    account = make_account(store, mode=Mode.OBSERVE)
    add_mails(store, account, range(1, 4))
    classify_all(store, account, MOVE)

    assert store.emails.waiting(account.id) == {
        "to_classify": 0,
        "wanted": 0,
        "uncertain": 0,
        "to_ask": 0,
        "to_apply": 0,
    }


def test_the_pause_is_global(store: PostgresStore) -> None:
    """The pause holds until it is ended."""
    before = store.accounts.paused()
    store.accounts.pause()
    paused = store.accounts.paused()
    store.accounts.resume()

    assert (before, paused, store.accounts.paused()) == (False, True, False)


def test_health_of_an_account(store: PostgresStore) -> None:
    """Failures count up with their reason until a success clears them."""
    account = make_account(store)
    store.accounts.record_failure(account.id, "no route")
    store.accounts.record_failure(account.id, "login refused")
    [failing] = store.accounts.states()
    store.accounts.record_success(account.id)
    [well] = store.accounts.states()

    assert (failing.consecutive_failures, failing.last_error, failing.last_success_at) == (2, "login refused", None)
    assert (well.consecutive_failures, well.last_error, well.last_success_at is None) == (0, None, False)


def test_a_deleted_account_leaves_nothing(store: PostgresStore, database_url: str) -> None:
    """Mails, events, actions, mailboxes and runs go with their account; other accounts stay."""
    account, other = make_account(store), make_account(store, "other")
    for each in (account, other):
        add_mails(store, each, range(1, 4))
        classify_all(store, each, MOVE)
        apply_all(store, each)
    store.accounts.delete("work")
    tables = ("emails", "mailboxes", "actions")
    with psycopg.connect(database_url) as connection:
        left = [
            connection.execute(f"SELECT count(*) FILTER (WHERE account_id = {account.id}), count(*) > 0 FROM {table}")
            for table in tables
        ]
        orphans = connection.execute("SELECT count(*) FROM email_events WHERE email_id NOT IN (SELECT id FROM emails)")
        events = connection.execute("SELECT count(*) > 0 FROM email_events")

    assert [(0, True)] * 3 == [rows.fetchone() for rows in left]
    assert [(0,), (True,)] == [orphans.fetchone(), events.fetchone()]


def test_deleting_an_account_may_take_long(database_url: str) -> None:
    """The time limit of statements, which this account's mail exceeds, does not hold for its deletion."""
    with psycopg.connect(database_url, autocommit=True) as connection, open_store(database_url) as store:
        make_account(store)
        connection.execute(SLOW_DELETION)
        store.accounts.delete("work")
        left = store.accounts.list()

    assert left == []


def test_the_active_rules_are_the_last_pushed(database_url: str) -> None:
    """Each push is a new version; the same text again is not; each version is parsed once."""
    parsed: list[str] = []

    def parse(text: str) -> str:
        parsed.append(text)
        return text.upper()

    with open_store(database_url, parse=parse) as store:
        with pytest.raises(InvalidRules):
            store.rule_sets.active()
        first = store.rule_sets.push("one", "1")
        actives = [store.rule_sets.active(), store.rule_sets.active()]
        second = store.rule_sets.push("two", "2")
        again = store.rule_sets.push("two", "2")
        actives.append(store.rule_sets.active())

    assert (actives, parsed) == ([(first, "ONE"), (first, "ONE"), (second, "TWO")], ["one", "two"])
    assert again == second
