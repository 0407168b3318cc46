"""The identity hash of a mail: known from the header fetch, the same in every mailbox it is moved to."""

import datetime as dt
import hashlib
import uuid

_PERSON = b"email-agent id 1"  # never changes: stored hashes must stay comparable
_DIGEST_BYTES = 16
_LENGTH_BYTES = 4
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECOND = dt.timedelta(seconds=1)


def identity_hash(
    *, message_id: str, date: str, sender: str, subject: str, size: int, internaldate: dt.datetime
) -> uuid.UUID:
    """Hash the raw field values, the size in octets and INTERNALDATE: exact, never unique (twins exist)."""
    if internaldate.tzinfo is None:
        internaldate = internaldate.replace(tzinfo=dt.UTC)
    seconds = (internaldate - _EPOCH) // _SECOND  # INTERNALDATE has whole seconds
    parts: list[bytes] = []
    for value in (message_id, date, sender, subject, str(size), str(seconds)):
        octets = value.encode("utf-8", "surrogatepass")
        parts += (len(octets).to_bytes(_LENGTH_BYTES, "big"), octets)
    return uuid.UUID(bytes=hashlib.blake2b(b"".join(parts), digest_size=_DIGEST_BYTES, person=_PERSON).digest())
