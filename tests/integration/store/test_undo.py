"""Undo: the reverse of what was done, once, and only of what nobody has touched since."""

import uuid

from shared.records import ActionKind, ActionStep, EmailRef, Mode, Outcome
from shared.rules.model import Action
from shared.status import ActionState, Filing
from shared.store import PostgresStore
from tests.integration.store.values import (
    FLAG,
    MARK_READ,
    MOVE,
    RUN,
    TARGET_UIDVALIDITY,
    Clock,
    add_mails,
    applied,
    apply_all,
    classify_all,
    copied,
    done,
    make_account,
    make_mail,
    read_to,
    sent,
)

UNDO_RUN = uuid.UUID(int=77)
NEXT_RUN = uuid.UUID(int=78)


def kept(email_id: int, uid: int) -> Outcome:
    ref = EmailRef(mailbox="INBOX", uidvalidity=7, uid=uid)
    return Outcome(email_id=email_id, became=Filing.KEPT, why="undone", by="person", ref=ref)


def test_undo_reverses_only_what_changed(store: PostgresStore) -> None:
    """A flag that was there before stays; added ones go, removed ones return, and the mail goes back to its source."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    unflag = Action(kind=ActionKind.UNFLAG, target="\\Flagged")
    classify_all(store, account, FLAG, MARK_READ, unflag, MOVE)
    apply_all(store, account, flags=frozenset({"\\seen", "\\Flagged"}))
    with store.leases.hold("a", "undo", 60) as lease:
        [mail] = store.actions.claim_undo(account.id, RUN, lease)
        store.actions.advance(lease, sent(mail))
        store.actions.finish(lease, done(mail), [kept(mail.id, 31)], UNDO_RUN)
        again = store.actions.claim_undo(account.id, RUN, lease)
    history = store.emails.get("<1@example>")

    assert [(action.kind, action.target) for action in mail.actions] == [
        (ActionKind.UNFLAG, "$Done"),
        (ActionKind.FLAG, "\\Flagged"),
        (ActionKind.MOVE, "INBOX"),
    ]
    assert (mail.undoing, mail.expected_flags, mail.ref) == (
        True,
        {"\\seen", "$Done"},
        EmailRef(mailbox="Done", uidvalidity=TARGET_UIDVALIDITY, uid=1),
    )
    assert (again, history.filing, history.ref) == (
        [],
        Filing.KEPT,
        EmailRef(mailbox="INBOX", uidvalidity=7, uid=31),
    )
    assert [action.undoes is None for action in history.actions] == [True] * 4 + [False] * 3


def test_undone_mail_is_known_afterwards(store: PostgresStore) -> None:
    """Two more readings after an undo change nothing, whether or not the new UID is known."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    add_mails(store, account, range(10, 11))
    with store.leases.hold("a", "undo", 60) as lease:
        mails = store.actions.claim_undo(account.id, RUN, lease)
        store.actions.advance(lease, [step for mail in mails for step in sent(mail)])
        steps = [
            ActionStep(
                action_id=mail.actions[0].id,
                was=ActionState.SENT,
                became=ActionState.DONE,
                target_mailbox="INBOX",
                target_uidvalidity=7,
            )
            for mail in mails
        ]
        taken = kept(mails[1].id, 10)
        store.actions.finish(lease, steps, [kept(mails[0].id, 11), taken], UNDO_RUN)
    again = [make_mail(11, same_as=1), make_mail(12, same_as=2)]
    counts = [store.emails.add(account.id, again, read_to(store, account, "INBOX", 12)) for _ in range(2)]

    assert counts == [{"fetched": 0, "returned": 0, "remapped": 0, "known": 2}] * 2


def test_moved_back_mail_is_not_undone(store: PostgresStore) -> None:
    """What its owner already took back is left alone."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    store.emails.add(account.id, [make_mail(11, same_as=1)], read_to(store, account, "INBOX", 11))
    with store.leases.hold("a", "undo", 60) as lease:
        [mail] = store.actions.claim_undo(account.id, RUN, lease)
        store.actions.finish(lease, [], [Outcome(email_id=mail.id, became=Filing.APPLIED, why="touched")], UNDO_RUN)

    assert mail.identity_hash == make_mail(2).identity_hash


def test_a_mail_moved_on_is_not_undone(store: PostgresStore) -> None:
    """What its owner moved from our target to a third mailbox is left there."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, FLAG, MOVE)
    apply_all(store, account)
    store.emails.add(account.id, [make_mail(11, same_as=1)], read_to(store, account, "Other", 11))
    with store.leases.hold("a", "undo", 60) as lease:
        [mail] = store.actions.claim_undo(account.id, RUN, lease)
        store.actions.finish(lease, [], [Outcome(email_id=mail.id, became=Filing.APPLIED, why="touched")], UNDO_RUN)

    assert (mail.identity_hash, store.emails.get("<1@example>").filing) == (make_mail(2).identity_hash, Filing.APPLIED)


def test_a_copy_is_not_undone_but_its_flags_are(store: PostgresStore) -> None:
    """Where the source was left, there is no way back: the mail stays applied, unless it has flags to take back."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    add_mails(store, account, range(2, 3))
    classify_all(store, account, FLAG, MOVE)
    add_mails(store, account, range(3, 4))
    classify_all(store, account, MARK_READ, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        mails = store.actions.claim(account.id, "INBOX", 3, lease, RUN)
        for mail in mails:
            flags = [step for step in sent(mail, frozenset({"\\Seen"})) if step.target_mailbox is None]
            store.actions.advance(lease, flags)
            store.actions.advance(lease, done(mail)[: len(flags)])
            for step in copied(mail, uid=mail.id):
                store.actions.advance(lease, [step])
        outcomes = [Outcome(email_id=mail.id, became=Filing.APPLIED, why="copied") for mail in mails]
        store.actions.finish(lease, [], outcomes, RUN)
        [mail] = store.actions.claim_undo(account.id, RUN, lease)
        store.actions.finish(lease, [], [Outcome(email_id=mail.id, became=Filing.KEPT, why="undone")], UNDO_RUN)

    assert [(action.kind, action.target) for action in mail.actions] == [(ActionKind.UNFLAG, "$Done")]
    assert [store.emails.get(f"<{uid}@example>").filing for uid in (1, 2, 3)] == [
        Filing.APPLIED,
        Filing.KEPT,
        Filing.APPLIED,
    ]


def test_a_dead_undo_is_taken_over(timed_store: PostgresStore, clock: Clock) -> None:
    """Mail whose undo died comes back with the unfinished reverse actions; begun undos are found again."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 2))
    classify_all(timed_store, account, FLAG, MOVE)
    apply_all(timed_store, account)
    with timed_store.leases.hold("a", "one", 60) as lease:
        [mail] = timed_store.actions.claim_undo(account.id, RUN, lease)
        timed_store.actions.advance(lease, sent(mail)[:1])
    clock.advance(seconds=200)
    with timed_store.leases.hold("a", "two", 60) as lease:
        [taken] = timed_store.actions.stale(account.id, lease)
        outcome = Outcome(email_id=mail.id, became=Filing.APPLIED, why="server lost", by="dependency")
        timed_store.actions.finish(lease, [], [outcome], UNDO_RUN)
        [begun] = timed_store.actions.claim_undo(account.id, None, lease)
        [repeated] = [begun]
        timed_store.actions.finish(lease, [], [outcome], UNDO_RUN)
        [repeated] = timed_store.actions.claim_undo(account.id, RUN, lease)
        timed_store.actions.finish(lease, [], [outcome], UNDO_RUN)

    states = [action.state for action in taken.actions]
    assert (states, taken.undoing) == ([ActionState.SENT, ActionState.PLANNED], True)
    assert begun.actions == repeated.actions == taken.actions


def test_what_was_sent_belongs_to_the_run_that_records_it(timed_store: PostgresStore, clock: Clock) -> None:
    """After a crash the run that found a mail moved counts it and takes it back; the one that sent it has nothing."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 2))
    classify_all(timed_store, account, FLAG, MOVE)
    with timed_store.leases.hold("a", "one", 60) as lease:
        [mail] = timed_store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        timed_store.actions.advance(lease, sent(mail))
        timed_store.actions.advance(lease, done(mail)[:1])
    clock.advance(seconds=200)
    with timed_store.leases.hold("a", "two", 60) as lease:
        [taken] = timed_store.actions.stale(account.id, lease)
        timed_store.actions.finish(lease, done(taken), [applied(taken, 1)], NEXT_RUN)
        before = timed_store.actions.claim_undo(account.id, RUN, lease)
        [undone] = timed_store.actions.claim_undo(account.id, NEXT_RUN, lease)
        timed_store.actions.finish(lease, [], [kept(mail.id, 31)], UNDO_RUN)
    summaries = [timed_store.runs.summary(run).targets for run in (RUN, NEXT_RUN, UNDO_RUN)]

    assert (before, undone.id, len(undone.actions)) == ([], mail.id, 2)
    assert summaries == [{}, {"Done": 1}, {}]


def test_an_undo_needs_no_apply_but_no_pause(store: PostgresStore) -> None:
    """An undo is its owner's command, so observing does not stop it; a pause stops it, begun or not."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    store.accounts.set_mode(account.id, Mode.OBSERVE)
    with store.leases.hold("a", "undo", 60) as lease:
        store.accounts.pause()
        paused = store.actions.claim_undo(account.id, RUN, lease)
        store.accounts.resume()
        mails = store.actions.claim_undo(account.id, RUN, lease)
        later = [Outcome(email_id=mail.id, became=Filing.APPLIED, why="later", by="dependency") for mail in mails]
        store.actions.finish(lease, [], later, UNDO_RUN)
        store.accounts.pause()
        begun = store.actions.claim_undo(account.id, None, lease)

    assert (paused, len(mails), begun) == ([], 2, [])
