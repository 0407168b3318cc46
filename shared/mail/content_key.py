"""The content key of a mail: equal for mails of one sender that differ in numbers, names and links only."""

import hashlib
import re
import uuid
from collections.abc import Iterable
from itertools import islice

from shared.mail.addresses import Address

_PERSON = b"email-agent key1"  # another number when the masks change: old verdicts then no longer match
_DIGEST_BYTES = 16
_TEXT_CHARS = 4_000
_URL = re.compile(r"(?:https?://|www\.)\S+")
_ADDRESS = re.compile(r"(?<!\S)[^\s@]++@\S++")
_NUMBERS = re.compile(r"(?<!\S)[^\s\d]*+\d\S*+(?:\s++[^\s\d]*+\d\S*+)*")
_WORDS = re.compile(r"\w+")
_MIN_NAME_CHARS = 3
_MAX_RECIPIENTS = 20


def content_key(*, sender: str, subject: str, text: str, recipients: Iterable[Address]) -> uuid.UUID:
    """Hash the sender's domain, and subject and text with numbers, names, addresses and links masked."""
    names = {
        word
        for recipient in islice(recipients, _MAX_RECIPIENTS)
        for word in _WORDS.findall(f"{recipient.name} {recipient.address.partition('@')[0]}".lower())
        if len(word) >= _MIN_NAME_CHARS
    }
    masked = "\n".join((sender, _masked(subject, names), _masked(text[:_TEXT_CHARS], names)))
    octets = masked.encode("utf-8", "surrogatepass")
    return uuid.UUID(bytes=hashlib.blake2b(octets, digest_size=_DIGEST_BYTES, person=_PERSON).digest())


def _masked(text: str, names: set[str]) -> str:
    text = text.lower()
    if "//" in text or "www." in text:
        text = _URL.sub("u", text)
    if "@" in text:
        text = _ADDRESS.sub("a", text)
    words = _WORDS.findall(_NUMBERS.sub("0", text))
    return " ".join([word for word in words if word not in names])
