"""Move mails out of the selected mailbox by the best means the server has."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from shared.errors import EmailAgentError
from shared.pipeline.copying import by_copy, can_expunge
from shared.pipeline.movable import Movable, by_target, filed, look
from shared.pipeline.put_back import leave
from shared.pipeline.visit import Visit
from shared.records import ActionStep, CopyAnswer, MailboxStatus, Outcome
from shared.status import ActionState, Filing

A = ActionState


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
    """UID MOVE (RFC 6851), one per target, all sent before the first answer is read."""
    groups = by_target(movable)
    at.renew()
    at.store.actions.advance(at.lease, [*flag_steps, *(item.step(A.SENT) for item in movable)])
    answers: list[CopyAnswer] = []
    failure: EmailAgentError | None = None
    try:
        answers.extend(at.session.move([([item.uid for item in group], group[0].target.name) for group in groups]))
    except EmailAgentError as error:
        failure = error  # what was answered before counts: record it, then fail
    steps: list[ActionStep] = []
    outcomes: list[Outcome] = []
    unclear: list[tuple[Movable, str | None]] = []
    for group, answer in zip(groups, answers, strict=False):
        if answer.uids is None:  # refused, or moved without COPYUID: look, do not guess
            unclear += [(item, answer.error) for item in group]
        else:
            _record(group, answer, steps, outcomes, counts)
    if outcomes:
        at.store.actions.finish(at.lease, steps, outcomes, at.run_id)
    if failure is not None:
        raise failure
    look(at, unclear, A.SENT, counts)


def _record(
    group: Sequence[Movable],
    answer: CopyAnswer,
    steps: list[ActionStep],
    outcomes: list[Outcome],
    counts: Counter[str],
) -> None:
    """Believe COPYUID: what it names has moved, what it leaves out was gone before our command came."""
    for item in group:
        uid = (answer.uids or {}).get(item.uid)
        step = ActionStep(action_id=item.move.id, was=A.SENT, became=A.DONE, target_uid=uid)
        if uid is not None:
            steps.append(step)
            outcomes.append(filed(item.email, item.place(answer.target_uidvalidity, uid), counts))
            continue
        steps.append(replace(step, became=A.ABANDONED))
        became = Filing.APPLIED if item.email.undoing else Filing.VANISHED
        counts["left_alone" if item.email.undoing else "vanished"] += 1
        why = "gone from its mailbox before it was filed"
        outcomes.append(Outcome(email_id=item.email.id, became=became, why=why))
