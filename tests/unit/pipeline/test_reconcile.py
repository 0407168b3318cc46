"""What the evidence on the server says of commands whose answer was never recorded."""

import uuid
from dataclasses import replace

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


def copying(uid: int, state: ActionState, *, move: ActionState | None = None, uidnext: int = 100) -> ClaimedEmail:
    """A mail that is copied to Archive, and then moved to News."""
    sent = state is not A.PLANNED
    copy = LoggedAction(
        id=uid * 10,
        email_id=uid,
        kind=ActionKind.COPY,
        target="Archive",
        state=state,
        source=source(uid) if sent else None,
        target_mailbox="Archive",
        target_uidvalidity=9,
        target_uidnext=uidnext,
    )
    moves = LoggedAction(id=uid * 10 + 1, email_id=uid, kind=ActionKind.MOVE, target="News", state=move or A.PLANNED)
    actions = (copy, moves) if move else (copy,)
    return ClaimedEmail(id=uid, ref=source(uid), identity_hash=HASH, attempts=1, actions=actions)


def states(emails: list[ClaimedEmail], evidence: Evidence) -> tuple[dict[int, ActionState], dict[int, Filing]]:
    verdict = judge(emails, evidence)
    steps = {step.action_id: step.became for step in verdict.steps}
    return steps, {item.email_id: item.became for item in verdict.outcomes}


def test_a_wanted_copy_that_arrived_is_all_that_was_wanted() -> None:
    """Source and copy both there: done, and the copy's UID is known from now on."""

    verdict = judge([copying(1, A.COPY_SENT)], Evidence(sources=frozenset({source(1)}), arrivals={TARGET: [100]}))

    assert (A.DONE_SOURCE_LEFT, 100) == (verdict.steps[0].became, verdict.steps[0].target_uid)
    assert Filing.APPLIED is verdict.outcomes[0].became


def test_a_wanted_copy_that_did_not_arrive_is_planned_again() -> None:
    """Source there, nothing new in the target: the COPY did not happen."""

    evidence = Evidence(sources=frozenset({source(1)}), arrivals={TARGET: [99]})

    assert ({10: A.PLANNED}, {1: Filing.PENDING}) == states([copying(1, A.COPY_SENT)], evidence)


def test_a_copy_that_arrived_leaves_the_move_to_be_done() -> None:
    """Copied and not yet moved: only the move waits."""

    evidence = Evidence(sources=frozenset({source(1)}), arrivals={TARGET: [100]})

    expected = ({10: A.DONE_SOURCE_LEFT}, {1: Filing.PENDING})
    assert expected == states([copying(1, A.COPY_SENT, move=A.PLANNED)], evidence)


def test_a_mail_that_went_after_its_copy_leaves_the_copy_on_record() -> None:
    """Source gone: vanished; what arrived is known as ours, and what was planned is given up."""

    arrived = Evidence(arrivals={TARGET: [100]})
    mails = [copying(1, A.COPY_SENT, move=A.PLANNED)]

    assert ({10: A.DONE_SOURCE_LEFT, 11: A.ABANDONED}, {1: Filing.VANISHED}) == states(mails, arrived)
    assert ({10: A.ABANDONED, 11: A.ABANDONED}, {1: Filing.VANISHED}) == states(mails, Evidence())


def test_a_copy_belongs_to_the_twin_that_is_still_there() -> None:
    """One twin went before the COPY, and one copy arrived: it is of the other, which is not copied once more."""

    evidence = Evidence(sources=frozenset({source(2)}), arrivals={TARGET: [100]})

    steps, filings = states([copying(1, A.COPY_SENT), copying(2, A.COPY_SENT)], evidence)

    assert {10: A.ABANDONED, 20: A.DONE_SOURCE_LEFT} == steps
    assert {1: Filing.VANISHED, 2: Filing.APPLIED} == filings


def test_a_mail_moved_to_where_its_twin_was_copied() -> None:
    """Each takes its own arrival: the move the one after its command."""

    evidence = Evidence(sources=frozenset({source(2)}), arrivals={TARGET: [100, 101]})
    moved = moving(1, A.SENT)
    later = replace(moved, actions=(replace(moved.actions[0], target_uidnext=101),))

    verdict = judge([copying(2, A.COPY_SENT), later], evidence)

    assert {20: 100, 10: 101} == {step.action_id: step.target_uid for step in verdict.steps}


def test_a_copy_out_of_a_renumbered_mailbox() -> None:
    """Nothing can be said of the source: a copy that arrived is done, one that did not is made once it is found."""

    renumbered = frozenset({("INBOX", 7)})
    arrived = Evidence(renumbered=renumbered, arrivals={TARGET: [100]})

    assert ({10: A.DONE_SOURCE_LEFT}, {1: Filing.APPLIED}) == states([copying(1, A.COPY_SENT)], arrived)
    assert ({10: A.PLANNED}, {1: Filing.PENDING}) == states([copying(1, A.COPY_SENT)], Evidence(renumbered=renumbered))
