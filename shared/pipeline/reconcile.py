"""Find out, after a crash or a cut, what the server did with commands whose answer we never recorded.

Only looks (EXAMINE and PEEK), never repeats a command itself: an action that did not happen becomes `planned` again
and apply-actions carries it out; one that happened is `done`. The verdict is a pure function of the evidence.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.errors import NotFound
from shared.mail.fetched import new_email
from shared.pipeline.visit import Visit
from shared.records import ActionKind, ActionStep, ClaimedEmail, EmailRef, LoggedAction, Outcome
from shared.status import UNSETTLED, ActionState, Filing

A = ActionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the server shows: which of the sources still exist, and which mails are new in the targets.

    `arrivals` maps (target mailbox, UIDVALIDITY, identity_hash) to ascending UIDs that no known mail claims.
    `renumbered` are source mailboxes whose old UIDVALIDITY is over: of their mails nothing can be said by UID.
    """

    sources: frozenset[EmailRef] = frozenset()
    renumbered: frozenset[tuple[str, int]] = frozenset()
    arrivals: Mapping[tuple[str, int, uuid.UUID], Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Log steps and outcomes that follow from the evidence."""

    steps: tuple[ActionStep, ...]
    outcomes: tuple[Outcome, ...]


def settle_stale(at: Visit) -> int:
    """Take over the claims of a dead worker, if any, and settle each; return how many mails that were."""
    stale = at.store.actions.stale(at.account.id, at.lease)
    if stale:
        settle(at, stale)
    return len(stale)


def settle(at: Visit, emails: Sequence[ClaimedEmail], *, refusals: Mapping[int, str] | None = None) -> Verdict:
    """Look at the server and record what became of each claimed mail. Leaves the visit on another mailbox.

    `refusals`: what the server said, by email id, where it answered NO; such a mail backs off before its next try.
    """
    verdict = judge(emails, gather(at, emails))
    outcomes = [_refused(outcome, refusals or {}) for outcome in verdict.outcomes]
    at.store.actions.finish(at.lease, verdict.steps, outcomes, at.run_id)
    return verdict


def _refused(outcome: Outcome, refusals: Mapping[int, str]) -> Outcome:
    stuck = outcome.became is Filing.PENDING and outcome.by == "reconcile"
    if stuck and outcome.email_id in refusals:
        return replace(outcome, by="server", why=f"the server refuses: {refusals[outcome.email_id]}")
    return outcome


def gather(at: Visit, emails: Iterable[ClaimedEmail]) -> Evidence:
    """Ask for the sources' presence and the targets' arrivals: a few commands per mailbox, none per mail."""
    sources: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    targets: dict[tuple[str, int], int] = {}
    for action in (action for email in emails for action in email.actions if action.state in UNSETTLED):
        if action.source is not None:
            sources[action.source.mailbox, action.source.uidvalidity].append(action.source.uid)
        if action.target_mailbox is not None and action.target_uidvalidity is not None:
            key = (action.target_mailbox, action.target_uidvalidity)
            targets[key] = min(targets.get(key, action.target_uidnext or 1), action.target_uidnext or 1)
    present: set[EmailRef] = set()
    renumbered: set[tuple[str, int]] = set()
    for (mailbox, uidvalidity), uids in sources.items():
        found = _present(at, mailbox, uidvalidity, uids)
        if found is None:
            renumbered.add((mailbox, uidvalidity))
        else:
            present |= found
    arrivals: defaultdict[tuple[str, int, uuid.UUID], list[int]] = defaultdict(list)
    for (mailbox, uidvalidity), uidnext in targets.items():
        for uid, identity_hash in _arrivals(at, mailbox, uidvalidity, uidnext):
            arrivals[mailbox, uidvalidity, identity_hash].append(uid)
    return Evidence(sources=frozenset(present), renumbered=frozenset(renumbered), arrivals=arrivals)


def _present(at: Visit, mailbox: str, uidvalidity: int, uids: Sequence[int]) -> set[EmailRef] | None:
    """Return those that exist; None if the mailbox has another UIDVALIDITY by now."""
    try:
        status = at.session.examine(mailbox)
    except NotFound:
        return set()
    if status.uidvalidity != uidvalidity:
        return None
    at.renew()
    return {EmailRef(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid) for uid in at.session.flags(uids)}


def _arrivals(at: Visit, mailbox: str, uidvalidity: int, low: int) -> list[tuple[int, uuid.UUID]]:
    try:
        status = at.session.examine(mailbox)
    except NotFound:
        return []
    if status.uidvalidity != uidvalidity or status.uidnext <= low:
        return []
    at.renew()
    known = at.store.emails.known_uids(at.account.id, mailbox, uidvalidity, low)
    uids = [uid for uid in at.session.search(low, status.uidnext - 1) if uid not in known]
    size = at.limits.chunk_mails
    parts = [uids[first : first + size] for first in range(0, len(uids), size)]
    return [(mail.uid, new_email(mail).identity_hash) for mails in at.session.fetch(parts) for mail in mails]


def judge(emails: Sequence[ClaimedEmail], evidence: Evidence) -> Verdict:
    """Decide what happened to each mail, once each arrival is given to one action: twins are matched by count."""
    arrived = _assign(emails, evidence)
    steps: list[ActionStep] = []
    outcomes: list[Outcome] = []
    for email in emails:
        mail_steps, outcome = _judge_one(email, evidence, arrived)
        steps += mail_steps
        outcomes.append(outcome)
    return Verdict(steps=tuple(steps), outcomes=tuple(outcomes))


def _assign(emails: Sequence[ClaimedEmail], evidence: Evidence) -> dict[int, int]:
    """Return the UID of the arrival that each action brought about, by action: it came after its command.

    Moves whose source is gone come first: their mail is nowhere else. Of copies come first those whose source stands:
    what was gone was not copied, and what was copied must not be copied again.
    """
    arrivals = {key: list(uids) for key, uids in evidence.arrivals.items()}
    looking: list[tuple[int, ClaimedEmail, LoggedAction]] = []
    for email in emails:
        stays = _is_present(email, evidence) or (_is_renumbered(email, evidence) and not _may_be_moved(email))
        for action in email.actions:
            if action.kind is ActionKind.COPY and action.state is A.COPY_SENT:
                looking.append((2 if stays else 3, email, action))
            elif action.kind is ActionKind.MOVE and (action.state is A.COPY_SENT or (_is_open(action) and not stays)):
                looking.append((1 if stays else 0, email, action))
    arrived: dict[int, int] = {}
    for _, email, action in sorted(looking, key=lambda item: item[0]):
        if (uid := _take(action, email, arrivals)) is not None:
            arrived[action.id] = uid
    return arrived


def _is_open(move: LoggedAction) -> bool:
    return move.state in UNSETTLED and move.target_uid is None


def _may_be_moved(email: ClaimedEmail) -> bool:
    return email.move is not None and email.move.state is A.SENT


def _is_present(email: ClaimedEmail, evidence: Evidence) -> bool:
    return any(action.source in evidence.sources for action in email.actions if action.state in UNSETTLED)


def _is_renumbered(email: ClaimedEmail, evidence: Evidence) -> bool:
    sources = [action.source for action in email.actions if action.state in UNSETTLED and action.source]
    return any((source.mailbox, source.uidvalidity) in evidence.renumbered for source in sources)


def _judge_one(email: ClaimedEmail, evidence: Evidence, arrived: Mapping[int, int]) -> tuple[list[ActionStep], Outcome]:
    move = email.move
    if not any(action.state in UNSETTLED for action in email.actions):
        return [], _again(email, "the worker ended before anything was sent")
    renumbered = _is_renumbered(email, evidence)
    if _is_present(email, evidence) or (renumbered and not _may_be_moved(email)):
        return _still_there(email, arrived)
    if move is None or move.state is A.PLANNED:
        return _abandon(email, arrived), _outcome(email, Filing.VANISHED, "gone from its mailbox before it was filed")
    uid = move.target_uid or arrived.get(move.id)
    if uid is None and renumbered:
        return _still_there(email, arrived)
    if uid is None:
        why = "neither in its mailbox nor among what is new in the target"
        return _abandon(email, arrived), _outcome(email, Filing.UNCLEAR, why)
    return _arrived(email, move, uid)


def _take(
    action: LoggedAction, email: ClaimedEmail, arrivals: dict[tuple[str, int, uuid.UUID], list[int]]
) -> int | None:
    """Assign one arrival to this mail: it came after our command, and nobody else claims it."""
    if action.target_mailbox is None or action.target_uidvalidity is None:
        return None
    uids = arrivals.get((action.target_mailbox, action.target_uidvalidity, email.identity_hash), [])
    chosen = next((uid for uid in uids if uid >= (action.target_uidnext or 1)), None)
    if chosen is not None:
        uids.remove(chosen)
    return chosen


def _still_there(email: ClaimedEmail, arrived: Mapping[int, int]) -> tuple[list[ActionStep], Outcome]:
    """The source exists, or may under a UID that the next fetch finds by identity.

    A copy that arrived (its UID by action) is kept, and of a move only the expunge remains; anything else is
    done again.

    A UID MOVE leaves each message in one mailbox (RFC 6851 section 3.3), so a present source was not moved; should
    a server have left it in both, moving it again costs a duplicate, while expunging could cost the mail.
    """
    steps = []
    for action in email.actions:
        if action.state is A.SENT:
            steps.append(ActionStep(action_id=action.id, was=A.SENT, became=A.PLANNED))
        elif action.state is A.COPY_SENT:
            steps.append(_copy_step(action, arrived, otherwise=A.PLANNED))
        elif action.state is A.EXPUNGE_SENT:
            steps.append(ActionStep(action_id=action.id, was=A.EXPUNGE_SENT, became=A.COPIED))
    if len(steps) == len(email.actions) and all(step.became is A.DONE_SOURCE_LEFT for step in steps):
        why = "found in the target after a crash"
        return steps, Outcome(email_id=email.id, became=Filing.APPLIED, why=why, by="reconcile")
    if any(step.became is A.DONE_SOURCE_LEFT for step in steps):  # it got on: that attempt does not count
        return steps, replace(_again(email, "copied; the rest is still to be done"), by="dependency")
    return steps, _again(email, "the worker ended before the server did it")


def _copy_step(action: LoggedAction, arrived: Mapping[int, int], *, otherwise: ActionState) -> ActionStep:
    """Return what became of a COPY: half a move, or all that was wanted."""
    uid = arrived.get(action.id)
    made = A.COPIED if action.kind is ActionKind.MOVE else A.DONE_SOURCE_LEFT
    became = otherwise if uid is None else made
    return ActionStep(action_id=action.id, was=A.COPY_SENT, became=became, target_uid=uid)


def _arrived(email: ClaimedEmail, move: LoggedAction, uid: int) -> tuple[list[ActionStep], Outcome]:
    steps = [ActionStep(action_id=move.id, was=move.state, became=A.DONE, target_uid=uid)]
    others = [other for other in email.actions if other.id != move.id]
    steps += [ActionStep(action_id=other.id, was=other.state, became=A.ABANDONED) for other in others]
    ref = EmailRef(mailbox=move.target_mailbox or "", uidvalidity=move.target_uidvalidity or 0, uid=uid)
    became = Filing.KEPT if email.undoing else Filing.APPLIED
    return steps, Outcome(
        email_id=email.id, became=became, why="found in the target after a crash", by="reconcile", ref=ref
    )


def _abandon(email: ClaimedEmail, arrived: Mapping[int, int]) -> list[ActionStep]:
    """Give up what did not happen; a copy that arrived is there."""
    return [
        _copy_step(action, arrived, otherwise=A.ABANDONED)
        if action.kind is ActionKind.COPY and action.state is A.COPY_SENT
        else ActionStep(action_id=action.id, was=action.state, became=A.ABANDONED)
        for action in email.actions
    ]


def _again(email: ClaimedEmail, why: str) -> Outcome:
    return Outcome(
        email_id=email.id, became=Filing.APPLIED if email.undoing else Filing.PENDING, why=why, by="reconcile"
    )


def _outcome(email: ClaimedEmail, became: Filing, why: str) -> Outcome:
    """An undo that lost sight of its mail ends where it began: applied, and the person has it."""
    return Outcome(email_id=email.id, became=Filing.APPLIED if email.undoing else became, why=why, by="reconcile")
