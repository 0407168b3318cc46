"""apply-actions: carry out what was decided (pending -> applied), or take a run's actions back (applied -> kept)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from shared.batch import Batch
from shared.clock import now
from shared.errors import BadRequest, DeadlineExceeded, DependencyDown, NotFound
from shared.pipeline.carry_out import carry_out
from shared.pipeline.limits import Limits
from shared.pipeline.ports import OpenMailbox, Store
from shared.pipeline.put_back import put_back
from shared.pipeline.reconcile import settle_stale
from shared.pipeline.undo import untouched
from shared.pipeline.visit import Visit, failures_noted, visit
from shared.records import Account, ActionKind, ClaimedEmail, MailboxStatus, Mode, Run
from shared.status import Filing

TOLD = frozenset({"left_alone", "copies_left", "capped", "missing_mailboxes"})
"""Counts of a call that its run's summary cannot know."""


def apply_actions(batch: Batch, *, store: Store, open_mailbox: OpenMailbox, limits: Limits) -> Batch:
    """File what is pending, mailbox by mailbox; `undo` takes a run back; `dry_run` only says what would be done.

    What is allowed (mode, pause, caps, approvals) is read from the store, never from the request. Counts: mails by
    what became of them in this call; the last call of a run (`final`) answers with the summary of the whole run.
    """
    started = now()
    account = store.accounts.get(batch.account)
    if batch.dry_run and batch.undo is not None:
        raise BadRequest("an undo has no dry run")
    if batch.dry_run:
        store.runs.open(account.id, batch.run, dry_run=True)
        return _finished(batch, account, store, _dry_run(batch, account, store), started)
    run = store.runs.open(account.id, batch.run, dry_run=False)
    if account.mode is Mode.PAUSED or store.accounts.paused():
        store.runs.close(run.id, "paused")  # the next run need not wait until this one's lease runs out
        return batch.answer("apply-actions", {}, outcome="paused", mode=account.mode.value)
    answer = batch.answer("apply-actions", {}, outcome="done", mode=account.mode.value)
    batch = replace(batch, final=batch.final or run.finished)
    with failures_noted(store, account, run):
        if batch.confirm is not None and not run.approved_moves:
            released = store.runs.confirm(account.id, batch.confirm, run.id)
            run = replace(run, approved_moves=released)
        if batch.undo is not None or (not run.dry_run and store.emails.waiting(account.id)["to_apply"]):
            answer = _visit(batch, account, run, store, open_mailbox, limits, started)
    return _finished(batch, account, store, answer, started)


def _dry_run(batch: Batch, account: Account, store: Store) -> Batch:
    plan = [
        {"mailbox": mailbox, "action": kind, "target": target, "mails": mails}
        for mailbox, kind, target, mails in store.actions.plan(account.id)
    ]
    return batch.answer("apply-actions", {}, outcome="done", mode=account.mode.value, plan=plan)


def _finished(batch: Batch, account: Account, store: Store, answer: Batch, started: float) -> Batch:
    """Close the run after its last call (the chain stops where mail is held or all is paused); answer for all of it."""
    ms = round((now() - started) * 1000)
    if answer.outcome not in ("held", "paused") and (answer.more or not batch.final):
        return replace(answer, ms=ms)
    summary = store.runs.summary(batch.run)
    outcome = "held" if summary.counts.get("held") else answer.outcome or "done"
    store.runs.close(batch.run, outcome, summary)
    store.accounts.record_success(account.id)
    return replace(
        answer,
        counts=dict(summary.counts) | {name: n for name, n in answer.counts.items() if name in TOLD and n},
        decided_by=dict(summary.decided_by),
        targets=dict(summary.targets),
        outcome=outcome,
        ms=ms,
    )


def _visit(
    batch: Batch, account: Account, run: Run, store: Store, open_mailbox: OpenMailbox, limits: Limits, started: float
) -> Batch:
    counts: Counter[str] = Counter()
    with visit(account, run, store=store, open_mailbox=open_mailbox, limits=limits, started=started) as at:
        try:
            settle_stale(at)
            _undo(at, batch, counts)
            outcome, more = "done", False
            if batch.undo is None:
                outcome, more = _file_pending(at, batch, counts)
        except (DependencyDown, DeadlineExceeded):
            at.store.actions.give_back(at.lease)
            raise
        commands = at.session.commands
    return batch.answer(
        "apply-actions", counts, outcome=outcome, more=more, mode=account.mode.value, imap_commands=commands
    )


def _file_pending(at: Visit, batch: Batch, counts: Counter[str]) -> tuple[str, bool]:
    """File the pending mails of each mailbox; return the outcome and whether another call is needed."""
    outcome = "done"
    allowance = at.store.actions.allowance(at.account.id)
    left = min(batch.limit or at.limits.apply_mails, at.limits.apply_mails, allowance)
    plan = at.store.actions.plan(at.account.id)
    for mailbox in dict.fromkeys(name for name, _, _, _ in plan if batch.mailbox in (None, name)):
        if left <= 0 or not at.in_time:
            break
        if at.store.accounts.paused():
            return "paused", False
        moves = sum(mails for name, kind, _, mails in plan if name == mailbox and kind == ActionKind.MOVE)
        try:
            status = at.session.select(mailbox)
        except NotFound:
            counts["missing_mailboxes"] += 1
            continue
        if is_anomaly(at, status, moves, elsewhere=counts["moved"]):
            counts["held"] += at.store.actions.hold_pending(at.account.id, mailbox, at.run_id)
            outcome = "held"  # what is only flagged here goes on
        tried = _file_mailbox(at, status, left, counts)
        left, allowance = left - tried, allowance - tried
    if outcome == "done" and at.store.accounts.paused():
        outcome = "paused"
    if allowance <= 0:
        counts["capped"] = at.store.emails.waiting(at.account.id)["to_apply"]
    return outcome, not at.in_time


def _file_mailbox(at: Visit, status: MailboxStatus, limit: int, counts: Counter[str]) -> int:
    """File the pending mails of the selected mailbox; return how many were tried.

    What was tried before comes in small claims, so that a mail that kills its worker is found; all the rest in one.
    """
    tried: set[int] = set()
    while len(tried) < limit and at.in_time:
        emails = at.store.actions.claim(at.account.id, status.name, limit - len(tried), at.lease, at.run_id)
        if not emails:
            break
        carry_out(at, status, emails, counts)
        ids = {email.id for email in emails}
        if emails[0].attempts <= 1 or ids & tried:  # these were all, or they cannot be filed now
            return len(tried | ids)
        tried |= ids
        status = at.session.select(status.name)
    return len(tried)


def is_anomaly(at: Visit, status: MailboxStatus, moves: int, *, elsewhere: int = 0) -> bool:
    """Whether this run would move more of a mailbox than an owner expects without having approved that many.

    `elsewhere`: moved out of other mailboxes in this call; it counts as mails, not as a share of this mailbox.
    """
    if moves + elsewhere <= at.account.approved_moves:  # what is moved is taken off that number
        return False
    confirmed = 0 if at.run.finished else at.run.approved_moves  # it ends with its run: a replayed call has none
    unconfirmed = at.run.moved + moves - confirmed
    if unconfirmed + elsewhere <= at.limits.anomaly_mails:
        return False
    return unconfirmed > at.limits.anomaly_share * (status.messages + at.run.moved)


def _undo(at: Visit, batch: Batch, counts: Counter[str]) -> None:
    """Take back what a run did, or continue an undo that was interrupted."""
    emails = at.store.actions.claim_undo(at.account.id, batch.undo, at.lease)
    lost = [email for email in emails if email.ref is None]
    put_back(at, lost, Filing.APPLIED, "its place in the target is not known", counts, "left_alone")
    placed = sorted((email for email in emails if email.ref), key=_mailbox)
    for mailbox, group in groupby(placed, key=_mailbox):
        _undo_in(at, mailbox, list(group), counts)
    if batch.undo is not None:
        counts["copies_left"] = at.store.actions.copies_left(at.account.id, batch.undo)


def _undo_in(at: Visit, mailbox: str, emails: Sequence[ClaimedEmail], counts: Counter[str]) -> None:
    try:
        status = at.session.select(mailbox)
    except NotFound:
        put_back(at, emails, Filing.APPLIED, "its mailbox is gone", counts, "left_alone")
        return
    ours = untouched(at, status, emails)
    left = {email.id for email in ours}
    touched = [email for email in emails if email.id not in left]
    put_back(at, touched, Filing.APPLIED, "changed by a person since: left alone", counts, "left_alone")
    if ours:
        carry_out(at, status, ours, counts)


def _mailbox(email: ClaimedEmail) -> str:
    return email.ref.mailbox if email.ref else ""
