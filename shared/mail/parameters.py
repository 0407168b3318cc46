"""Content-Type and Content-Disposition -> a value and its parameters, tolerantly (RFC 2045, 2183, 2231)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from shared.mail.defects import DefectCode
from shared.mail.encoded_words import decode_charset, decode_literal, decode_words
from shared.mail.limits import MAX_PARAMETERS

# A quoted value that never ends goes to the end; a bare one to the next semicolon or ` name=`, with the spaces in it.
_PARAMETER = re.compile(
    r"""[;\ ]\ ?+ ([^\ =;"()]++) \ ?+ = \ ?+ ( "(?:[^"\\]++|\\.)*(?:"|\\?\Z) | (?:(?!\ [\w*-]{1,40}\ ?=)[^;])* )""",
    re.DOTALL | re.VERBOSE,
)
_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*)', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\])')
_CONTINUED = re.compile(r"([^*]+)\*(\d{1,9})(\*?)\Z")
_COMMENT = re.compile(r"\([^()]{0,1000}\)")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,127}\Z")
_TYPE = re.compile(r"\s*+([^\s;/()=]++)\s*+/\s*+([^\s;()=/]++)")
_EXTENDED_QUOTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A lower-case value (`text/plain`, `attachment`) and its decoded parameters by lower-case name."""

    value: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    defects: frozenset[str] = frozenset()


@lru_cache(maxsize=256)
def parse_content_type(raw: str) -> Parsed:
    """Parse a Content-Type, one character per octet; a value that is no type at all is empty and a defect."""
    head, _, _ = raw.partition(";")
    found = _TYPE.match(_COMMENT.sub("", head) if "(" in head else head)
    defects: set[str] = set()
    value = f"{found[1]}/{found[2]}".lower() if found else ""
    if not found and head.strip().lower() == "text":  # as old mailers wrote it, before RFC 1521
        value = "text/plain"
    if not all(map(_TOKEN.match, value.split("/"))):
        value = ""
    if not value:
        defects.add(DefectCode.CONTENT_TYPE)
    return Parsed(value=value, parameters=_parameters(raw, defects), defects=frozenset(defects))


@lru_cache(maxsize=256)
def parse_disposition(raw: str) -> Parsed:
    """Parse a Content-Disposition; some mailers write only its parameters."""
    head, _, _ = raw.partition(";")
    defects: set[str] = set()
    value = head.strip().strip('"').lower()
    if "=" in value:
        raw, value = f";{raw}", ""
    if value and not _TOKEN.match(value):
        value = value.partition(" ")[0]
        value = value if _TOKEN.match(value) else ""
        defects.add(DefectCode.CONTENT_DISPOSITION)
    return Parsed(value=value, parameters=_parameters(raw, defects), defects=frozenset(defects))


def _parameters(raw: str, defects: set[str]) -> dict[str, str]:
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, value in _pairs(raw, defects):
        continued = _CONTINUED.match(name)
        if continued:
            pieces.setdefault(continued[1], {}).setdefault(int(continued[2]), (value, bool(continued[3])))
        elif name.endswith("*"):
            pieces.setdefault(name[:-1], {}).setdefault(0, (value, True))
        else:
            plain.setdefault(name, value)
    decoded = {name: _plain(value, defects) for name, value in plain.items()}
    # RFC 2231 section 3: an extended parameter is the better one of two.
    return decoded | {name: _extended(numbered, defects) for name, numbered in pieces.items()}


def _pairs(raw: str, defects: set[str]) -> Iterator[tuple[str, str]]:
    if "=" not in raw:
        return
    for count, match in enumerate(_PARAMETER.finditer(" ".join(raw.split()))):
        if count >= MAX_PARAMETERS:
            defects.add(DefectCode.PARAMETER_TOO_MANY)
            return
        if not match[1].strip("*"):
            continue
        value = match[2]
        if value.startswith('"'):
            quoted = _QUOTED.match(value)
            value = _ESCAPE.sub(r"\1", quoted[1]) if quoted else ""
        else:
            value = value.strip()
            value = value.rpartition("(")[0].rstrip() if value.endswith(")") else value  # a comment
        yield match[1].lower(), value


def _plain(value: str, defects: set[str]) -> str:
    """Decode encoded words, which RFC 2047 section 5 forbids here and every mailer writes."""
    if value.isascii() and "=?" not in value and "\x1b" not in value:
        return value
    codes: set[str] = set()
    text = decode_words(value, codes) if "=?" in value else decode_literal(value, codes)
    if codes:
        defects.add(DefectCode.PARAMETER_CHARSET)
    return text


def _extended(numbered: dict[int, tuple[str, bool]], defects: set[str]) -> str:
    """Join the pieces of RFC 2231: only the first names a charset, each says whether it is percent-encoded."""
    ordered = [numbered[number] for number in sorted(numbered)]
    first, is_encoded = ordered[0]
    charset = ""
    if is_encoded and first.count("'") >= _EXTENDED_QUOTES:
        charset, _, first = first.partition("'")
        first = first.partition("'")[2]
        ordered[0] = (first, True)
    if not any(encoded for _, encoded in ordered):
        return _plain("".join(value for value, _ in ordered), defects)
    octets = b"".join(
        unquote_to_bytes(value.encode("latin-1", "replace")) if encoded else value.encode("latin-1", "replace")
        for value, encoded in ordered
    )
    codes: set[str] = set()
    text = decode_charset(octets, charset.lower() or "utf-8", codes)
    if codes:
        defects.add(DefectCode.PARAMETER_CHARSET)
    return text
