"""Decisions: claim fetched mail, hand it to the rules, and record what they said, many rows at a time."""

import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from psycopg.rows import DictRow

from shared.errors import EmailAgentError, StaleClaim
from shared.records import StoredEmail
from shared.rules.model import Action, Decision
from shared.status import STATUS_TRANSITIONS, Status
from shared.store.database import Transaction


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
    )


def record_decisions(
    transaction: Transaction,
    decisions: Mapping[int, Decision],
    *,
    token: uuid.UUID | None,
    rule_set_id: int,
    run: uuid.UUID | None,
) -> Mapping[str, int]:
    """Record decisions on fetched mail claimed by `token` (None: locked by this transaction); counts by new status."""
    if not decisions:
        return {}
    rows = transaction.all(
        "record_decisions",
        **_columns(decisions),
        token=token,
        rule_set_id=rule_set_id,
        run=run,
        by="classify-rules",
    )
    recorded = Counter({row["status"]: row["mails"] for row in rows})
    if recorded.total() != len(decisions):
        raise StaleClaim
    return recorded


def _columns(decisions: Mapping[int, Decision]) -> dict[str, Sequence[Any]]:
    listed = list(decisions.values())
    for status in {decision.status for decision in listed}:
        if status not in STATUS_TRANSITIONS[Status.FETCHED]:
            raise EmailAgentError(f"a fetched mail cannot become {status}")
    return {
        "ids": list(decisions),
        "statuses": [str(decision.status) for decision in listed],
        "categories": [decision.category for decision in listed],
        "deciders": [decision.decided_by for decision in listed],
        "confidences": [decision.confidence for decision in listed],
        "reasons": [decision.reason for decision in listed],
        "traces": [decision.trace for decision in listed],
        "actions": [_actions_json(decision.actions) for decision in listed],
        "ms": [decision.ms for decision in listed],
    }


@lru_cache(maxsize=1024)
def _actions_json(actions: tuple[Action, ...]) -> str:
    return json.dumps([{"kind": action.kind, "target": action.target} for action in actions])
