"""Copy mails to further mailboxes (RFC 9051 section 6.4.7): the source stays, and no copy is made twice."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.pipeline.put_back import steps_of
from shared.pipeline.reconcile import settle
from shared.pipeline.targets import Targets, find_targets
from shared.pipeline.visit import Visit
from shared.records import ActionStep, ClaimedEmail, CopyAnswer, Flags, LoggedAction, MailboxStatus
from shared.status import ActionState

A = ActionState
COPIED_TOGETHER = 500
"""Mails in one COPY: it must be answered within the timeout of a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """One copy to make: the mail, its action, where it goes, and the flags the mail had before all effects."""

    email: ClaimedEmail
    action: LoggedAction
    target: MailboxStatus
    flags: Flags | None

    @property
    def uid(self) -> int:
        return self.email.ref.uid if self.email.ref else 0

    def sent(self) -> ActionStep:
        """Return the step that is committed before the bytes leave, with all that reconciliation needs."""
        return ActionStep(
            action_id=self.action.id,
            was=A.PLANNED,
            became=A.COPY_SENT,
            source=self.email.ref,
            source_flags=self.flags,
            target_mailbox=self.target.name,
            target_uidvalidity=self.target.uidvalidity,
            target_uidnext=self.target.uidnext,
        )

    def as_sent(self) -> LoggedAction:
        """Return the action as the log knows it after `sent()`: what reconciliation judges."""
        return replace(
            self.action,
            state=A.COPY_SENT,
            source=self.email.ref,
            target_mailbox=self.target.name,
            target_uidvalidity=self.target.uidvalidity,
            target_uidnext=self.target.uidnext,
        )

    def made(self, answer: CopyAnswer, uid: int) -> ActionStep:
        """Believe COPYUID (RFC 4315): there the copy is."""
        return ActionStep(
            action_id=self.action.id,
            was=A.COPY_SENT,
            became=A.DONE_SOURCE_LEFT,
            target_uidvalidity=answer.target_uidvalidity,
            target_uid=uid,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What became of the copies: last steps, for the next commit; and those to look for, by mail.

    `refusals`: by mail, why one whose copy is not found backs off: the server refused many at once, or says nothing.
    """

    steps: list[ActionStep] = field(default_factory=list)
    unclear: defaultdict[int, list[LoggedAction]] = field(default_factory=lambda: defaultdict(list))
    refusals: dict[int, str] = field(default_factory=dict)

    def clear(self, emails: Iterable[ClaimedEmail]) -> list[ClaimedEmail]:
        """Return the mails that can go on."""
        return [email for email in emails if email.id not in self.unclear]


def copy_further(
    at: Visit, status: MailboxStatus, emails: Sequence[ClaimedEmail], flags: Mapping[int, Flags]
) -> Copies:
    """Make the copies that were decided, part by part, each committed before it is sent.

    Only where COPYUID names the copies (UIDPLUS, RFC 4315): else they would come back as new mail and be filed again.
    """
    copies = Copies()
    wanted = [email for email in emails if email.copies]
    if not wanted:
        return copies
    if not at.session.can_uidplus:
        why = "the server offers no UIDPLUS (RFC 4315): a copy could not be told from new mail"
        copies.steps.extend(_refusal(action, why) for email in wanted for action in email.copies)
        return copies
    moves = {email.move.target for email in wanted if email.move}
    targets = find_targets(at.session, moves.union(action.target for email in wanted for action in email.copies))
    groups: defaultdict[str, list[_Copy]] = defaultdict(list)
    for email in wanted:
        for copy in _possible(email, status, targets, flags, copies.steps):
            groups[copy.target.name].append(copy)
    for group in groups.values():
        for first in range(0, len(group), COPIED_TOGETHER):
            _send(at, group[first : first + COPIED_TOGETHER], copies)
    return copies


def _possible(
    email: ClaimedEmail, status: MailboxStatus, targets: Targets, flags: Mapping[int, Flags], steps: list[ActionStep]
) -> Iterable[_Copy]:
    """Yield one copy for each other mailbox; a role and a name may mean the same. Add a refusal for the others."""
    goes_to = targets.found.get(email.move.target) if email.move else None
    taken = {status.name: "it is in its target already"}
    if goes_to is not None:
        taken.setdefault(goes_to.name, "it is moved there")
    for action in email.copies:
        target = targets.found.get(action.target)
        if target is None:
            steps.append(_refusal(action, targets.refused[action.target]))
        elif target.name in taken:
            steps.append(_refusal(action, taken[target.name]))
        else:
            taken[target.name] = "it is copied there already"
            before = flags.get(email.ref.uid) if email.ref else None
            yield _Copy(email=email, action=action, target=target, flags=before)


def _send(at: Visit, group: Sequence[_Copy], copies: Copies) -> None:
    """Send one COPY. One mail that is refused is refused; of many, one may be the reason (it is gone): they wait."""
    at.renew()
    at.store.actions.advance(at.lease, [copy.sent() for copy in group])
    answer = at.session.copy([copy.uid for copy in group], group[0].target.name)
    uids = answer.uids or {}
    for copy in group:
        if copy.uid in uids:
            copies.steps.append(copy.made(answer, uids[copy.uid]))
        elif answer.error is not None and len(group) == 1:  # nothing was copied: RFC 9051 section 6.4.7
            refused = ActionStep(action_id=copy.action.id, was=A.COPY_SENT, became=A.REFUSED, error=answer.error)
            copies.steps.append(refused)
        else:
            copies.unclear[copy.email.id].append(copy.as_sent())
            copies.refusals[copy.email.id] = answer.error or "it does not show the copy"


def look_for_copies(
    at: Visit, emails: Iterable[ClaimedEmail], copies: Copies, steps: Iterable[ActionStep], counts: Counter[str]
) -> None:
    """Settle by evidence what an answer did not tell; what else such a mail wants waits for its next try.

    `steps` are the last ones of their flags and of other copies. Leaves the visit on another mailbox.
    """
    unclear = [email for email in emails if email.id in copies.unclear]
    if not unclear:
        return
    at.store.actions.advance(at.lease, steps_of(unclear, steps))
    logged = [
        replace(email, actions=(*copies.unclear[email.id], *([email.move] if email.move else []))) for email in unclear
    ]
    verdict = settle(at, logged, refusals=copies.refusals)
    for outcome in verdict.outcomes:
        counts[outcome.became.value] += 1


def _refusal(action: LoggedAction, error: str) -> ActionStep:
    return ActionStep(action_id=action.id, was=action.state, became=A.REFUSED, error=error)
