"""The action log: every effect is committed here before the server hears of it."""

import uuid
from collections.abc import Sequence
from typing import Any

from shared.errors import EmailAgentError, NotFound, StaleClaim
from shared.records import ActionStep, ClaimedEmail, Lease, Outcome
from shared.status import ACTION_TRANSITIONS, FILING_TRANSITIONS, Filing
from shared.store.arrays import Kinds, array_literal
from shared.store.claims import claimed_emails
from shared.store.database import Database, Transaction

FIRST_DELAY_S = 60.0
LONGEST_DELAY_S = 3600.0
CAREFUL_MAILS = 100
"""Mails claimed together for their second attempt: among them may be one that kills its worker."""
CLAIMED_EDGES = [
    (was, became)
    for was in (Filing.APPLYING, Filing.APPLIED)
    for became in sorted(FILING_TRANSITIONS[was] | ({Filing.APPLIED} if was is Filing.APPLIED else set()))
]
"""What may become of a claimed mail; an undo that could not be done leaves it applied."""


class Actions:
    """Rows of `actions`, and the filing of mails; a mail is given up after `max_attempts` of its own."""

    def __init__(self, database: Database, *, max_attempts: int) -> None:
        self._database = database
        self._max_attempts = max_attempts

    def claim(self, account_id: int, mailbox: str, limit: int, lease: Lease, run: uuid.UUID) -> list[ClaimedEmail]:
        """Claim pending mails of one mailbox under the lease, their decided actions planned; counts an attempt.

        A mail whose attempts are used up becomes `failed` instead. Mails tried before come first and few at a time,
        alone for their last attempt; claim again for what is left.
        """
        where = {"account_id": account_id, "mailbox": mailbox, "run": run}
        with self._database.transaction() as transaction:
            expires_at = _expiry(transaction, lease)
            transaction.run("fail_used_up", **where, max_attempts=self._max_attempts)
            before = {row["id"] for row in transaction.all("list_claimed", token=lease.token)}
            how = {"limit": limit, "careful": CAREFUL_MAILS, "max_attempts": self._max_attempts}
            transaction.run("claim_pending", **where, **how, token=lease.token, expires_at=expires_at)
            ids = [row["id"] for row in transaction.all("list_claimed", token=lease.token) if row["id"] not in before]
            return claimed_emails(transaction, lease.token, ids)

    def claim_undo(self, account_id: int, run: uuid.UUID | None, lease: Lease) -> list[ClaimedEmail]:
        """Claim what `run` applied, with reverse actions planned; with None, undos that were begun and not finished."""
        where = {"account_id": account_id, "token": lease.token}
        with self._database.transaction() as transaction:
            where["expires_at"] = _expiry(transaction, lease)
            if run is None:
                ids = [row["id"] for row in transaction.all("claim_begun_undos", **where)]
            else:
                ids = [row["id"] for row in transaction.all("claim_applied", **where, undone_run=run)]
                transaction.run("plan_reverse", ids=ids, decision_id=uuid.uuid4())
            return claimed_emails(transaction, lease.token, ids)

    def copies_left(self, account_id: int, run: uuid.UUID) -> int:
        """Count the copies that a run made and an undo leaves: there is no delete."""
        with self._database.transaction() as transaction:
            return int(transaction.value("count_copies_left", account_id=account_id, undone_run=run))

    def stale(self, account_id: int, lease: Lease) -> list[ClaimedEmail]:
        """Take over mails whose worker died, with all their unfinished actions; the lease keeps other workers away."""
        with self._database.transaction() as transaction:
            expires_at = _expiry(transaction, lease)
            rows = transaction.all("take_over", account_id=account_id, token=lease.token, expires_at=expires_at)
            return claimed_emails(transaction, lease.token, [row["id"] for row in rows])

    def advance(self, lease: Lease, steps: Sequence[ActionStep]) -> None:
        """Commit steps in the log; StaleClaim if any mail is not ours or any action not in its `was`."""
        with self._database.transaction() as transaction:
            _advance(transaction, lease, steps)

    def finish(self, lease: Lease, steps: Sequence[ActionStep], outcomes: Sequence[Outcome], run: uuid.UUID) -> None:
        """Commit last steps, the new filing and place of each mail, an event each; claims end here."""
        with self._database.transaction() as transaction:
            _advance(transaction, lease, steps)
            if not outcomes:
                return
            rows = _outcome_columns(outcomes)
            named = sorted({outcome.ref.mailbox for outcome in outcomes if outcome.ref})
            if named:
                transaction.run("note_mailboxes", id=outcomes[0].email_id, mailboxes=named)
            changed = transaction.value(
                "finish_emails",
                **rows,
                edges_was=[str(was) for was, _ in CLAIMED_EDGES],
                edges_became=[str(became) for _, became in CLAIMED_EDGES],
                token=lease.token,
                run=run,
                first_delay_s=FIRST_DELAY_S,
                longest_delay_s=LONGEST_DELAY_S,
            )
            if changed != len(outcomes):
                raise StaleClaim

    def give_back(self, lease: Lease) -> None:
        """A dependency failed while commands were open: the attempt does not count, the claim stays to its expiry."""
        with self._database.transaction() as transaction:
            transaction.run("give_back", token=lease.token)

    def plan(self, account_id: int) -> list[tuple[str, str, str, int]]:
        """Return what waits to be done: (mailbox, kind, target, mails), the mailbox that waits longest first."""
        with self._database.transaction() as transaction:
            rows = transaction.all("plan", account_id=account_id)
        return [(row["mailbox"], row["kind"], row["target"], row["mails"]) for row in rows]

    def hold_pending(self, account_id: int, mailbox: str, run: uuid.UUID) -> int:
        """Hold the pending moves of a mailbox until their owner confirms; return their number."""
        with self._database.transaction() as transaction:
            return int(transaction.value("hold_pending", account_id=account_id, mailbox=mailbox, run=run))

    def allowance(self, account_id: int) -> int:
        """Return how many mails the hourly cap still allows."""
        with self._database.transaction() as transaction:
            allowed = transaction.value("count_allowance", account_id=account_id)
        if allowed is None:
            raise NotFound("there is no such account")
        return int(allowed)


def _expiry(transaction: Transaction, lease: Lease) -> Any:
    expires_at = transaction.value("claim_expiry", name=lease.name, token=lease.token)
    if expires_at is None:
        raise StaleClaim
    return expires_at


def _advance(transaction: Transaction, lease: Lease, steps: Sequence[ActionStep]) -> None:
    if not steps:
        return
    for was, became in {(step.was, step.became) for step in steps}:
        if became not in ACTION_TRANSITIONS[was]:
            raise EmailAgentError(f"an action cannot go from {was} to {became}")
    changed = transaction.value("advance_actions", lease=lease.name, token=lease.token, **_step_columns(steps))
    if changed != len(steps):
        raise StaleClaim


def _step_columns(steps: Sequence[ActionStep]) -> dict[str, Any]:
    """Return the steps as columns: one row per action, and one row per kind of step, which many actions share."""
    kinds = Kinds(_kind_of_step(step) for step in steps)
    names = (
        *("was", "became", "source_mailboxes", "source_uidvalidities", "source_flags"),
        *("target_mailboxes", "target_uidvalidities", "target_uidnexts", "errors"),
    )
    return {
        "ids": array_literal(step.action_id for step in steps),
        "kinds": kinds.numbers,
        "source_uids": array_literal(step.source.uid if step.source else None for step in steps),
        "target_uids": array_literal(step.target_uid for step in steps),
        **kinds.columns(names),
    }


def _kind_of_step(step: ActionStep) -> tuple[str | int | None, ...]:
    """Return all of a step but its action and UIDs."""
    return (
        step.was,
        step.became,
        step.source.mailbox if step.source else None,
        step.source.uidvalidity if step.source else None,
        None if step.source_flags is None else " ".join(sorted(step.source_flags)),
        step.target_mailbox,
        step.target_uidvalidity,
        step.target_uidnext,
        step.error,
    )


def _outcome_columns(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the outcomes as columns, likewise; a place that is None leaves the place as it is."""
    kinds = Kinds(_kind_of_outcome(outcome) for outcome in outcomes)
    return {
        "ids": array_literal(outcome.email_id for outcome in outcomes),
        "kinds": kinds.numbers,
        "uids": array_literal(outcome.ref.uid if outcome.ref else None for outcome in outcomes),
        **kinds.columns(("became", "why", "by", "mailboxes", "uidvalidities")),
    }


def _kind_of_outcome(outcome: Outcome) -> tuple[str | int | None, ...]:
    """Return all of an outcome but its mail and UID."""
    ref = outcome.ref
    return (outcome.became, outcome.why, outcome.by, ref.mailbox if ref else None, ref.uidvalidity if ref else None)
