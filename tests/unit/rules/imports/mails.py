"""Mails to ask imported rules about, and what was decided of them."""

import datetime as dt

from shared.records import Attachment, StoredEmail
from shared.rules.decide import decide
from shared.rules.imports.imported import Imported
from shared.rules.load import load_rules

NOW = dt.datetime(2026, 11, 3, 12, 0, tzinfo=dt.UTC)


def mail(text: str = "", attachments: tuple[str, ...] = (), size: int = 5_000, **headers: str) -> StoredEmail:
    """A mail that is fully fetched; underscores in field names stand for hyphens, one at the end for nothing."""
    fields = {name.rstrip("_").replace("_", "-"): [value] for name, value in headers.items()}
    return StoredEmail(
        id=1,
        account="work",
        mailbox="INBOX",
        flags=frozenset(),
        internaldate=NOW - dt.timedelta(days=3),
        size=size,
        headers=EVERY_FIELD | fields,
        text=text,
        attachments=tuple(Attachment(name=name, type="application/octet-stream", bytes=9) for name in attachments),
    )


EVERY_FIELD: dict[str, list[str]] = {
    name: [] for name in ("x-spam", "x-tag", "bcc", "delivered-to", "list-post", "x-forwarded-to", "x-loop")
}


def done(found: Imported, email: StoredEmail) -> list[str] | None:
    """What would be done with the mail, such as `move Work` or `flag \\Seen`; None if nothing is decided."""
    decision = decide(load_rules(found.text), email, NOW)
    if decision.decided_by is None:
        return None
    return [f"{action.kind} {action.target}" for action in decision.actions]
