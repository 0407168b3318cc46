"""Move where the server has no MOVE: COPY, then UID EXPUNGE of the sources whose copies are there (RFC 4315)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import NotFound
from shared.pipeline.movable import Movable, by_target, filed, forget_gone, look
from shared.pipeline.put_back import stop
from shared.pipeline.visit import Visit
from shared.records import ActionStep, ClaimedEmail, EmailRef, LoggedAction, MailboxStatus, Outcome
from shared.status import ActionState, Filing

A = ActionState
DELETED = frozenset({"\\Deleted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A mail whose copy was acknowledged and whose source is still to go."""

    email: ClaimedEmail
    move: LoggedAction
    source: EmailRef
    copy: EmailRef

    def step(self, was: ActionState, became: ActionState) -> ActionStep:
        """Return the next step of its move."""
        return ActionStep(action_id=self.move.id, was=was, became=became)

    def later(self, why: str, by: str) -> Outcome:
        """Return the outcome of a mail whose second half waits for another try; its log still says `copied`."""
        became = Filing.APPLIED if self.email.undoing else Filing.PENDING
        return Outcome(email_id=self.email.id, became=became, why=why, by=by)


def can_expunge(at: Visit, status: MailboxStatus) -> bool:
    r"""Whether exactly our sources can be removed here: UIDPLUS is there, and `\Deleted` can be set."""
    return at.session.can_uidplus and (status.permanent_flags is None or status.permanent_flags >= DELETED)


def by_copy(at: Visit, status: MailboxStatus, movable: Sequence[Movable], counts: Counter[str]) -> None:
    """Copy target by target, each copy committed when it is acknowledged; then remove the sources."""
    unclear: list[tuple[Movable, str | None]] = []
    copied: list[Copied] = []
    groups = by_target(movable)
    for number, group in enumerate(groups):
        if number and not group[0].email.undoing and at.is_stopped:
            stop(at, [item.email for later in groups[number:] for item in later], counts)
            break
        at.renew()
        at.store.actions.advance(at.lease, [item.step(A.COPY_SENT) for item in group])
        answer = at.session.copy([item.uid for item in group], group[0].target.name)
        uids = answer.uids or {}
        acknowledged = [
            Copied(
                email=item.email,
                move=item.move,
                source=item.email.ref,
                copy=item.place(answer.target_uidvalidity, uids[item.uid]),
            )
            for item in group
            if item.uid in uids and item.email.ref is not None
        ]
        steps = [
            ActionStep(action_id=item.move.id, was=A.COPY_SENT, became=A.COPIED, target_uid=item.copy.uid)
            for item in acknowledged
        ]
        at.store.actions.advance(at.lease, steps)
        copied += acknowledged
        rest = [(item, answer.error) for item in group if item.uid not in uids]
        told = [pair for pair in rest if answer.uids is not None and pair[0].uid not in answer.silent]
        unclear += forget_gone(at, told, A.COPY_SENT, counts)
        unclear += [pair for pair in rest if pair not in told]  # refused, or without COPYUID: look, do not guess
    _remove_sources(at, status, copied, counts)
    look(at, unclear, A.COPY_SENT, counts)


def finish_copied(
    at: Visit, status: MailboxStatus, emails: Sequence[ClaimedEmail], counts: Counter[str]
) -> MailboxStatus | None:
    """Continue where a worker ended between COPY and EXPUNGE; return the mailbox as it is open now, if it still is."""
    return _remove_sources(at, status, [half for half in map(_half, emails) if half is not None], counts)


def _half(email: ClaimedEmail) -> Copied | None:
    move = email.move
    if move is None or email.ref is None or move.target_mailbox is None:
        return None
    copy = EmailRef(mailbox=move.target_mailbox, uidvalidity=move.target_uidvalidity or 0, uid=move.target_uid or 0)
    return Copied(email=email, move=move, source=email.ref, copy=copy)


def _remove_sources(
    at: Visit, status: MailboxStatus, copied: Sequence[Copied], counts: Counter[str]
) -> MailboxStatus | None:
    """Look whether each copy is there, open the source's mailbox again, and remove the sources of those alone.

    To look at the targets is to leave the source; it may have been renumbered meanwhile, and then its UIDs are other
    mails: nothing is done to them.
    """
    if not copied:
        return status
    if not can_expunge(at, status):
        _leave_sources(at, copied, counts)
        return status
    copies = _existing(at, [half.copy for half in copied])
    reopened = _reopen(at, status.name)
    if reopened is None or any(half.source.uidvalidity != reopened.uidvalidity for half in copied):
        why = "its mailbox was renumbered or is gone: the next fetch finds it again"
        at.store.actions.finish(at.lease, [], [half.later(why, "dependency") for half in copied], at.run_id)
        counts["pending"] += len(copied)
        return reopened
    sources = at.session.flags([half.source.uid for half in copied])
    gone = [half for half in copied if half.source.uid not in sources]
    alone = [half for half in copied if half.source.uid in sources and half.copy not in copies]
    _settle_halves(at, gone, alone, counts)
    _expunge(at, [half for half in copied if half.source.uid in sources and half.copy in copies], counts)
    return reopened


def _existing(at: Visit, copies: Sequence[EmailRef]) -> set[EmailRef]:
    """Which copies exist under the UIDVALIDITY that COPYUID named."""
    found: set[EmailRef] = set()
    for mailbox in dict.fromkeys(copy.mailbox for copy in copies):
        try:
            uidvalidity = at.session.examine(mailbox).uidvalidity
        except NotFound:
            continue
        uids = [copy.uid for copy in copies if copy.mailbox == mailbox and copy.uidvalidity == uidvalidity]
        found |= {EmailRef(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid) for uid in at.session.flags(uids)}
    return found


def _reopen(at: Visit, name: str) -> MailboxStatus | None:
    try:
        return at.session.select(name)
    except NotFound:
        return None


def _settle_halves(at: Visit, gone: Sequence[Copied], alone: Sequence[Copied], counts: Counter[str]) -> None:
    """End the moves whose source is gone (done), and those whose copy is gone: the source is the only one left."""
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


def _expunge(at: Visit, copied: Sequence[Copied], counts: Counter[str]) -> None:
    r"""Remove sources whose copies are there; where the server does not, our `\Deleted` goes and they wait."""
    if not copied:
        return
    at.renew()
    at.store.actions.advance(at.lease, [half.step(A.COPIED, A.EXPUNGE_SENT) for half in copied])
    uids = [half.source.uid for half in copied]
    at.session.store_flags(uids, add=DELETED)
    at.session.expunge(uids)
    left = at.session.flags(uids)
    if left:
        at.session.store_flags(sorted(left), remove=DELETED)
    done = [half for half in copied if half.source.uid not in left]
    waiting = [half for half in copied if half.source.uid in left]
    steps = [half.step(A.EXPUNGE_SENT, A.DONE) for half in done]
    steps += [half.step(A.EXPUNGE_SENT, A.COPIED) for half in waiting]
    outcomes = [filed(half.email, half.copy, counts) for half in done]
    outcomes += [half.later("the server did not expunge the source", "server") for half in waiting]
    at.store.actions.finish(at.lease, steps, outcomes, at.run_id)


def _leave_sources(at: Visit, copied: Sequence[Copied], counts: Counter[str]) -> None:
    """Without a way to remove them the sources stay, as the owner chose."""
    steps = [half.step(A.COPIED, A.DONE_SOURCE_LEFT) for half in copied]
    outcomes = [
        Outcome(email_id=half.email.id, became=Filing.APPLIED, why="copied; the source is left") for half in copied
    ]
    at.store.actions.finish(at.lease, steps, outcomes, at.run_id)
    counts["applied"] += len(copied)
