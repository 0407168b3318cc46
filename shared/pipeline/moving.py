"""Move mails out of the selected mailbox: UID MOVE where offered, else COPY and UID EXPUNGE of exactly the copied."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.errors import EmailAgentError
from shared.pipeline.put_back import leave
from shared.pipeline.reconcile import settle
from shared.pipeline.visit import Visit
from shared.records import ActionStep, ClaimedEmail, CopyAnswer, EmailRef, Flags, LoggedAction, MailboxStatus, Outcome
from shared.status import ActionState, Filing

A = ActionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Movable:
    """A mail, its move, where it goes, and its flags before the move."""

    email: ClaimedEmail
    move: LoggedAction
    target: MailboxStatus
    flags: Flags

    @property
    def uid(self) -> int:
        """The UID in the selected mailbox."""
        return self.email.ref.uid if self.email.ref else 0

    def step(self, became: ActionState) -> ActionStep:
        """Return the step that is committed before the bytes leave, with all that reconciliation needs."""
        return ActionStep(
            action_id=self.move.id,
            was=A.PLANNED,
            became=became,
            source=self.email.ref,
            source_flags=self.flags,
            target_mailbox=self.target.name,
            target_uidvalidity=self.target.uidvalidity,
            target_uidnext=self.target.uidnext,
        )

    def as_sent(self, state: ActionState) -> ClaimedEmail:
        """Return the mail as the log knows it after `step(state)`: what reconciliation judges."""
        move = replace(
            self.move,
            state=state,
            source=self.email.ref,
            target_mailbox=self.target.name,
            target_uidvalidity=self.target.uidvalidity,
            target_uidnext=self.target.uidnext,
        )
        return replace(self.email, actions=(move,))


def move_all(
    at: Visit,
    status: MailboxStatus,
    movable: Sequence[Movable],
    flag_steps: Sequence[ActionStep],
    counts: Counter[str],
) -> None:
    """Move by the best means this server has; without any, refuse and leave the mail (DESIGN: never a bare EXPUNGE)."""
    can_delete = status.permanent_flags is None or "\\Deleted" in status.permanent_flags
    if at.session.can_move:
        _by_move(at, movable, flag_steps, counts)
    elif at.session.can_uidplus and can_delete:
        _by_copy(at, movable, flag_steps, counts)
    elif at.account.copy_without_expunge:
        _by_copy(at, movable, flag_steps, counts)
    else:
        why = "the server offers neither MOVE (RFC 6851) nor UIDPLUS (RFC 4315): nothing here can move safely"
        leave(at, [(item.email, item.move, why) for item in movable], flag_steps, counts)


def _groups(movable: Sequence[Movable]) -> list[list[Movable]]:
    by_target: dict[str, list[Movable]] = {}
    for item in movable:
        by_target.setdefault(item.target.name, []).append(item)
    return list(by_target.values())


def _by_move(at: Visit, movable: Sequence[Movable], flag_steps: Sequence[ActionStep], counts: Counter[str]) -> None:
    """UID MOVE (RFC 6851), one per target, all sent before the first answer is read."""
    groups = _groups(movable)
    at.renew()
    at.store.actions.advance(at.lease, [*flag_steps, *(item.step(A.SENT) for item in movable)])
    answers: list[CopyAnswer] = []
    failure: EmailAgentError | None = None
    try:
        answers.extend(at.session.move([([item.uid for item in group], group[0].target.name) for group in groups]))
    except EmailAgentError as error:
        failure = error
    steps: list[ActionStep] = []
    outcomes: list[Outcome] = []
    unclear: list[tuple[Movable, str | None]] = []
    for group, answer in zip(groups, answers, strict=False):
        if answer.uids is None:  # refused, or moved without COPYUID: look, do not guess
            unclear += [(item, answer.error) for item in group]
        else:
            _moved(group, answer, steps, outcomes, counts)
    if outcomes:
        at.store.actions.finish(at.lease, steps, outcomes, at.run_id)
    if failure is not None:
        raise failure
    _look(at, unclear, A.SENT, counts)


def _moved(
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
        if uid is None:
            steps.append(replace(step, became=A.ABANDONED))
            why = "gone from its mailbox before it was filed"
            became = Filing.APPLIED if item.email.undoing else Filing.VANISHED
            counts["left_alone" if item.email.undoing else "vanished"] += 1
            outcomes.append(Outcome(email_id=item.email.id, became=became, why=why))
        else:
            uidvalidity = answer.target_uidvalidity or item.target.uidvalidity
            steps.append(step)
            outcomes.append(_filed(item.email, item.target.name, uidvalidity, uid, counts))


def _filed(email: ClaimedEmail, mailbox: str, uidvalidity: int, uid: int, counts: Counter[str]) -> Outcome:
    ref = EmailRef(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid)
    counts["undone" if email.undoing else "applied"] += 1
    counts["moved"] += 1
    if email.undoing:
        return Outcome(email_id=email.id, became=Filing.KEPT, why="undone", by="person", ref=ref)
    return Outcome(email_id=email.id, became=Filing.APPLIED, why="moved", ref=ref)


def _look(at: Visit, unclear: Sequence[tuple[Movable, str | None]], state: ActionState, counts: Counter[str]) -> None:
    """Settle by evidence what an answer did not tell, or refused (a NO may come after a part was done)."""
    if not unclear:
        return
    refusals = {item.email.id: error for item, error in unclear if error is not None}
    verdict = settle(at, [item.as_sent(state) for item, _ in unclear], refusals=refusals)
    for outcome in verdict.outcomes:
        counts[outcome.became.value] += 1


def _by_copy(at: Visit, movable: Sequence[Movable], flag_steps: Sequence[ActionStep], counts: Counter[str]) -> None:
    """COPY, then UID EXPUNGE of exactly what COPYUID acknowledged (RFC 4315); each half committed before it is sent."""
    at.store.actions.advance(at.lease, list(flag_steps))
    unclear: list[tuple[Movable, str | None]] = []
    for group in _groups(movable):
        at.renew()
        at.store.actions.advance(at.lease, [item.step(A.COPY_SENT) for item in group])
        answer = at.session.copy([item.uid for item in group], group[0].target.name)
        if answer.uids is None:
            unclear += [(item, answer.error) for item in group]
            continue
        uids = answer.uids
        steps = [
            ActionStep(action_id=item.move.id, was=A.COPY_SENT, became=A.COPIED, target_uid=uids[item.uid])
            for item in group
            if item.uid in uids
        ]
        at.store.actions.advance(at.lease, steps)
        unclear += [(item, None) for item in group if item.uid not in uids]
        uidvalidity = answer.target_uidvalidity or group[0].target.uidvalidity
        copied = [
            (item.email, item.move, EmailRef(mailbox=item.target.name, uidvalidity=uidvalidity, uid=uids[item.uid]))
            for item in group
            if item.uid in uids
        ]
        _expunge(at, copied, counts)
    _look(at, unclear, A.COPY_SENT, counts)


def _expunge(at: Visit, copied: Sequence[tuple[ClaimedEmail, LoggedAction, EmailRef]], counts: Counter[str]) -> None:
    """Remove the sources of acknowledged copies, only those; without UIDPLUS they stay, as the owner allowed."""
    if not copied:
        return
    if not at.session.can_uidplus:
        steps = [ActionStep(action_id=move.id, was=A.COPIED, became=A.DONE_SOURCE_LEFT) for _, move, _ in copied]
        outcomes = [
            Outcome(email_id=email.id, became=Filing.APPLIED, why="copied; the source is left")
            for email, _, _ in copied
        ]
        at.store.actions.finish(at.lease, steps, outcomes, at.run_id)
        counts["applied"] += len(copied)
        return
    at.renew()
    sent = [ActionStep(action_id=move.id, was=A.COPIED, became=A.EXPUNGE_SENT) for _, move, _ in copied]
    at.store.actions.advance(at.lease, sent)
    uids = [email.ref.uid for email, _, _ in copied if email.ref]
    at.session.store_flags(uids, add=frozenset({"\\Deleted"}))
    at.session.expunge(uids)
    left = at.session.flags(uids)
    steps, outcomes = [], []
    for email, move, ref in copied:
        gone = email.ref is not None and email.ref.uid not in left
        became = A.DONE if gone else A.COPIED
        steps.append(ActionStep(action_id=move.id, was=A.EXPUNGE_SENT, became=became))
        if gone:
            outcomes.append(_filed(email, ref.mailbox, ref.uidvalidity, ref.uid, counts))
        else:
            again = Filing.APPLIED if email.undoing else Filing.PENDING
            outcomes.append(Outcome(email_id=email.id, became=again, why="the server did not expunge the source"))
    at.store.actions.finish(at.lease, steps, outcomes, at.run_id)


def finish_copied(at: Visit, status: MailboxStatus, emails: Sequence[ClaimedEmail], counts: Counter[str]) -> None:
    """Continue where a worker died between COPY and EXPUNGE: the source goes only if its copy is still there."""
    if not emails:
        return
    sources = at.session.flags([email.ref.uid for email in emails if email.ref])
    copies = _existing_copies(at, emails)
    at.session.select(status.name)
    ready, steps, outcomes, restore = [], [], [], []
    for email in emails:
        move, ref = email.move, email.ref
        if move is None or ref is None or move.target_mailbox is None:
            continue
        copy = EmailRef(mailbox=move.target_mailbox, uidvalidity=move.target_uidvalidity or 0, uid=move.target_uid or 0)
        if copy in copies and ref.uid in sources:
            ready.append((email, move, copy))
        elif ref.uid in sources:
            restore.append(ref.uid)
            steps.append(ActionStep(action_id=move.id, was=A.COPIED, became=A.ABANDONED))
            became = Filing.APPLIED if email.undoing else Filing.UNCLEAR
            outcomes.append(Outcome(email_id=email.id, became=became, why="its copy is gone: the source is left"))
            counts["unclear"] += 1
        else:
            steps.append(ActionStep(action_id=move.id, was=A.COPIED, became=A.DONE))
            outcomes.append(_filed(email, copy.mailbox, copy.uidvalidity, copy.uid, counts))
    if restore:  # before anybody's EXPUNGE: the `\Deleted` there is ours
        at.session.store_flags(restore, remove=frozenset({"\\Deleted"}))
    if outcomes:
        at.store.actions.finish(at.lease, steps, outcomes, at.run_id)
    _expunge(at, ready, counts)


def _existing_copies(at: Visit, emails: Sequence[ClaimedEmail]) -> set[EmailRef]:
    """Which of the acknowledged copies still exist under the UIDVALIDITY that COPYUID named."""
    wanted: dict[str, list[LoggedAction]] = {}
    for email in emails:
        if email.move is not None and email.move.target_mailbox is not None:
            wanted.setdefault(email.move.target_mailbox, []).append(email.move)
    found: set[EmailRef] = set()
    for mailbox, moves in wanted.items():
        uidvalidity = at.session.examine(mailbox).uidvalidity
        uids = [move.target_uid for move in moves if move.target_uid and move.target_uidvalidity == uidvalidity]
        found |= {EmailRef(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid) for uid in at.session.flags(uids)}
    return found
