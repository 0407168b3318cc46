"""Mails as the store hands them out, for tests that are not about fetching."""

import datetime as dt

from shared.records import Attachment, StoredEmail

ARRIVED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def stored(
    *,
    sender: str = "Ann <ann@shop.example>",
    subject: str = "Your invoice",
    text: str | None = "Please pay.",
    list_id: str | None = None,
    attachments: tuple[Attachment, ...] | None = None,
) -> StoredEmail:
    """Return a mail with these header fields."""
    headers = {"from": [sender], "subject": [subject]} | ({"list-id": [list_id]} if list_id is not None else {})
    return StoredEmail(
        id=1, account="work", mailbox="INBOX", flags=frozenset(), internaldate=ARRIVED, size=1000,
        headers=headers, text=text, attachments=attachments,
    )  # fmt: skip
