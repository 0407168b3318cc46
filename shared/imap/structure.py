"""BODYSTRUCTURE (RFC 9051 section 7.5.2) -> the attachments of a mail. A structure that cannot be read is None."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from shared.imap.nested import Value
from shared.mail.attachments import bare_name
from shared.mail.limits import MAX_ATTACHMENTS, MAX_PARTS
from shared.mail.parameters import Parsed, parse_content_type, parse_disposition
from shared.records import Attachment

LEAF_FIELDS = 7
"""Type, subtype, parameters, id, description, encoding, octets; then what the kind of part adds."""
MAX_OCTETS = 2**53
BASE64_LINE, BASE64_LINE_DECODED = 78, 57
"""Octets of a usual line of base64, CRLF included, before and after decoding (RFC 2045 section 6.8)."""
TEXT_TYPES = frozenset({"text/plain", "text/html", "application/xhtml+xml"})
RICH_TYPES = frozenset({"text/enriched", "text/richtext"})


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part that holds no others; `may_be_text`: as it is placed, a person reads it if its type can be read."""

    attachment: Attachment
    may_be_text: bool

    def is_text(self, types: Set[str]) -> bool:
        """Whether a person reads it as text of one of these types."""
        return self.may_be_text and self.attachment.type in types


def read_structure(structure: Value) -> tuple[Attachment, ...] | None:
    """Return the parts that are not a mail's text, in order; None if this is no BODYSTRUCTURE, or an endless one.

    What is attached as a mail (message/rfc822) is one attachment: nobody looks into it.
    """
    try:
        leaves = list(_leaves(structure))
    except ValueError:
        return None
    types = TEXT_TYPES if any(leaf.is_text(TEXT_TYPES) for leaf in leaves) else RICH_TYPES
    return tuple([leaf.attachment for leaf in leaves if not leaf.is_text(types)][:MAX_ATTACHMENTS])


def _leaves(structure: Value) -> Iterator[Leaf]:
    waiting: list[tuple[Value, int, bytes]] = [(structure, 0, b"")]
    parts = 0
    while waiting:
        fields, index, parent = waiting.pop()
        parts += 1
        if not isinstance(fields, list) or not fields or parts > MAX_PARTS:
            raise ValueError("not a part, or too many")
        if not isinstance(fields[0], list):
            yield _leaf(fields, index, parent)
            continue
        end = next((number for number, one in enumerate(fields) if not isinstance(one, list)), len(fields))
        subtype = _word(fields[end]).lower() if end < len(fields) else b""
        waiting.extend((fields[number], number, subtype) for number in reversed(range(end)))


def _leaf(fields: Sequence[Value], index: int, parent: bytes) -> Leaf:
    match fields[:LEAF_FIELDS]:
        case [bytes() as kind, bytes() as subtype, list() | None as parameters, _, _, encoding, bytes() as octets]:
            pass
        case _:
            raise ValueError("a part without its fields")
    content = parse_content_type(_field(b"%b/%b" % (kind, subtype), parameters))
    disposition = _disposition(fields)
    name = bare_name(disposition.parameters.get("filename") or content.parameters.get("name") or "")
    # As shared.mail.text says of whole mails: a named part is text only where it comes first (RFC 8621 section 4.1.4).
    may_be_text = disposition.value != "attachment" and (index == 0 or (parent != b"related" and not name))
    size = _size(octets, _word(encoding))
    return Leaf(Attachment(name=name, type=content.value or "text/plain", bytes=size), may_be_text)


def _disposition(fields: Sequence[Value]) -> Parsed:
    """Return the disposition, wherever the server puts it behind the fields of the part's kind."""
    for value in fields[LEAF_FIELDS:]:
        match value:
            case [bytes() as word, None | list() as parameters]:
                return parse_disposition(_field(word, parameters))
    return Parsed()


def _field(value: bytes, parameters: Value) -> str:
    """Return a header field as it may have stood in the mail, one character per octet."""
    words = [value.decode("latin-1")]
    pairs = parameters if isinstance(parameters, list) else []
    for key, text in zip(pairs[::2], pairs[1::2], strict=False):
        if isinstance(key, bytes) and isinstance(text, bytes):
            quoted = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            words.append(f'{key.decode("latin-1")}="{quoted.decode("latin-1")}"')
    return "; ".join(words)


def _word(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""


def _size(octets: bytes, encoding: bytes) -> int:
    """Return the octets of a part once decoded: of base64 as many as its usual lines hold."""
    if not octets.isdigit():
        raise ValueError("a part without a size")
    size = int(octets)
    if encoding.lower() == b"base64":
        size = size * BASE64_LINE_DECODED // BASE64_LINE
    return min(size, MAX_OCTETS)
