"""Move mails out of the selected mailbox by the best means the server has."""

from collections import Counter
from collections.abc import Iterator, Sequence

from shared.pipeline.copying import by_copy, can_expunge
from shared.pipeline.movable import Movable, by_target, filed, forget_gone, look
from shared.pipeline.put_back import leave, stop
from shared.pipeline.visit import Visit
from shared.records import ActionStep, CopyAnswer, MailboxStatus
from shared.status import ActionState

A = ActionState
MOVED_TOGETHER = 500
"""Mails in one UID MOVE: while the server moves them we record those before, and commit those after."""


def move_all(
    at: Visit,
    status: MailboxStatus,
    movable: Sequence[Movable],
    flag_steps: Sequence[ActionStep],
    counts: Counter[str],
) -> None:
    """UID MOVE, else COPY and UID EXPUNGE, else refuse and leave the mail. `flag_steps` are committed on the way."""
    if at.session.can_move:
        _by_move(at, movable, flag_steps, counts)
    elif can_expunge(at, status) or at.account.copy_without_expunge:
        at.store.actions.advance(at.lease, flag_steps)
        by_copy(at, status, movable, counts)
    else:
        why = "the server offers neither MOVE (RFC 6851) nor UIDPLUS (RFC 4315): nothing here can move safely"
        leave(at, [(item.email, item.move, why) for item in movable], flag_steps, counts)


def _by_move(at: Visit, movable: Sequence[Movable], flag_steps: Sequence[ActionStep], counts: Counter[str]) -> None:
    """UID MOVE (RFC 6851) for part after part: each committed as `sent`, then sent, while the server is at work.

    Answers are read once all are sent, and each is recorded while the server does the next.
    """
    groups = [
        group[first : first + MOVED_TOGETHER]
        for group in by_target(movable)
        for first in range(0, len(group), MOVED_TOGETHER)
    ]
    sent: list[Sequence[Movable]] = []
    missing: list[tuple[Movable, str | None]] = []
    unclear: list[tuple[Movable, str | None]] = []
    for number, answer in enumerate(at.session.move(_committed(at, groups, flag_steps, sent))):
        group = sent[number]
        at.renew()  # all are sent; a slow server may take longer for them together than one lease lasts
        if answer.uids is None:  # refused, or moved without COPYUID: look, do not guess
            unclear += [(item, answer.error) for item in group]
            continue
        _record(at, group, answer, counts)
        rest = [(item, answer.error) for item in group if item.uid not in answer.uids]
        missing += [pair for pair in rest if pair[0].uid not in answer.silent]
        unclear += [pair for pair in rest if pair[0].uid in answer.silent]
    stop(at, [item.email for group in groups[len(sent) :] for item in group], counts)
    look(at, [*forget_gone(at, missing, A.SENT, counts), *unclear], A.SENT, counts)


def _committed(
    at: Visit, groups: Sequence[Sequence[Movable]], flag_steps: Sequence[ActionStep], sent: list[Sequence[Movable]]
) -> Iterator[tuple[Sequence[int], str]]:
    """Yield each part's UIDs and target once its steps are committed, the flags' last steps with the first.

    The owner's word to stop is heard between two parts; `sent` are those before it.
    """
    for group in groups:
        if sent and not group[0].email.undoing and at.is_stopped:
            return
        at.renew()
        at.store.actions.advance(at.lease, [*flag_steps, *(item.step(A.SENT) for item in group)])
        flag_steps = ()
        sent.append(group)
        yield [item.uid for item in group], group[0].target.name


def _record(at: Visit, group: Sequence[Movable], answer: CopyAnswer, counts: Counter[str]) -> None:
    """Believe COPYUID (RFC 4315): what it names has moved, and is there now."""
    uids = answer.uids or {}
    moved = [(item, item.place(answer.target_uidvalidity, uids[item.uid])) for item in group if item.uid in uids]
    steps = [
        ActionStep(action_id=item.move.id, was=A.SENT, became=A.DONE, target_uid=place.uid) for item, place in moved
    ]
    outcomes = [filed(item.email, place, counts) for item, place in moved]
    if moved:
        at.store.actions.finish(at.lease, steps, outcomes, at.run_id)
