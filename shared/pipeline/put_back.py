"""End claims whose move has no effect: the mail stays where it is, and the log says why."""

from collections import Counter
from collections.abc import Iterable, Sequence

from shared.pipeline.visit import Visit
from shared.records import ActionStep, ClaimedEmail, LoggedAction, Outcome
from shared.status import HAPPENED, ActionState, Filing

A = ActionState


def put_back(
    at: Visit, emails: Sequence[ClaimedEmail], became: Filing, why: str, counts: Counter[str], count: str
) -> None:
    """End claims before any effect: what was planned is abandoned, unless the mail waits for another try."""
    if not emails:
        return
    steps = [
        ActionStep(action_id=action.id, was=action.state, became=A.ABANDONED)
        for email in emails
        for action in email.actions
        if became is not Filing.PENDING
    ]
    by = "dependency" if became is Filing.PENDING else "apply-actions"
    outcomes = [Outcome(email_id=email.id, became=became, why=why, by=by) for email in emails]
    at.store.actions.finish(at.lease, steps, outcomes, at.run_id)
    counts[count] += len(emails)


def stop(at: Visit, emails: Sequence[ClaimedEmail], counts: Counter[str]) -> None:
    """Let mails of which no move was sent wait, because their owner said so; flags that were set stay set."""
    put_back(at, emails, Filing.PENDING, "stopped by its owner", counts, "pending")


def leave(
    at: Visit,
    staying: Sequence[tuple[ClaimedEmail, LoggedAction, str]],
    flag_steps: Sequence[ActionStep],
    counts: Counter[str],
) -> None:
    """End claims whose planned move is refused with a reason; their flags may have been set, and copies made."""
    if not staying:
        return
    done = {step.action_id for step in flag_steps if step.became in HAPPENED}
    steps = steps_of([email for email, _, _ in staying], flag_steps)
    outcomes = []
    for email, move, why in staying:
        steps.append(ActionStep(action_id=move.id, was=move.state, became=A.REFUSED, error=why))
        partly = email.partly_done or any(action.id in done for action in email.actions)
        became = Filing.APPLIED if partly or email.undoing else Filing.KEPT
        counts["left_alone" if email.undoing else became.value] += 1
        outcomes.append(Outcome(email_id=email.id, became=became, why=why))
    at.store.actions.finish(at.lease, steps, outcomes, at.run_id)


def steps_of(emails: Iterable[ClaimedEmail], steps: Iterable[ActionStep]) -> list[ActionStep]:
    """Return those steps that belong to these mails."""
    mine = {action.id for email in emails for action in email.actions}
    return [step for step in steps if step.action_id in mine]
