"""Carry out the claimed actions of a selected mailbox: flags, then copies, one move last (docs/architecture.md).

Each step is committed in the action log before its bytes leave: at whatever line the process dies, reconcile.py can
tell from the log and from the server what happened.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product

from shared.pipeline.copying import finish_copied
from shared.pipeline.further_copies import copy_further, look_for_copies
from shared.pipeline.movable import Movable
from shared.pipeline.moving import move_all
from shared.pipeline.put_back import leave, put_back, steps_of
from shared.pipeline.targets import find_again, find_targets, names_of
from shared.pipeline.visit import Visit
from shared.records import ActionKind, ActionStep, ClaimedEmail, Flags, LoggedAction, MailboxStatus, Outcome
from shared.status import HAPPENED, ActionState, Filing

A = ActionState
FLAG_CHANGES = frozenset({ActionKind.FLAG, ActionKind.UNFLAG})


def carry_out(at: Visit, status: MailboxStatus, emails: Sequence[ClaimedEmail], counts: Counter[str]) -> None:
    """File these mails of the selected mailbox, or leave each where it is with a reason."""
    here = _numbered(at, status, emails, counts)
    copied = [email for email in here if _is_copied(email)]
    opened = finish_copied(at, status, copied, counts)
    if copied:  # to look at the copies was to leave this mailbox
        here = _numbered(at, opened, [email for email in here if not _is_copied(email)], counts)
    if opened is None:
        return
    status = opened
    ready, seen = _present(at, here, counts)
    if not ready:
        return
    flags = seen.flags
    flag_steps = _set_flags(at, status, ready, flags)
    copies = copy_further(at, status, ready, flags)
    steps = [*flag_steps, *copies.steps]
    clear = copies.clear(ready)
    _finish_unmoved(at, [email for email in clear if not email.move], steps, counts)
    _move(at, status, [email for email in clear if email.move], seen, steps, counts)
    look_for_copies(at, ready, copies, steps, counts)


def _is_copied(email: ClaimedEmail) -> bool:
    return email.move is not None and email.move.state is A.COPIED


def _is_found_again(at: Visit, email: ClaimedEmail) -> bool:
    return _is_copied(email) or email.ref is None or email.ref.mailbox in at.account.mailboxes


def _numbered(
    at: Visit, status: MailboxStatus | None, emails: Sequence[ClaimedEmail], counts: Counter[str]
) -> list[ClaimedEmail]:
    """Keep the mails whose UIDs mean something here: the mailbox has the UIDVALIDITY they were read under.

    The others wait for the next fetch to find them; where it does not read their mailbox, they stay for good.
    """
    here: list[ClaimedEmail] = []
    elsewhere: list[ClaimedEmail] = []
    for email in emails:
        numbered = status and email.ref and email.ref.uidvalidity == status.uidvalidity
        (here if numbered else elsewhere).append(email)
    why = "the mailbox has a new UIDVALIDITY: the next fetch finds its mails again"
    put_back(at, [email for email in elsewhere if email.undoing], Filing.APPLIED, why, counts, "left_alone")
    filing = [email for email in elsewhere if not email.undoing]
    put_back(at, [email for email in filing if _is_found_again(at, email)], Filing.PENDING, why, counts, "pending")
    why = "a mailbox that is not read has a new UIDVALIDITY: left where it is"
    put_back(at, [email for email in filing if not _is_found_again(at, email)], Filing.KEPT, why, counts, "kept")
    return here


def _present(at: Visit, emails: Sequence[ClaimedEmail], counts: Counter[str]) -> tuple[list[ClaimedEmail], "_Seen"]:
    """Keep the mails that exist and that nobody marked deleted or a draft; return them with what was seen of them.

    Where an identical mail was settled here and is gone, its owner moved it away and back: this one is left alone.
    """
    if not emails:
        return [], _Seen()
    settled = {uid for email in emails for uid in email.settled_uids}
    uids = sorted(settled.union(email.ref.uid for email in emails if email.ref))
    flags, targets = at.session.flags_and_status(uids, names_of(at.session, emails))
    away = settled - flags.keys()
    ready: list[ClaimedEmail] = []
    gone: defaultdict[tuple[Filing, str, str], list[ClaimedEmail]] = defaultdict(list)
    for email in emails:
        found = flags.get(email.ref.uid) if email.ref else None
        reason = _reason_to_leave(email, found)
        came_back = next((uid for uid in email.settled_uids if uid in away), None)
        if reason is None and came_back is not None:
            away.remove(came_back)
            reason = (Filing.KEPT, "moved away and back by its owner: left alone", "kept")
        if reason is None:
            ready.append(email)
        else:
            gone[reason].append(email)
    for (became, why, count), group in gone.items():
        put_back(at, group, became, why, counts, count)
    return ready, _Seen(flags=flags, targets=targets)


def _reason_to_leave(email: ClaimedEmail, flags: Flags | None) -> tuple[Filing, str, str] | None:
    if flags is None:
        reason = (Filing.VANISHED, "gone from its mailbox before it was filed", "vanished")
    elif "\\Deleted" in flags:
        reason = (Filing.VANISHED, "marked \\Deleted by somebody: left alone", "vanished")
    elif "\\Draft" in flags:
        reason = (Filing.KEPT, "a draft: left alone", "kept")
    else:
        return None
    return (Filing.APPLIED, reason[1], "left_alone") if email.undoing else reason


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one round trip showed: flags by UID, and some of the mailboxes that mails will be moved to."""

    flags: dict[int, Flags] = field(default_factory=dict)
    targets: dict[str, MailboxStatus] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FlagChange:
    """One STORE: the same flags added to, or removed from, many mails."""

    kind: ActionKind
    keywords: bool
    names: Flags


def _set_flags(
    at: Visit, status: MailboxStatus, emails: Sequence[ClaimedEmail], flags: dict[int, Flags]
) -> list[ActionStep]:
    """Store flags and keywords; return the last step of each flag action, to be committed with what follows."""
    groups: defaultdict[_FlagChange, list[tuple[ClaimedEmail, list[LoggedAction]]]] = defaultdict(list)
    sent: list[ActionStep] = []
    refused: list[ActionStep] = []
    for email, keywords, kind in product(emails, (False, True), (ActionKind.FLAG, ActionKind.UNFLAG)):
        of_kind = [action for action in email.actions if action.kind is kind]
        same = [action for action in of_kind if action.target.startswith("\\") is not keywords]
        takes = [action for action in same if kind is ActionKind.UNFLAG or _accepts(status, action.target)]
        refused += [_refusal(action, "the mailbox takes no such keyword") for action in same if action not in takes]
        if takes:
            names = frozenset(action.target for action in takes)
            groups[_FlagChange(kind=kind, keywords=keywords, names=names)].append((email, takes))
            sent += [_sent(email, action, flags) for action in takes]
    if sent or refused:
        at.renew()
        at.store.actions.advance(at.lease, sent + refused)
    return [step for change, group in groups.items() for step in _store(at, change, group)]


def _store(
    at: Visit, change: _FlagChange, group: Sequence[tuple[ClaimedEmail, Sequence[LoggedAction]]]
) -> Iterable[ActionStep]:
    """Send one STORE and believe only what the server then shows (a refused keyword may be answered OK)."""
    at.renew()
    uids = [email.ref.uid for email, _ in group if email.ref]
    adding = change.kind is ActionKind.FLAG
    shown = at.session.store_flags(uids, **{"add" if adding else "remove": change.names})
    unsure = [uid for uid in uids if uid not in shown or not _holds(shown[uid], change.names, adding)]
    if unsure:
        shown |= at.session.flags(unsure)
    for email, actions in group:
        now_set = shown.get(email.ref.uid, frozenset()) if email.ref else frozenset()
        for action in actions:
            done = _holds(now_set, frozenset({action.target}), adding)
            error = None if done else "the server did not keep it"
            yield ActionStep(action_id=action.id, was=A.SENT, became=A.DONE if done else A.REFUSED, error=error)


def _holds(shown: Flags, names: Flags, adding: bool) -> bool:
    """Whether all names are set (or all unset). Keywords are case-insensitive (RFC 9051 section 2.3.2)."""
    have = {flag.casefold() for flag in shown}
    return all((name.casefold() in have) is adding for name in names)


def _accepts(status: MailboxStatus, flag: str) -> bool:
    permanent = status.permanent_flags
    if permanent is None or (status.accepts_new_keywords and not flag.startswith("\\")):
        return True
    return flag.casefold() in {known.casefold() for known in permanent}


def _refusal(action: LoggedAction, error: str) -> ActionStep:
    return ActionStep(action_id=action.id, was=action.state, became=A.REFUSED, error=error)


def _sent(email: ClaimedEmail, action: LoggedAction, flags: dict[int, Flags]) -> ActionStep:
    source_flags = flags.get(email.ref.uid) if email.ref else None
    return ActionStep(action_id=action.id, was=A.PLANNED, became=A.SENT, source=email.ref, source_flags=source_flags)


def _finish_unmoved(
    at: Visit, emails: Sequence[ClaimedEmail], steps: Sequence[ActionStep], counts: Counter[str]
) -> None:
    """Mails without a move end here, where they are."""
    if not emails:
        return
    done = {step.action_id for step in steps if step.became in HAPPENED}
    outcomes = []
    for email in emails:
        if email.undoing:
            outcome = Outcome(email_id=email.id, became=Filing.KEPT, why="undone", by="person")
        elif email.partly_done or any(action.id in done for action in email.actions):
            outcome = Outcome(email_id=email.id, became=Filing.APPLIED, why=_what_was_done(email, done))
        else:
            outcome = Outcome(email_id=email.id, became=Filing.KEPT, why=_why_not(email, steps))
        counts["undone" if email.undoing else outcome.became.value] += 1
        outcomes.append(outcome)
    at.store.actions.finish(at.lease, steps_of(emails, steps), outcomes, at.run_id)


def _what_was_done(email: ClaimedEmail, done: Container[int]) -> str:
    kinds = {action.kind for action in email.actions if action.id in done}
    words = ["flags set"] if kinds & FLAG_CHANGES else []
    words += ["copied"] if ActionKind.COPY in kinds else []
    return ", ".join(words) or "done in part before; the server refuses the rest"


def _why_not(email: ClaimedEmail, steps: Iterable[ActionStep]) -> str:
    """Return why no copy was made; of flags the log says it one by one."""
    copies = {action.id for action in email.copies}
    refusals = (step.error for step in steps if step.action_id in copies and step.error)
    return next(refusals, "the server refuses what was decided")


def _move(
    at: Visit,
    status: MailboxStatus,
    emails: Sequence[ClaimedEmail],
    seen: _Seen,
    flag_steps: Sequence[ActionStep],
    counts: Counter[str],
) -> None:
    """Move what has a target; what has none stays, and its log says why."""
    wanted = {email.move.target for email in emails if email.move}
    undoing = any(email.undoing for email in emails)  # a claim is all of one kind
    targets = find_again(at.session, wanted) if undoing else find_targets(at.session, wanted, seen.targets)
    movable: list[Movable] = []
    staying: list[tuple[ClaimedEmail, LoggedAction, str]] = []
    for email in emails:
        if email.move is None or email.ref is None:
            continue
        target = targets.found.get(email.move.target)
        if target is None:
            staying.append((email, email.move, targets.refused[email.move.target]))
        elif target.name == status.name:
            staying.append((email, email.move, "it is in its target already"))
        else:
            movable.append(Movable(email=email, move=email.move, target=target, flags=seen.flags[email.ref.uid]))
    leave(at, staying, flag_steps, counts)
    if movable:
        move_all(at, status, movable, steps_of([item.email for item in movable], flag_steps), counts)
