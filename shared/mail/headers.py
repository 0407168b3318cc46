"""Header bytes -> decoded fields with their defects. Never raises on any bytes; linear in their number."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from shared.mail.defects import Defect, DefectCode
from shared.mail.encoded_words import ADDRESS_FIELDS, decode_literal, decode_words
from shared.mail.limits import MAX_FIELDS, MAX_NAME_CHARS, MAX_REPEATED_CHARS, MAX_VALUE_CHARS

_FOLD = re.compile(r"\n[ \t]+")
# C0 except tab, DEL, C1, and lone surrogates: PostgreSQL or a terminal would not bear them.
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")
_BREAKS = str.maketrans("\r\n\x0b\x0c\x85", "     ")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderBlock:
    """The fields of one header: lower-case name -> decoded, unfolded values in order of appearance.

    `raw` holds the first value of each field as the server sent it (unfolded, one character per octet), for hashes that
    must not change with the decoder. `defects` are codes such as `header-charset`, sorted, each once; `found` says of
    each where it is.
    """

    fields: dict[str, list[str]] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)
    defects: tuple[str, ...] = ()
    found: tuple[Defect, ...] = ()


def read_headers(header: bytes, *, truncated: bool = False) -> HeaderBlock:
    """Read the concatenated BODY[HEADER.FIELDS] sections of one mail; CRLF and bare LF both end a line."""
    fields: dict[str, list[str]] = {}
    raw: dict[str, str] = {}
    defects: set[tuple[str, str]] = {("", DefectCode.HEADER_TRUNCATED)} if truncated else set()
    repeated = MAX_REPEATED_CHARS
    text = header.decode("latin-1").replace("\r\n", "\n")
    lines = _FOLD.sub(" ", text).split("\n")
    if len(lines) > MAX_FIELDS:
        lines = _bounded(lines, defects)
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            if line.strip():
                defects.add(("", DefectCode.HEADER_MALFORMED))
            continue
        value = value.strip(" \t\r")
        name = _field_name(name) if len(name) <= MAX_NAME_CHARS else ""
        if not name:
            defects.add(("", DefectCode.HEADER_MALFORMED))
            continue
        raw.setdefault(name, value)
        if not (value.isascii() and value.isprintable()) or "=?" in value:
            value = _decoded(name, value, defects)
        values = fields.setdefault(name, [])
        limit = min(repeated, MAX_VALUE_CHARS) if values else MAX_VALUE_CHARS
        if len(value) > limit:
            defects.add((name, DefectCode.HEADER_TOO_LONG))
            value = value[:limit]
        repeated -= len(value) if values else 0
        values.append(value)
    if not defects:
        return HeaderBlock(fields=fields, raw=raw)
    codes = sorted({str(code) for _, code in defects})
    found = (Defect(where=f"header:{name}" if name else "", code=str(code)) for name, code in sorted(defects))
    return HeaderBlock(fields=fields, raw=raw, defects=tuple(codes), found=tuple(found))


def _bounded(lines: list[str], defects: set[tuple[str, str]]) -> list[str]:
    filled = [line for line in lines if line]
    if len(filled) > MAX_FIELDS:
        defects.add(("", DefectCode.HEADER_TOO_MANY))
    return filled[:MAX_FIELDS]


@lru_cache(maxsize=1024)
def _field_name(text: str) -> str:
    """Return a field's name in lower case; empty if it is none (RFC 5322 section 2.2: printable ASCII but space)."""
    name = text.rstrip(" \t").lower()
    return name if name.isascii() and name.isprintable() and " " not in name else ""


def _decoded(name: str, value: str, defects: set[tuple[str, str]]) -> str:
    codes: set[str] = set()
    if "=?" in value:
        value = decode_words(value, codes, quote_specials=name in ADDRESS_FIELDS)
    else:
        value = decode_literal(value, codes)
    value = _safe(value, codes)
    if codes:
        defects.update((name, code) for code in codes)
    return value


def _safe(value: str, codes: set[str]) -> str:
    if not _UNSAFE.search(value):
        return value
    codes.add(DefectCode.HEADER_NUL if "\x00" in value else DefectCode.HEADER_CONTROL)
    return _UNSAFE.sub("", value.translate(_BREAKS))
