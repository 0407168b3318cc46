"""The law of the state machines, on every method that changes a mail."""

import itertools
import uuid
from dataclasses import replace

import psycopg
import pytest

from shared.errors import EmailAgentError
from shared.records import Account, ActionStep, Mode, Outcome
from shared.status import ACTION_TRANSITIONS, FILING_TRANSITIONS, STATUS_TRANSITIONS, ActionState, Filing, Status
from shared.store import PostgresStore
from shared.store.stored_mails import MailChoice
from tests.integration.store.values import (
    FLAG,
    MOVE,
    RUN,
    add_mails,
    apply_all,
    classify_all,
    decided,
    done,
    email_id,
    make_account,
    make_mail,
    read_to,
    sent,
)

TRANSITIONS: dict[str, dict[str, frozenset[str]]] = {
    "status": {str(was): frozenset(map(str, became)) for was, became in STATUS_TRANSITIONS.items()},
    "filing": {str(was): frozenset(map(str, became)) for was, became in FILING_TRANSITIONS.items()},
}


@pytest.mark.parametrize("became", Filing)
@pytest.mark.parametrize("undo", [False, True], ids=["applying", "undoing"])
def test_finish_takes_only_edges(store: PostgresStore, became: Filing, undo: bool) -> None:
    """A claimed mail becomes what the table allows from where it is, else nothing changes at all."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    if undo:
        apply_all(store, account)
    was = Filing.APPLIED if undo else Filing.APPLYING
    with store.leases.hold("b", "test", 60) as lease:
        [mail] = (
            store.actions.claim_undo(account.id, RUN, lease)
            if undo
            else store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        )
        outcome = Outcome(email_id=mail.id, became=became, why="test")
        allowed = became in FILING_TRANSITIONS[was] or became is was is Filing.APPLIED
        if allowed:
            store.actions.finish(lease, [], [outcome], RUN)
        else:
            with pytest.raises(EmailAgentError):
                store.actions.finish(lease, [], [outcome], RUN)

    assert store.emails.get(str(mail.id)).filing == (became if allowed else was)


def test_steps_take_only_edges(store: PostgresStore) -> None:
    """A step outside the table is refused whatever the database holds; one inside needs the action in its `was`."""
    with store.leases.hold("a", "test", 60) as lease:
        for was, became in itertools.product(ActionState, ActionState):
            step = ActionStep(action_id=1, was=was, became=became)
            message = "expired" if became in ACTION_TRANSITIONS[was] else f"cannot go from {was} to {became}"
            with pytest.raises(EmailAgentError, match=message):
                store.actions.advance(lease, [step])


@pytest.mark.parametrize("status", Status)
def test_decisions_take_only_edges(store: PostgresStore, status: Status) -> None:
    """A fetched mail becomes what the table allows, else it stays fetched."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    rule_set_id = store.rule_sets.push("rules", "digest")
    allowed = status in STATUS_TRANSITIONS[Status.FETCHED]
    if allowed:
        store.emails.classify(account.id, 1, lambda mail: decided(status=status), rule_set_id)
    else:
        with pytest.raises(EmailAgentError):
            store.emails.classify(account.id, 1, lambda mail: decided(status=status), rule_set_id)

    assert store.emails.get("<1@example>").status == (status if allowed else Status.FETCHED)


def test_every_event_is_an_edge_and_every_change_an_event(store: PostgresStore, database_url: str) -> None:
    """After all methods ran, each mail's events form one path through the tables that ends where the mail is."""
    account = make_account(store)
    live_through_everything(store, account_id=account.id)
    query = """
        SELECT emails.id, email_events.what, was, became, status::text, filing::text
        FROM email_events JOIN emails ON emails.id = email_id WHERE what <> 'place' ORDER BY email_events.id
    """
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(query).fetchall()
    now: dict[tuple[int, str], str] = {}
    for email, what, was, became, _, _ in rows:
        assert was == now.get((email, what), "none" if what == "filing" else None)
        assert was in (None, became) or became in TRANSITIONS[what][was]
        now[email, what] = became

    ends = {(email, "status"): status for email, _, _, _, status, _ in rows}
    ends |= {(email, "filing"): filing for email, _, _, _, _, filing in rows if (email, "filing") in now}
    assert now == ends


def live_through_everything(store: PostgresStore, account_id: int) -> None:
    """Call every method that changes the state of mails."""
    account = store.accounts.get("work")
    run, confirming = uuid.uuid4(), uuid.uuid4()
    add_mails(store, account, range(1, 11))
    classify_all(store, account, FLAG, MOVE)
    apply_all(store, account, run)
    store.emails.add(account_id, [make_mail(31, same_as=1)], read_to(store, account, "INBOX", 31))
    with store.leases.hold("undo", "test", 60) as lease:
        mails = store.actions.claim_undo(account_id, run, lease)
        store.actions.advance(lease, [step for mail in mails for step in sent(mail)])
        outcomes = [Outcome(email_id=mail.id, became=Filing.KEPT, why="undone", by="person") for mail in mails]
        store.actions.finish(lease, [step for mail in mails for step in done(mail)], outcomes, run)
    add_mails(store, account, range(41, 51))
    classify_all(store, account, MOVE)
    store.runs.open(account_id, run, dry_run=False)
    store.actions.hold_pending(account_id, "INBOX", run)
    store.runs.close(run, "held")
    store.runs.open(account_id, confirming, dry_run=False)
    store.runs.confirm(account_id, run, confirming)
    with store.leases.hold("apply", "test", 60) as lease:
        mails = store.actions.claim(account_id, "INBOX", 4, lease, run)
        every = [Filing.PENDING, Filing.UNCLEAR, Filing.FAILED, Filing.VANISHED]
        outcomes = [
            Outcome(email_id=mail.id, became=became, why="test") for mail, became in zip(mails, every, strict=True)
        ]
        store.actions.finish(lease, [], outcomes, run)
    decide_anew(store, account)
    store.accounts.set_mode(account_id, Mode.APPLY, approve="new")
    add_mails(store, account, range(61, 66))
    classify_all(store, account, MOVE)
    anew = store.emails.forget_uidvalidity(store.emails.checkpoint(account_id, "INBOX"), 8)
    store.emails.add(account_id, [], replace(anew, uid_low=1, uid_high=0), was=anew)


def decide_anew(store: PostgresStore, account: Account) -> None:
    """Give mail of every filing back to the rules, and let a person decide on what waits."""
    uncertain = decided(status=Status.UNCERTAIN, decided_by=None)
    broken = decided(status=Status.FAILED, decided_by="error")
    rule_set_id = store.rule_sets.push("rules", "digest")
    for low, made in ((71, uncertain), (73, broken), (75, decided(MOVE))):
        add_mails(store, account, range(low, low + 2))
        store.emails.classify(account.id, 10, lambda mail, made=made: made, rule_set_id)
    store.reviews.categorise(email_id(store, 71), "tests", [MOVE])
    store.reviews.keep(email_id(store, 72))
    store.reviews.keep(email_id(store, 73))
    store.reviews.retry(email_id(store, 73))
    store.reviews.keep(email_id(store, 75))
    store.reviews.retry(email_id(store, 75))
    store.actions.hold_pending(account.id, "INBOX", RUN)
    store.reviews.keep(email_id(store, 76))
    for filing in Filing:
        pages = store.stored_mails.pages(MailChoice())
        ids = [stored.email.id for page in pages for stored in page if stored.filing is filing]
        store.reclassify.send_back(ids[:3], filing)
    classify_all(store, account, MOVE)
    for mail in store.reviews.list(limit=100):
        if mail.filing in (Filing.UNCLEAR, Filing.FAILED):
            store.reviews.retry(mail.id)
            store.reviews.keep(mail.id)
