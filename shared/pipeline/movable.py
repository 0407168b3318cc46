"""A mail on its way to another mailbox: what is committed before the bytes leave, and what its end is recorded as."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.pipeline.put_back import put_back
from shared.pipeline.reconcile import settle
from shared.pipeline.visit import Visit
from shared.records import ActionStep, ClaimedEmail, EmailRef, Flags, LoggedAction, MailboxStatus, Outcome
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

    def place(self, uidvalidity: int | None, uid: int) -> EmailRef:
        """Return its place in the target; `uidvalidity` is what COPYUID said, if it did."""
        return EmailRef(mailbox=self.target.name, uidvalidity=uidvalidity or self.target.uidvalidity, uid=uid)


def by_target(movable: Sequence[Movable]) -> list[list[Movable]]:
    """Group mails by their target, in order of appearance."""
    groups: dict[str, list[Movable]] = {}
    for item in movable:
        groups.setdefault(item.target.name, []).append(item)
    return list(groups.values())


def filed(email: ClaimedEmail, ref: EmailRef, counts: Counter[str]) -> Outcome:
    """Return the outcome of a mail that is at its new place."""
    counts["undone" if email.undoing else "applied"] += 1
    counts["moved"] += 1
    if email.undoing:
        return Outcome(email_id=email.id, became=Filing.KEPT, why="undone", by="person", ref=ref)
    return Outcome(email_id=email.id, became=Filing.APPLIED, why="moved", ref=ref)


def look(at: Visit, unclear: Sequence[tuple[Movable, str | None]], state: ActionState, counts: Counter[str]) -> None:
    """Settle by evidence what an answer did not tell, or refused (a NO may come after a part was done)."""
    if not unclear:
        return
    refusals = {item.email.id: error for item, error in unclear if error is not None}
    verdict = settle(at, [item.as_sent(state) for item, _ in unclear], refusals=refusals)
    for outcome in verdict.outcomes:
        counts[outcome.became.value] += 1
        counts["moved"] += outcome.ref is not None


def forget_gone(
    at: Visit, missing: Sequence[tuple[Movable, str | None]], state: ActionState, counts: Counter[str]
) -> list[tuple[Movable, str | None]]:
    """Of those that COPYUID left out, end the mails that are gone: somebody was faster. Return the others."""
    if not missing:
        return []
    present = at.session.flags([item.uid for item, _ in missing])
    gone = [item.as_sent(state) for item, _ in missing if item.uid not in present]
    why = "gone from its mailbox before it was filed"
    undoing = [email for email in gone if email.undoing]
    put_back(at, undoing, Filing.APPLIED, why, counts, "left_alone")
    put_back(at, [email for email in gone if not email.undoing], Filing.VANISHED, why, counts, "vanished")
    return [(item, error) for item, error in missing if item.uid in present]
