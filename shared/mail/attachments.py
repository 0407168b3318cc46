"""Leaf parts -> attachments: what a person can save, by name, type and size."""

from collections.abc import Iterable

from shared.mail.defects import DefectCode, Defects
from shared.mail.encoded_words import decode_literal
from shared.mail.limits import MAX_ATTACHMENTS, MAX_FILE_NAME_CHARS
from shared.mail.plain import without_invisible
from shared.mail.safe_text import safe_line
from shared.mail.structure import Leaf
from shared.mail.transfer import UuFile, decoded_size, uu_size
from shared.records import Attachment


def file_name(leaf: Leaf) -> str:
    """Return the name a part gives itself: Content-Disposition first (RFC 2183), then Content-Type; no folders."""
    name = leaf.disposition.parameters.get("filename") or leaf.parameters.get("name") or ""
    return bare_name(name)


def attachments(octets: bytes, leaves: Iterable[Leaf], defects: Defects) -> list[Attachment]:
    """Measure the parts that are no text."""
    found: list[Attachment] = []
    view = memoryview(octets)
    for leaf in leaves:
        if len(found) >= MAX_ATTACHMENTS:
            defects.add(DefectCode.ATTACHMENT_TOO_MANY)
            break
        codes: set[str] = set()
        size = decoded_size(view[leaf.start : leaf.end], leaf.encoding, codes)
        defects.extend(codes, f"part:{leaf.path}")
        found.append(Attachment(name=file_name(leaf), type=leaf.type, bytes=size))
    return found


def uuencoded_attachment(file: UuFile) -> Attachment:
    """Describe a file that stood in the text."""
    name = decode_literal(file.name.decode("latin-1"), set())
    return Attachment(name=bare_name(name), type="application/octet-stream", bytes=uu_size(file.body))


def bare_name(name: str) -> str:
    """Return a name without folders, and without characters that turn it around or cannot be seen."""
    name, _ = without_invisible(name[: MAX_FILE_NAME_CHARS * 4])
    return safe_line(name.replace("\\", "/").rpartition("/")[2], MAX_FILE_NAME_CHARS)
