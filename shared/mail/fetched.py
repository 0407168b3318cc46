"""One FETCH response -> a mail ready for the store."""

import datetime as dt
from collections.abc import Iterable

from shared.mail.defects import DefectCode
from shared.mail.headers import read_headers
from shared.mail.identity import identity_hash
from shared.records import FetchedMail, Flags, NewEmail

FIRST_MOMENT = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LAST_MOMENT = dt.datetime(9998, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
"""A year before the end of time, so that every time zone can show it."""

MAX_SIZE = 2**63 - 1  # RFC 9051 number64, and a bigint


def new_email(mail: FetchedMail, *, extra_headers: Iterable[str] = ()) -> NewEmail:
    """Decode the header, hash the identity, and bring the rest within what can be stored.

    `extra_headers` are the fields asked for beyond the constant list: one the mail does not have is kept as an empty
    list, which tells "fetched, and not there" from "not fetched".
    """
    block = read_headers(mail.header, truncated=mail.header_truncated)
    raw, fields = block.raw, block.fields
    for name in () if mail.unreadable else extra_headers:
        fields.setdefault(name.lower(), [])
    message_id = fields.get("message-id")
    defects = {DefectCode.NOT_FETCHABLE, *block.defects} if mail.unreadable else set(block.defects)
    return NewEmail(
        uid=mail.uid,
        flags=_flags(mail.flags, defects),
        internaldate=_moment(mail.internaldate, defects),
        size=_size(mail.size, defects),
        identity_hash=identity_hash(
            message_id=raw.get("message-id", ""),
            date=raw.get("date", ""),
            sender=raw.get("from", ""),
            subject=raw.get("subject", ""),
            size=mail.size,
            internaldate=mail.internaldate,
        ),
        message_id=message_id[0] if message_id else "",
        headers=fields,
        defects=tuple(sorted(map(str, defects))) if defects else (),
    )


def _flags(flags: Flags, defects: set[str]) -> Flags:
    if all(map(str.isprintable, flags)):
        return flags
    defects.add(DefectCode.FLAG)
    return frozenset(filter(str.isprintable, flags))


def _moment(moment: dt.datetime, defects: set[str]) -> dt.datetime:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
    if FIRST_MOMENT <= aware <= LAST_MOMENT:
        return aware.astimezone(dt.UTC)
    defects.add(DefectCode.INTERNALDATE)
    return FIRST_MOMENT if aware < FIRST_MOMENT else LAST_MOMENT


def _size(size: int, defects: set[str]) -> int:
    if 0 <= size <= MAX_SIZE:
        return size
    defects.add(DefectCode.SIZE)
    return 0 if size < 0 else MAX_SIZE
