"""Any bytes -> an Email with its defects. Never raises; time and memory are bounded by limits.py."""

import datetime as dt
import re
import uuid
from collections.abc import Mapping

from shared.mail.addresses import Address, addresses
from shared.mail.dates import parse_date
from shared.mail.defects import DefectCode, Defects
from shared.mail.email import Email
from shared.mail.headers import HeaderBlock, read_headers
from shared.mail.identity import identity_hash
from shared.mail.limits import MAX_ADDRESSES, MAX_HEADER_BYTES, MAX_MESSAGE_BYTES
from shared.mail.structure import header_end
from shared.mail.text import read_body

_BOM = b"\xef\xbb\xbf"
_FIRST_LINES = 65_536
_BLANK_LINE = re.compile(rb"\n\r?\n")
_ANGLES = re.compile(r"<[ \t]*([^<> \t]+)[ \t]*>")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ADDRESS_FIELDS = ("from", "to", "cc", "bcc", "reply-to")
MAX_LIST_ID_CHARS = 255
_LIST_ID_WITHIN = 1_000


def parse_email(
    octets: bytes, *, internaldate: dt.datetime | None = None, truncated: bool = False, size: int | None = None
) -> Email:
    """Read a message. `size` is its RFC822.SIZE where `octets` are only its beginning (`truncated`).

    Without INTERNALDATE the identity hash is that of a mail received at the epoch.
    """
    defects = Defects()
    size = len(octets) if size is None else size
    octets, truncated = _bounded(octets, defects, truncated=truncated)
    octets = _with_line_ends(octets, defects)
    block, body = _header(octets, defects)
    read = read_body(octets, body, block.raw, defects, is_cut=truncated)
    found = {name: _addresses(block, name, defects) for name in _ADDRESS_FIELDS}
    if not found["from"]:
        defects.add(DefectCode.FROM_MISSING)
    if not block.fields and not read.text and not read.attachments:
        defects.add(DefectCode.UNPARSEABLE)
    subject = _first(block, "subject")
    return Email(
        headers=block.fields,
        message_id=_first(block, "message-id"),
        date=_date(block, defects),
        from_=found["from"],
        to=found["to"],
        cc=found["cc"],
        bcc=found["bcc"],
        reply_to=found["reply-to"],
        subject=subject,
        list_id=_list_id(_first(block, "list-id")),
        list_headers={name: values[0] for name, values in block.fields.items() if name.startswith("list-")},
        text=read.text,
        text_truncated=read.truncated,
        hidden_text=read.hidden_text,
        attachments=read.attachments,
        size=size,
        identity_hash=_identity(block.raw, size, internaldate or _EPOCH),
        defects=defects.listed(),
    )


def _bounded(octets: bytes, defects: Defects, *, truncated: bool) -> tuple[bytes, bool]:
    if len(octets) <= MAX_MESSAGE_BYTES:
        return octets, truncated
    defects.add(DefectCode.MESSAGE_TOO_LONG)
    return octets[:MAX_MESSAGE_BYTES], True


def _with_line_ends(octets: bytes, defects: Defects) -> bytes:
    """Bring line ends that no mail program wrote to those it did; take off what stands before the first field."""
    octets = octets.removeprefix(_BOM)
    first = octets[:_FIRST_LINES]
    if b"\r\r\n" in first:
        defects.add(DefectCode.LINE_ENDS)
        octets = octets.replace(b"\r\r\n", b"\r\n")
    elif b"\r" in first and b"\n" not in first:
        defects.add(DefectCode.LINE_ENDS)
        octets = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return octets


def _header(octets: bytes, defects: Defects) -> tuple[HeaderBlock, int]:
    start = len(octets[:_FIRST_LINES]) - len(octets[:_FIRST_LINES].lstrip(b"\r\n"))
    limit = start + MAX_HEADER_BYTES
    body, is_closed = header_end(octets, start, limit)
    end = min(body, limit)
    if body >= limit:
        defects.add(DefectCode.HEADER_TOO_LONG)
        blank = _BLANK_LINE.search(octets, limit)
        body = blank.end() if blank else len(octets)
    block = read_headers(octets[start:end])
    for defect in block.found:
        defects.add(defect.code, defect.where)
    if not block.fields:
        defects.add(DefectCode.HEADER_MISSING)
    elif not is_closed:
        defects.add(DefectCode.HEADER_NOT_CLOSED)
    return block, body


def _first(block: HeaderBlock, name: str) -> str:
    values = block.fields.get(name)
    return values[0] if values else ""


def _addresses(block: HeaderBlock, name: str, defects: Defects) -> tuple[Address, ...]:
    found = addresses(block.fields.get(name, ()))
    if len(found) >= MAX_ADDRESSES:
        defects.add(DefectCode.ADDRESS_TOO_MANY, f"header:{name}")
    if any("@" not in address.address for address in found):
        defects.add(DefectCode.ADDRESS_MALFORMED, f"header:{name}")
    return tuple(found)


def _date(block: HeaderBlock, defects: Defects) -> dt.datetime | None:
    value = _first(block, "date")
    if not value:
        defects.add(DefectCode.DATE_MISSING)
        return None
    codes: set[str] = set()
    date = parse_date(value, codes)
    defects.extend(codes, "header:date")
    return date


def _list_id(value: str) -> str:
    found = _ANGLES.findall(value[-_LIST_ID_WITHIN:])
    return (found[-1] if found else value.strip())[:MAX_LIST_ID_CHARS]  # RFC 2919: what stands before is a phrase


def _identity(raw: Mapping[str, str], size: int, internaldate: dt.datetime) -> uuid.UUID:
    return identity_hash(
        message_id=raw.get("message-id", ""),
        date=raw.get("date", ""),
        sender=raw.get("from", ""),
        subject=raw.get("subject", ""),
        size=size,
        internaldate=internaldate,
    )
