"""Decisions: claim fetched mail, hand it to the rules, and record what they said, many rows at a time."""

import json
import uuid
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from psycopg.rows import DictRow

from shared.errors import EmailAgentError, StaleClaim
from shared.records import StoredEmail
from shared.rules.model import Action, Decision
from shared.status import STATUS_TRANSITIONS, Status
from shared.store.arrays import array_literal
from shared.store.database import Transaction
from shared.store.parts import note_wishes, read_attachments


def stored_email(row: DictRow) -> StoredEmail:
    """Return a row as the rules see it."""
    return StoredEmail(
        id=row["id"],
        account=row["account"],
        mailbox=row["mailbox"],
        flags=frozenset(row["flags"]),
        internaldate=row["internaldate"],
        size=row["size"],
        headers=row["headers"],
        unreadable=row["unreadable"],
        text=row["excerpt"],
        attachments=read_attachments(row["attachments"]),
        unavailable=frozenset(row["unavailable_parts"]),
    )


def record_decisions(
    transaction: Transaction,
    decisions: Mapping[int, Decision],
    *,
    token: uuid.UUID | None,
    rule_set_id: int,
    run: uuid.UUID | None,
    was: Status = Status.FETCHED,
) -> Mapping[str, int]:
    """Record decisions on mail of a status claimed by `token` (None: locked by this transaction); counts by new status.

    What hangs on parts that were not fetched is not recorded yet: the mail waits for them.
    """
    waiting = note_wishes(transaction, decisions, token)
    final = {email_id: each for email_id, each in decisions.items() if email_id not in waiting}
    if not final:
        return {}
    rows = transaction.all(
        "record_decisions",
        **_columns(final, was),
        was=str(was),
        decision_id=uuid.uuid4(),
        token=token,
        rule_set_id=rule_set_id,
        run=run,
        by="classify-rules",
    )
    recorded = Counter({row["status"]: row["mails"] for row in rows})
    if recorded.total() != len(final):
        raise StaleClaim
    return recorded


def _columns(decisions: Mapping[int, Decision], was: Status) -> dict[str, Any]:
    """Return the decisions as columns: one row per mail, and one row per kind of decision, which many mails share."""
    numbered: dict[tuple[Any, ...], int] = {}
    kinds: list[Decision] = []
    numbers = []
    for each in decisions.values():
        number = numbered.setdefault(_kind(each), len(kinds) + 1)
        if number > len(kinds):
            kinds.append(each)
        numbers.append(number)
    for status in {kind.status for kind in kinds}:
        if status not in STATUS_TRANSITIONS[was]:
            raise EmailAgentError(f"{'an' if was is Status.UNCERTAIN else 'a'} {was} mail cannot become {status}")
    return {
        "ids": array_literal(decisions),
        "ms": array_literal(each.ms for each in decisions.values()),
        "kinds": array_literal(numbers),
        "statuses": [str(kind.status) for kind in kinds],
        "categories": [kind.category for kind in kinds],
        "deciders": [kind.decided_by for kind in kinds],
        "confidences": [kind.confidence for kind in kinds],
        "reasons": [kind.reason for kind in kinds],
        "traces": [kind.trace for kind in kinds],
        "actions": [_actions_json(kind.actions) for kind in kinds],
    }


def _kind(each: Decision) -> tuple[Any, ...]:
    """Return all of a decision but the time it took."""
    return (
        each.status,
        each.category,
        each.decided_by,
        each.confidence,
        each.reason,
        each.trace,
        each.actions,
    )


@lru_cache(maxsize=1024)
def _actions_json(actions: tuple[Action, ...]) -> str:
    return json.dumps([{"kind": action.kind, "target": action.target} for action in actions])
