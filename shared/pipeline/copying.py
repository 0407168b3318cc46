"""Move where the server has no MOVE: COPY, then UID EXPUNGE of exactly what COPYUID acknowledged (RFC 4315)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.pipeline.movable import Movable, by_target, filed, forget_gone, look
from shared.pipeline.visit import Visit
from shared.records import ActionStep, ClaimedEmail, EmailRef, LoggedAction, MailboxStatus, Outcome
from shared.status import ActionState, Filing

A = ActionState
DELETED = frozenset({"\\Deleted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A mail whose copy is acknowledged and whose source is still there."""

    email: ClaimedEmail
    move: LoggedAction
    source: EmailRef
    copy: EmailRef

    def step(self, was: ActionState, became: ActionState) -> ActionStep:
        """Return the next step of its move."""
        return ActionStep(action_id=self.move.id, was=was, became=became)


def can_expunge(at: Visit, status: MailboxStatus) -> bool:
    r"""Whether exactly our sources can be removed here: UIDPLUS is there, and `\Deleted` can be set."""
    return at.session.can_uidplus and (status.permanent_flags is None or status.permanent_flags >= DELETED)


def by_copy(at: Visit, status: MailboxStatus, movable: Sequence[Movable], counts: Counter[str]) -> None:
    """Copy target by target; each half of each move is committed before it is sent."""
    unclear: list[tuple[Movable, str | None]] = []
    for group in by_target(movable):
        at.renew()
        at.store.actions.advance(at.lease, [item.step(A.COPY_SENT) for item in group])
        answer = at.session.copy([item.uid for item in group], group[0].target.name)
        uids = answer.uids or {}
        missing = [(item, answer.error) for item in group if item.uid not in uids]
        if answer.uids is not None:
            missing = forget_gone(at, missing, A.COPY_SENT, counts)
        unclear += missing  # refused, or copied without COPYUID: look, do not guess
        copied = [
            Copied(
                email=item.email,
                move=item.move,
                source=item.email.ref,
                copy=item.place(answer.target_uidvalidity, uids[item.uid]),
            )
            for item in group
            if item.uid in uids and item.email.ref is not None
        ]
        at.store.actions.advance(
            at.lease,
            [
                ActionStep(action_id=item.move.id, was=A.COPY_SENT, became=A.COPIED, target_uid=item.copy.uid)
                for item in copied
            ],
        )
        _expunge(at, status, copied, counts)
    look(at, unclear, A.COPY_SENT, counts)


def _expunge(at: Visit, status: MailboxStatus, copied: Sequence[Copied], counts: Counter[str]) -> None:
    """Remove the sources of acknowledged copies, only those; where that is impossible they stay, as the owner chose."""
    if not copied:
        return
    if not can_expunge(at, status):
        _leave_sources(at, copied, counts)
        return
    at.renew()
    at.store.actions.advance(at.lease, [item.step(A.COPIED, A.EXPUNGE_SENT) for item in copied])
    uids = [item.source.uid for item in copied]
    at.session.store_flags(uids, add=DELETED)
    at.session.expunge(uids)
    left = at.session.flags(uids)
    steps, outcomes = [], []
    for item in copied:
        if item.source.uid not in left:
            steps.append(item.step(A.EXPUNGE_SENT, A.DONE))
            outcomes.append(filed(item.email, item.copy, counts))
        else:
            steps.append(item.step(A.EXPUNGE_SENT, A.COPIED))
            again = Filing.APPLIED if item.email.undoing else Filing.PENDING
            why = "the server did not expunge the source"
            outcomes.append(Outcome(email_id=item.email.id, became=again, why=why, by="server"))
    at.store.actions.finish(at.lease, steps, outcomes, at.run_id)


def _leave_sources(at: Visit, copied: Sequence[Copied], counts: Counter[str]) -> None:
    steps = [item.step(A.COPIED, A.DONE_SOURCE_LEFT) for item in copied]
    outcomes = [
        Outcome(email_id=item.email.id, became=Filing.APPLIED, why="copied; the source is left") for item in copied
    ]
    at.store.actions.finish(at.lease, steps, outcomes, at.run_id)
    counts["applied"] += len(copied)


def finish_copied(at: Visit, status: MailboxStatus, emails: Sequence[ClaimedEmail], counts: Counter[str]) -> None:
    """Continue where a worker died between COPY and EXPUNGE: the source goes only if its copy is still there."""
    halves = [half for half in map(_half, emails) if half is not None]
    if not halves:
        return
    sources = at.session.flags([half.source.uid for half in halves])
    copies = _existing(at, [half.copy for half in halves])
    at.session.select(status.name)
    whole = [half for half in halves if half.source.uid in sources and half.copy in copies]
    gone = [half for half in halves if half.source.uid not in sources]
    alone = [half for half in halves if half.source.uid in sources and half.copy not in copies]
    if alone:  # before anybody's EXPUNGE: the mark there is ours
        at.session.store_flags([half.source.uid for half in alone], remove=DELETED)
    steps = [half.step(A.COPIED, A.DONE) for half in gone] + [half.step(A.COPIED, A.ABANDONED) for half in alone]
    outcomes = [filed(half.email, half.copy, counts) for half in gone]
    for half in alone:
        became = Filing.APPLIED if half.email.undoing else Filing.UNCLEAR
        outcomes.append(Outcome(email_id=half.email.id, became=became, why="its copy is gone: the source is left"))
        counts["unclear"] += 1
    if outcomes:
        at.store.actions.finish(at.lease, steps, outcomes, at.run_id)
    _expunge(at, status, whole, counts)


def _half(email: ClaimedEmail) -> Copied | None:
    move = email.move
    if move is None or email.ref is None or move.target_mailbox is None:
        return None
    copy = EmailRef(mailbox=move.target_mailbox, uidvalidity=move.target_uidvalidity or 0, uid=move.target_uid or 0)
    return Copied(email=email, move=move, source=email.ref, copy=copy)


def _existing(at: Visit, copies: Sequence[EmailRef]) -> set[EmailRef]:
    """Which copies still exist under the UIDVALIDITY that COPYUID named."""
    found: set[EmailRef] = set()
    for mailbox in dict.fromkeys(copy.mailbox for copy in copies):
        uidvalidity = at.session.examine(mailbox).uidvalidity
        uids = [copy.uid for copy in copies if copy.mailbox == mailbox and copy.uidvalidity == uidvalidity]
        found |= {EmailRef(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid) for uid in at.session.flags(uids)}
    return found
