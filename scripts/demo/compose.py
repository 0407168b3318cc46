"""Write an entry as the raw bytes of a mail (RFC 5322, MIME): by hand, so that the bytes are the same everywhere."""

import base64
import hashlib
import quopri
from datetime import datetime, timedelta
from email.header import Header
from email.utils import format_datetime, formataddr
from html import escape

from scripts.demo.entries import Entry

OWNER_NAME = "Alex Moreau"
OWNER_ADDRESS = "alex@home.example"
BASE64_LINE = 76
ATTACHMENT_TYPES = {"pdf": "application/pdf", "jpg": "image/jpeg", "csv": "text/csv"}
ATTACHMENT_BLOCKS = 40


def compose(entry: Entry, *, when: datetime, message_id: str) -> bytes:
    """Write the mail without its X-Demo-Id line."""
    headers = [
        f"From: {formataddr((entry.sender, entry.address), entry.charset)}",
        f"To: {OWNER_NAME} <{OWNER_ADDRESS}>",
        f"Subject: {encoded(entry.subject, entry.charset, 'Subject')}",
        f"Date: {format_datetime(when)}",
        f"Message-ID: {message_id}",
        "MIME-Version: 1.0",
    ]
    if entry.list_id:
        headers.append(f"List-Id: {encoded(entry.list_id, entry.charset, 'List-Id')}")
        headers.append(f"List-Unsubscribe: <mailto:leave@{entry.address.partition('@')[2]}>")
    seed = hashlib.sha256(message_id.encode()).hexdigest()[:16]
    return "\r\n".join(headers).encode("ascii") + b"\r\n" + _content(entry, when, seed)


def encoded(value: str, charset: str, name: str) -> str:
    """Encode a header value where it is not ASCII (RFC 2047)."""
    if value.isascii():
        return value
    return Header(value, charset, header_name=name).encode(linesep="\r\n")


def multipart(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    """Join parts, each with its own headers, into one multipart entity (RFC 2046 section 5.1)."""
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return head.encode() + body + f"--{boundary}--\r\n".encode()


def _content(entry: Entry, when: datetime, seed: str) -> bytes:
    """Content headers, the empty line and the body."""
    text = _text_part("plain", entry.body + "\n", entry)
    html = _text_part("html", _as_html(entry.body), entry)
    content = {"": text, "only": html, "yes": multipart("alternative", f"alt-{seed}", [text, html])}[entry.html]
    if entry.calendar:
        content = multipart("alternative", f"cal-{seed}", [content, _calendar_part(entry, when, seed)])
    if entry.attach:
        content = multipart("mixed", f"mix-{seed}", [content, _attachment(entry.attach, seed)])
    return content


def _text_part(subtype: str, text: str, entry: Entry) -> bytes:
    raw = text.encode(entry.charset)
    encoding = entry.encoding or ("7bit" if raw.isascii() else "8bit")
    head = f'Content-Type: text/{subtype}; charset="{entry.charset}"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    if encoding == "base64":
        return head.encode() + _base64_lines(raw.replace(b"\n", b"\r\n"))
    if encoding == "quoted-printable":
        raw = quopri.encodestring(raw)
    return head.encode() + raw.replace(b"\n", b"\r\n")


def _as_html(body: str) -> str:
    paragraphs = "\n".join(f"<p>{escape(part)}</p>" for part in body.split("\n\n"))
    return f"<!DOCTYPE html>\n<html><body>\n{paragraphs}\n</body></html>\n"


def _attachment(name: str, seed: str) -> bytes:
    """Bytes that look like nothing: the demo moves attachments, it does not open them."""
    data = b"".join(hashlib.sha256(f"{seed}{block}".encode()).digest() for block in range(ATTACHMENT_BLOCKS))
    head = (
        f'Content-Type: {ATTACHMENT_TYPES[name.rpartition(".")[2]]}; name="{name}"\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    return head.encode() + _base64_lines(data)


def _calendar_part(entry: Entry, when: datetime, seed: str) -> bytes:
    start = when + timedelta(days=14)
    event = (
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//calendar.example//demo//EN\nMETHOD:REQUEST\nBEGIN:VEVENT\n"
        f"UID:{seed}@calendar.example\nDTSTAMP:{when:%Y%m%dT%H%M%SZ}\nDTSTART:{start:%Y%m%dT%H%M%SZ}\n"
        f"SUMMARY:{entry.calendar}\nORGANIZER:mailto:{entry.address}\nATTENDEE:mailto:{OWNER_ADDRESS}\n"
        "END:VEVENT\nEND:VCALENDAR\n"
    )
    head = 'Content-Type: text/calendar; method=REQUEST; charset="utf-8"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
    return head.encode() + event.replace("\n", "\r\n").encode()


def _base64_lines(data: bytes) -> bytes:
    text = base64.b64encode(data)
    return b"\r\n".join(text[at : at + BASE64_LINE] for at in range(0, len(text), BASE64_LINE)) + b"\r\n"
