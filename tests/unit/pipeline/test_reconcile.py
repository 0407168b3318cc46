"""What the evidence on the server says of commands whose answer was never recorded."""

import uuid

from shared.pipeline.reconcile import Evidence, judge
from shared.records import ActionKind, ClaimedEmail, EmailRef, LoggedAction
from shared.status import ActionState, Filing

A = ActionState
HASH = uuid.UUID(int=1)
TARGET = ("Archive", 9, HASH)


def source(uid: int) -> EmailRef:
    return EmailRef(mailbox="INBOX", uidvalidity=7, uid=uid)


def moving(uid: int, state: ActionState, *, target_uid: int | None = None, undoing: bool = False) -> ClaimedEmail:
    move = LoggedAction(
        id=uid * 10,
        email_id=uid,
        kind=ActionKind.MOVE,
        target="Archive",
        state=state,
        source=None if state is A.PLANNED else source(uid),
        target_mailbox="Archive",
        target_uidvalidity=9,
        target_uidnext=100,
        target_uid=target_uid,
    )
    return ClaimedEmail(id=uid, ref=source(uid), identity_hash=HASH, attempts=1, actions=(move,), undoing=undoing)


def outcome(email: ClaimedEmail, evidence: Evidence) -> tuple[ActionState, Filing]:
    verdict = judge([email], evidence)
    state = verdict.steps[-1].became if verdict.steps else email.actions[-1].state
    return state, verdict.outcomes[0].became


def test_planned_means_nothing_was_sent() -> None:
    """All actions planned: back to pending, whatever the server shows."""

    assert (A.PLANNED, Filing.PENDING) == outcome(moving(1, A.PLANNED), Evidence())


def test_a_move_whose_source_is_still_there_did_not_happen() -> None:
    """UID MOVE leaves a message in one mailbox: a foreign twin in the target changes nothing."""

    evidence = Evidence(sources=frozenset({source(1)}), arrivals={TARGET: [100]})

    assert (A.PLANNED, Filing.PENDING) == outcome(moving(1, A.SENT), evidence)


def test_a_move_whose_mail_arrived_is_done() -> None:
    """Source gone and one arrival: done, and the arrival is its new place."""

    verdict = judge([moving(1, A.SENT)], Evidence(arrivals={TARGET: [100]}))

    assert EmailRef(mailbox="Archive", uidvalidity=9, uid=100) == verdict.outcomes[0].ref


def test_neither_here_nor_there_is_for_a_person() -> None:
    """Source gone and no arrival: unclear, never a blind repeat."""

    assert (A.ABANDONED, Filing.UNCLEAR) == outcome(moving(1, A.SENT), Evidence())


def test_an_older_twin_in_the_target_is_no_arrival() -> None:
    """A twin with a UID below the UIDNEXT we stored was there before our command."""

    assert (A.ABANDONED, Filing.UNCLEAR) == outcome(moving(1, A.SENT), Evidence(arrivals={TARGET: [99]}))


def test_a_copy_that_arrived_only_waits_for_its_expunge() -> None:
    """Source and copy both there: copied, never copied again."""

    evidence = Evidence(sources=frozenset({source(1)}), arrivals={TARGET: [100]})

    assert (A.COPIED, Filing.PENDING) == outcome(moving(1, A.COPY_SENT), evidence)


def test_a_copy_that_did_not_arrive_is_planned_again() -> None:
    """Source there, nothing new in the target: the COPY did not happen."""

    assert (A.PLANNED, Filing.PENDING) == outcome(moving(1, A.COPY_SENT), Evidence(sources=frozenset({source(1)})))


def test_twins_are_matched_by_count() -> None:
    """Two identical mails, one arrival: the one whose source is gone takes it, the other is copied again."""

    evidence = Evidence(sources=frozenset({source(1)}), arrivals={TARGET: [100]})

    verdict = judge([moving(1, A.COPY_SENT), moving(2, A.COPY_SENT)], evidence)

    assert {1: Filing.PENDING, 2: Filing.APPLIED} == {item.email_id: item.became for item in verdict.outcomes}
    assert {10: A.PLANNED, 20: A.DONE} == {step.action_id: step.became for step in verdict.steps}


def test_an_expunge_that_was_not_done_is_sent_again() -> None:
    """Source still there after expunge_sent: only the expunge is repeated, the copy is known."""

    evidence = Evidence(sources=frozenset({source(1)}))

    assert (A.COPIED, Filing.PENDING) == outcome(moving(1, A.EXPUNGE_SENT, target_uid=100), evidence)


def test_an_expunge_that_was_done_ends_the_move() -> None:
    """Source gone after expunge_sent: done, at the place COPYUID told."""

    assert (A.DONE, Filing.APPLIED) == outcome(moving(1, A.EXPUNGE_SENT, target_uid=100), Evidence())


def test_a_renumbered_source_is_left_to_the_next_fetch() -> None:
    """Another UIDVALIDITY says nothing of the old UIDs: without an arrival the mail waits to be found by identity."""

    renumbered = Evidence(renumbered=frozenset({("INBOX", 7)}))
    arrived = Evidence(renumbered=frozenset({("INBOX", 7)}), arrivals={TARGET: [100]})

    assert (A.PLANNED, Filing.PENDING) == outcome(moving(1, A.SENT), renumbered)
    assert (A.DONE, Filing.APPLIED) == outcome(moving(1, A.SENT), arrived)
    assert (A.COPIED, Filing.PENDING) == outcome(moving(1, A.COPY_SENT), arrived)
    assert (A.COPIED, Filing.PENDING) == outcome(moving(1, A.EXPUNGE_SENT, target_uid=100), renumbered)


def test_an_undo_that_happened_ends_as_kept() -> None:
    """A mail found back in its old mailbox is the person's from now on."""

    assert (A.DONE, Filing.KEPT) == outcome(moving(1, A.SENT, undoing=True), Evidence(arrivals={TARGET: [100]}))


def test_an_undo_that_lost_its_mail_stays_applied() -> None:
    """Somebody moved it meanwhile: nothing more is done about it."""

    assert (A.ABANDONED, Filing.APPLIED) == outcome(moving(1, A.SENT, undoing=True), Evidence())
