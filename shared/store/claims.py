"""Claimed mails as the pipeline sees them, read from rows of `emails` and `actions`."""

import uuid
from collections import defaultdict
from collections.abc import Sequence

from psycopg.rows import DictRow

from shared.records import ActionKind, ClaimedEmail, EmailRef, Flags, LoggedAction
from shared.status import HAPPENED, ActionState, Filing
from shared.store.database import Transaction

FLAG_CHANGES = frozenset({ActionKind.FLAG, ActionKind.UNFLAG})
FINISHED = frozenset({ActionState.DONE, ActionState.DONE_SOURCE_LEFT, ActionState.REFUSED, ActionState.ABANDONED})


def claimed_emails(transaction: Transaction, token: uuid.UUID, ids: Sequence[int]) -> list[ClaimedEmail]:
    """Return these mails, claimed by `token`, each with its unfinished actions."""
    if not ids:
        return []
    actions: dict[int, list[DictRow]] = defaultdict(list)
    for row in transaction.all("read_actions", ids=list(ids)):
        actions[row["email_id"]].append(row)
    rows = transaction.all("read_claimed_emails", token=token, ids=list(ids))
    return [_claimed(row, actions[row["id"]]) for row in rows]


def logged_action(row: DictRow) -> LoggedAction:
    """Return a row of `actions`."""
    return LoggedAction(
        id=row["id"],
        email_id=row["email_id"],
        kind=ActionKind(row["kind"]),
        target=row["target"],
        state=ActionState(row["state"]),
        source=place(row["source_mailbox"], row["source_uidvalidity"], row["source_uid"]),
        source_flags=None if row["source_flags"] is None else frozenset(row["source_flags"]),
        target_mailbox=row["target_mailbox"],
        target_uidvalidity=row["target_uidvalidity"],
        target_uidnext=row["target_uidnext"],
        target_uid=row["target_uid"],
        undoes=row["undoes"],
        error=row["error"],
    )


def place(mailbox: str | None, uidvalidity: int | None, uid: int | None) -> EmailRef | None:
    """Return a whole place, or None."""
    if mailbox is None or uidvalidity is None or uid is None:
        return None
    return EmailRef(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid)


def _claimed(row: DictRow, actions: list[DictRow]) -> ClaimedEmail:
    undoing = row["filing"] == Filing.APPLIED
    decided = [action for action in actions if action["decision_id"] == row["decision_id"]]
    todo = [action for action in actions if action["undoes"] is not None] if undoing else decided
    return ClaimedEmail(
        id=row["id"],
        ref=place(row["mailbox"], row["uidvalidity"], row["uid"]),
        identity_hash=row["identity_hash"],
        attempts=row["attempts"],
        actions=tuple(logged_action(action) for action in todo if action["state"] not in FINISHED),
        undoing=undoing,
        expected_flags=_flags_left(decided) if undoing else None,
        our_flags=frozenset(action["target"] for action in decided if action["kind"] in FLAG_CHANGES),
        settled_uids=() if undoing else tuple(row["settled_uids"]),
        partly_done=not undoing and any(action["state"] in HAPPENED for action in decided),
    )


def _flags_left(decided: list[DictRow]) -> Flags | None:
    """Return the flags a mail had when we left it: those before our first effect, with our changes."""
    before = next((action["source_flags"] for action in decided if action["source_flags"] is not None), None)
    if before is None:
        return None
    left = {flag.lower(): flag for flag in before}
    for action in decided:
        if action["state"] == ActionState.DONE and action["kind"] == ActionKind.FLAG:
            left.setdefault(action["target"].lower(), action["target"])
        elif action["state"] == ActionState.DONE and action["kind"] == ActionKind.UNFLAG:
            left.pop(action["target"].lower(), None)
    return frozenset(left.values())
