"""All that is known of one mail: what it is, what was decided, what happened and what was done."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from shared.errors import NotFound
from shared.records import EmailRef, LoggedAction, StoredEmail
from shared.status import Filing, Status
from shared.store.claims import logged_action, place
from shared.store.database import Transaction
from shared.store.decisions import stored_email

MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailEvent:
    """One change of a mail; `what` is `status`, `filing` or `place`."""

    at: dt.datetime
    what: str
    was: str | None
    became: str
    why: str
    by: str
    run: uuid.UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailHistory:
    """A mail with its decision, its events and its actions, oldest first."""

    email: StoredEmail
    message_id: str
    ref: EmailRef | None
    defects: tuple[str, ...]
    status: Status
    filing: Filing
    category: str | None
    decided_by: str | None
    confidence: float | None
    reason: str | None
    trace: str | None
    rule_set_id: int | None
    processing_time_ms: float | None
    processed_at: dt.datetime | None
    attempts: int
    events: tuple[EmailEvent, ...]
    actions: tuple[LoggedAction, ...]


def read_history(transaction: Transaction, mail: str) -> EmailHistory:
    """Read a mail by id or Message-ID, with or without its angle brackets."""
    number = int(mail) if mail.isascii() and mail.isdigit() and int(mail) <= MAX_ID else None
    bare = mail.strip().strip("<>")
    row = transaction.one("find_email", id=number, message_ids=[mail, bare, f"<{bare}>"])
    if row is None:
        raise NotFound("there is no such mail", hint="name its number or Message-ID; what no sync has read is unknown")
    events = transaction.all("read_events", id=row["id"])
    actions = transaction.all("read_actions", ids=[row["id"]])
    return EmailHistory(
        email=stored_email(row),
        ref=place(row["mailbox"], row["uidvalidity"], row["uid"]),
        defects=tuple(row["defects"]),
        status=Status(row["status"]),
        filing=Filing(row["filing"]),
        events=tuple(_event(event) for event in events),
        actions=tuple(logged_action(action) for action in sorted(actions, key=lambda action: int(action["id"]))),
        **{name: row[name] for name in COPIED},
    )


COPIED = (
    "message_id",
    "category",
    "decided_by",
    "confidence",
    "reason",
    "trace",
    "rule_set_id",
    "processing_time_ms",
    "processed_at",
    "attempts",
)


def _event(row: dict[str, Any]) -> EmailEvent:
    return EmailEvent(
        at=row["at"],
        what=row["what"],
        was=row["was"],
        became=row["became"],
        why=row["why"],
        by=row["by"],
        run=row["run_id"],
    )
