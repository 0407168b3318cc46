"""Arriving mail: stored once, recognised under a new place, never doubled."""

from dataclasses import replace

import pytest

from shared.records import EmailRef, Outcome
from shared.status import Filing, Status
from shared.store import PostgresStore
from tests.integration.store.values import (
    FLAG,
    MOVE,
    RUN,
    TARGET_UIDVALIDITY,
    add_mails,
    applied,
    apply_all,
    classify_all,
    copied,
    done,
    email_id,
    make_account,
    make_mail,
    read_to,
    sent,
)

NOTHING = {"fetched": 0, "returned": 0, "remapped": 0, "known": 0}


def test_new_mail_is_stored_with_its_checkpoint(store: PostgresStore) -> None:
    """A chunk and the checkpoint that says so arrive together, each mail with an event."""
    account = make_account(store)
    checkpoint = read_to(store, account, "INBOX", 2)
    counts = store.emails.add(account.id, [make_mail(1), make_mail(2)], checkpoint)
    history = store.emails.get("<2@example>")

    assert counts == NOTHING | {"fetched": 2}
    assert store.emails.checkpoint(account.id, "INBOX") == checkpoint
    assert (history.status, history.filing, len(history.events)) == (Status.FETCHED, Filing.NONE, 1)


def test_a_replay_adds_nothing(store: PostgresStore) -> None:
    """The same chunk again is known, all of it."""
    account = make_account(store)
    add_mails(store, account, range(1, 6))
    mails = [make_mail(uid) for uid in range(3, 8)]

    assert store.emails.add(account.id, mails, read_to(store, account, "INBOX", 7)) == NOTHING | {
        "fetched": 2,
        "known": 3,
    }


@pytest.mark.parametrize(
    "text", ["a\tb\nc\rd", "back\\slash \\N", 'quote " {brace},', "\N{SNOWMAN} \U0001f4e7", "%s %(x)s", ""]
)
def test_any_text_survives(store: PostgresStore, text: str) -> None:
    """Header fields, Message-ID, flags and defects come back as they went in."""
    account = make_account(store)
    flag = text.replace(" ", "_")
    mail = make_mail(1, message_id=f"<{text}>", headers={"subject": [text, text]}, defects=(text, "b"))
    store.emails.add(
        account.id, [replace(mail, flags=frozenset({flag, "\\Seen"}))], read_to(store, account, "INBOX", 1)
    )
    history = store.emails.get(f"<{text}>")

    assert (history.message_id, history.email.headers, history.defects, history.email.flags) == (
        f"<{text}>",
        {"subject": [text, text]},
        (text, "b"),
        {flag, "\\Seen"},
    )


def test_twins_are_two_mails(store: PostgresStore) -> None:
    """Two mails with one identity_hash in one chunk are two rows."""
    account = make_account(store)
    mails = [make_mail(1), make_mail(2, same_as=1)]

    assert store.emails.add(account.id, mails, read_to(store, account, "INBOX", 2))["fetched"] == 2


def test_our_own_move_is_known_in_its_target(store: PostgresStore) -> None:
    """A target mailbox that is also read finds the moved mail under its new place."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    mails = [make_mail(1), make_mail(2)]

    counts = store.emails.add(account.id, mails, read_to(store, account, "Done", 2, TARGET_UIDVALIDITY))
    assert counts == NOTHING | {"known": 2}


def test_an_unsettled_move_is_dropped_in_its_target(store: PostgresStore) -> None:
    """A mail that an unsettled action is known to have put there makes no second row."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        store.actions.advance(lease, [replace(step, target_uid=5) for step in sent(mail)])
        counts = store.emails.add(
            account.id, [make_mail(5, same_as=1)], read_to(store, account, "Done", 5, TARGET_UIDVALIDITY)
        )
        store.actions.finish(lease, done(mail), [applied(mail, 5)], RUN)

    assert counts == NOTHING | {"known": 1}
    assert store.emails.get("<1@example>").ref == EmailRef(mailbox="Done", uidvalidity=TARGET_UIDVALIDITY, uid=5)


def test_an_unknown_uid_is_filled_in(store: PostgresStore) -> None:
    """A moved mail whose new UID is unknown, because we were told another's, gets it when its target is read."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    store.emails.add(account.id, [make_mail(5)], read_to(store, account, "Done", 5, TARGET_UIDVALIDITY))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        store.actions.advance(lease, sent(mail))
        store.actions.finish(lease, done(mail), [applied(mail, 5)], RUN)
    before = store.emails.get("<1@example>").ref
    counts = store.emails.add(
        account.id, [make_mail(8, same_as=1)], read_to(store, account, "Done", 8, TARGET_UIDVALIDITY)
    )
    history = store.emails.get("<1@example>")

    assert (before, counts) == (None, NOTHING | {"known": 1})
    assert (history.ref, history.filing) == (
        EmailRef(mailbox="Done", uidvalidity=TARGET_UIDVALIDITY, uid=8),
        Filing.APPLIED,
    )


def test_a_mail_moved_back_is_kept(store: PostgresStore) -> None:
    """A filed mail that turns up where it came from was moved back by its owner: kept, by person, from then on."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    number = email_id(store, 1)
    counts = store.emails.add(account.id, [make_mail(11, same_as=1)], read_to(store, account, "INBOX", 11))
    history = store.emails.get(str(number))

    assert counts == NOTHING | {"returned": 1}
    assert (history.filing, history.ref) == (Filing.KEPT, EmailRef(mailbox="INBOX", uidvalidity=7, uid=11))
    assert (history.events[-1].by, history.events[-1].why) == ("person", "moved back")


def test_a_moved_mail_may_wander(store: PostgresStore) -> None:
    """A mail that we moved and that turns up in a third mailbox has its new place; it did not come back."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    counts = store.emails.add(account.id, [make_mail(4, same_as=1)], read_to(store, account, "Other", 4))
    history = store.emails.get("<1@example>")

    assert counts == NOTHING | {"known": 1}
    assert (history.filing, history.ref) == (Filing.APPLIED, EmailRef(mailbox="Other", uidvalidity=7, uid=4))


def test_a_copy_of_a_flagged_mail_is_a_mail_of_its_own(store: PostgresStore) -> None:
    """A mail that we only flagged keeps its place when a copy of it turns up elsewhere."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, FLAG)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        store.actions.advance(lease, sent(mail))
        store.actions.finish(lease, done(mail), [replace(applied(mail, 0), ref=None)], RUN)
    counts = store.emails.add(account.id, [make_mail(4, same_as=1)], read_to(store, account, "Other", 4))
    history = store.emails.get(str(mail.id))

    assert counts == NOTHING | {"fetched": 1}
    assert (history.filing, history.ref) == (Filing.APPLIED, mail.ref)


def test_a_kept_mail_may_wander(store: PostgresStore) -> None:
    """A kept mail seen in another mailbox stays kept; another UID in the same mailbox is a twin, a mail of its own."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account)
    wandered = store.emails.add(account.id, [make_mail(4, same_as=1)], read_to(store, account, "Other", 4))
    twin = store.emails.add(account.id, [make_mail(5, same_as=1)], read_to(store, account, "Other", 5))

    assert (wandered, twin) == (NOTHING | {"known": 1}, NOTHING | {"fetched": 1})


def test_twins_moved_back_pair_up(store: PostgresStore) -> None:
    """Of twins that come back each gets one of the new places."""
    account = make_account(store)
    store.emails.add(account.id, [make_mail(1), make_mail(2, same_as=1)], read_to(store, account, "INBOX", 2))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    back = [make_mail(uid, same_as=1) for uid in (11, 12, 13)]

    assert store.emails.add(account.id, back, read_to(store, account, "INBOX", 13)) == NOTHING | {
        "returned": 2,
        "fetched": 1,
    }


def test_a_renumbered_mailbox_is_remapped(store: PostgresStore) -> None:
    """Under a new UIDVALIDITY known mail is found by identity_hash where that is one-to-one; twins are new mail."""
    account = make_account(store)
    mails = [make_mail(1), make_mail(2), make_mail(3, same_as=2)]
    store.emails.add(account.id, mails, read_to(store, account, "INBOX", 3))
    classify_all(store, account, MOVE)
    anew = store.emails.forget_uidvalidity(store.emails.checkpoint(account.id, "INBOX"), 8)
    again = [make_mail(21, same_as=1), make_mail(22, same_as=2), make_mail(23, same_as=2)]
    counts = store.emails.add(account.id, again, replace(anew, uid_low=1, uid_high=23), was=anew)
    history = store.emails.get("<1@example>")

    assert counts == NOTHING | {"remapped": 1, "fetched": 2, "vanished": 2}
    assert (history.ref, history.filing, history.events[-1].what) == (
        EmailRef(mailbox="INBOX", uidvalidity=8, uid=21),
        Filing.PENDING,
        "place",
    )


def test_mail_that_was_pending_vanishes_with_the_last_chunk(store: PostgresStore) -> None:
    """What a renumbered mailbox no longer has is known to be gone with the checkpoint, and not by a step after it."""
    account = make_account(store)
    add_mails(store, account, range(1, 4))
    classify_all(store, account, MOVE)
    anew = store.emails.forget_uidvalidity(store.emails.checkpoint(account.id, "INBOX"), 8)
    half = replace(anew, uid_low=22, uid_high=22)
    first = store.emails.add(account.id, [make_mail(22, same_as=2)], half, was=anew)
    waits = store.emails.get("<1@example>").filing
    last = store.emails.add(account.id, [], replace(half, uid_low=1), was=half)

    assert (NOTHING | {"remapped": 1}, Filing.PENDING) == (first, waits)
    assert (NOTHING | {"vanished": 2}, 1) == (last, store.emails.waiting(account.id)["to_apply"])


def test_mail_gone_before_it_was_classified_never_waits(store: PostgresStore) -> None:
    """Mail that a renumbered mailbox, read to its end, no longer has is kept when it is classified at last."""
    account = make_account(store)
    add_mails(store, account, range(1, 4))
    anew = store.emails.forget_uidvalidity(store.emails.checkpoint(account.id, "INBOX"), 8)
    read = replace(anew, uid_low=1, uid_high=21)
    counts = store.emails.add(account.id, [make_mail(21, same_as=1)], read, was=anew)
    classify_all(store, account, MOVE)
    gone = store.emails.get("<2@example>")

    assert (counts, store.emails.waiting(account.id)["to_apply"]) == (NOTHING | {"remapped": 1, "vanished": 0}, 1)
    assert (gone.filing, gone.events[-1].why) == (Filing.KEPT, "gone when the mailbox was renumbered")


def test_mail_classified_while_a_mailbox_is_read_anew_waits(store: PostgresStore) -> None:
    """Until the mailbox is read to its end, mail of its older UIDVALIDITY may still be found again."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))
    store.emails.forget_uidvalidity(store.emails.checkpoint(account.id, "INBOX"), 8)
    classify_all(store, account, MOVE)

    assert store.emails.get("<1@example>").filing == Filing.PENDING


@pytest.mark.parametrize("chunk", [1, 3])
def test_kept_twins_of_a_renumbered_mailbox_stay_kept(store: PostgresStore, chunk: int) -> None:
    """Twins whose filing is settled pair up by number, in however many chunks they arrive; one more is new mail."""
    account = make_account(store)
    store.emails.add(account.id, [make_mail(1), make_mail(2, same_as=1)], read_to(store, account, "INBOX", 2))
    classify_all(store, account)
    store.emails.forget_uidvalidity(store.emails.checkpoint(account.id, "INBOX"), 8)
    again = [make_mail(uid, same_as=1) for uid in (21, 22, 23)]
    counts = [
        store.emails.add(account.id, again[first : first + chunk], read_to(store, account, "INBOX", 23, uidvalidity=8))
        for first in range(0, len(again), chunk)
    ]

    assert (sum(count["remapped"] for count in counts), sum(count["fetched"] for count in counts)) == (2, 1)


def test_a_copy_of_ours_beside_its_source_is_known(store: PostgresStore) -> None:
    """Where the source of a copy had to stay, the copy makes no row: the row stays with the source."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        for step in copied(mail, uid=5):
            store.actions.advance(lease, [step])
        store.actions.finish(lease, [], [replace(applied(mail, 5), ref=None)], RUN)
    counts = store.emails.add(
        account.id, [make_mail(5, same_as=1)], read_to(store, account, "Done", 5, TARGET_UIDVALIDITY)
    )

    assert counts == NOTHING | {"known": 1}
    assert store.emails.get("<1@example>").ref == EmailRef(mailbox="INBOX", uidvalidity=7, uid=1)


def test_held_mail_vanishes_by_its_edges(store: PostgresStore) -> None:
    """Held mail of a renumbered mailbox becomes pending, then vanished."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    store.actions.hold_pending(account.id, "INBOX", RUN)
    anew = store.emails.forget_uidvalidity(store.emails.checkpoint(account.id, "INBOX"), 8)
    store.emails.add(account.id, [], replace(anew, uid_low=1, uid_high=0), was=anew)

    edges = [(event.was, event.became) for event in store.emails.get("<1@example>").events[-2:]]
    assert edges == [("held", "pending"), ("pending", "vanished")]


def test_known_uids(store: PostgresStore) -> None:
    """The UIDs of known mail are listed from a UID on."""
    account = make_account(store)
    add_mails(store, account, range(1, 6))

    assert store.emails.known_uids(account.id, "INBOX", 7, 4) == {4, 5}


def test_a_copy_whose_mail_still_waits_is_known(store: PostgresStore) -> None:
    """After a crash the copy is recorded and its mail pending again: met in its target, the copy is no new mail."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        for step in copied(mail, uid=5):
            store.actions.advance(lease, [step])
        store.actions.finish(lease, [], [Outcome(email_id=mail.id, became=Filing.PENDING, why="a crash")], RUN)
    counts = store.emails.add(
        account.id, [make_mail(5, same_as=1)], read_to(store, account, "Done", 5, TARGET_UIDVALIDITY)
    )

    assert counts == NOTHING | {"known": 1}


def test_copies_in_a_renumbered_mailbox_are_still_known(store: PostgresStore) -> None:
    """However often that happens, our copy is followed by its identity and makes no row."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        for step in copied(mail, uid=5):
            store.actions.advance(lease, [step])
        store.actions.finish(lease, [], [replace(applied(mail, 5), ref=None)], RUN)

    for renumbered in (TARGET_UIDVALIDITY + 1, TARGET_UIDVALIDITY - 1):
        checkpoint = read_to(store, account, "Done", 2, renumbered)
        assert NOTHING | {"known": 1} == store.emails.add(account.id, [make_mail(1, same_as=1)], checkpoint)
        [action] = store.emails.get("<1@example>").actions
        assert (renumbered, 1) == (action.target_uidvalidity, action.target_uid)


def test_a_copy_of_ours_is_a_known_uid(store: PostgresStore) -> None:
    """A copy has no row of its own, and is nobody else's arrival either."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    classify_all(store, account, MOVE)
    with store.leases.hold("a", "test", 60) as lease:
        [mail] = store.actions.claim(account.id, "INBOX", 1, lease, RUN)
        for step in copied(mail, uid=5):
            store.actions.advance(lease, [step])
        known = store.emails.known_uids(account.id, "Done", TARGET_UIDVALIDITY, 5)

    assert known == {5}
