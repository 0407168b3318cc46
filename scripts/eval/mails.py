"""A message of the test mail -> the mail as the rules see it, through the real mail room."""

import datetime as dt
from collections.abc import Iterable

from shared.mail.parse import parse_email
from shared.records import StoredEmail

MOMENT = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)
"""Now, and when every mail arrived: the shipped rules ask no mail for its age."""

_ENVELOPE_LINE = b"From "  # mbox: the line before the header


def stored_email(octets: bytes, named_headers: Iterable[str]) -> StoredEmail:
    """Return the mail with everything fetched; fields that rules name and the mail lacks are known to be absent."""
    if octets.startswith(_ENVELOPE_LINE):
        octets = octets.partition(b"\n")[2]
    email = parse_email(octets)
    absent: dict[str, list[str]] = {name: [] for name in named_headers}
    return StoredEmail(
        id=0,
        account="test",
        mailbox="INBOX",
        flags=frozenset(),
        internaldate=MOMENT,
        size=len(octets),
        headers=absent | dict(email.headers),
        text=email.text,
        attachments=email.attachments,
    )
