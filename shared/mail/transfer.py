"""Content-Transfer-Encoding: octets as they were sent -> octets as they were meant (RFC 2045 section 6)."""

import binascii
import re
from dataclasses import dataclass

from shared.mail.defects import DefectCode
from shared.mail.limits import MAX_ENCODED_RUNS, MAX_UUENCODED_FILES

_IDENTITY = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit", "7bits", "8bits", "none"})
_UUENCODE = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_BLANK = b" \t\r\n"
_CHUNK = 1_048_576
_SAMPLE = 4_096
_LIE_SHARE, _LIE_LEAST = 0.1, 2
_GROUP, _OCTETS = 4, 3
_SOFT_BREAK = re.compile(rb"=[ \t]+(\r?\n|\Z)")
_ESCAPES = re.compile(rb"=(?:[0-9A-Fa-f]{2}|[ \t]*\r?\n|[ \t]*\Z)")
_PADDED = re.compile(rb"={1,2}+[ \t\r\n]*+(?=.)", re.DOTALL)
_PADDING = re.compile(rb"=[= \t\r\n]*+")
_UU_BEGIN = re.compile(rb"^begin[ \t]+[0-7]{3,4}[ \t]+([^\r\n]{1,500})\r?\n(?=[!-`])", re.MULTILINE)
_UU_LINE = re.compile(rb"^[!-`]", re.MULTILINE)
_UU_END = re.compile(rb"^end[ \t]*\r?$", re.MULTILINE)
_UU_BIAS, _UU_MASK = 32, 63


def encoding_of(raw: str, defects: set[str]) -> str:
    """Return `base64`, `quoted-printable`, `uuencode`, or empty for octets that stand for themselves."""
    name = raw.partition(";")[0].partition("(")[0].strip(" \t\"'").lower()
    if name in _IDENTITY:
        return ""
    squeezed = name.replace(" ", "").replace("_", "-")
    if squeezed in {"base64", "base-64"}:
        return "base64"
    if squeezed in {"quoted-printable", "quotedprintable", "qp"}:
        return "quoted-printable"
    if squeezed in _UUENCODE:
        return "uuencode"
    defects.add(DefectCode.TRANSFER_ENCODING_UNKNOWN)
    return ""


def decode(octets: bytes, encoding: str, defects: set[str]) -> bytes:
    """Take the transfer encoding off; what is not encoded, whatever its label says, comes back as it is."""
    if encoding == "base64":
        return _base64(octets, defects)
    if encoding == "quoted-printable":
        return _quoted_printable(octets, defects)
    if encoding == "uuencode":
        files, _ = uuencoded(octets)
        return uudecode(files[0].body) if files else octets
    return octets


def decoded_size(octets: memoryview, encoding: str, defects: set[str]) -> int:
    """Return how many octets a part has once decoded, without holding them where that can be avoided."""
    if encoding == "base64":
        digits = sum(
            len(bytes(octets[start : start + _CHUNK]).translate(None, _NOT_BASE64))
            for start in range(0, len(octets), _CHUNK)
        )
        return digits * _OCTETS // _GROUP
    if encoding == "uuencode":
        begin = _UU_BEGIN.search(octets)
        end = _UU_END.search(octets, begin.end()) if begin else None
        return uu_size(octets[begin.end() : end.start() if end else len(octets)]) if begin else len(octets)
    return len(decode(bytes(octets), encoding, defects)) if encoding else len(octets)


def _base64(octets: bytes, defects: set[str]) -> bytes:
    padded = _PADDED.search(octets)
    sample = octets[: min(padded.start(), _SAMPLE) if padded else _SAMPLE].translate(None, b"\r\n=")
    strange = len(sample) - len(sample.translate(None, _NOT_BASE64))
    if strange > max(_LIE_LEAST, len(sample) * _LIE_SHARE):
        defects.add(DefectCode.TRANSFER_ENCODING_LIES)
        return octets
    if padded is None:
        return _base64_run(octets, defects)
    rest = octets[padded.end() :].translate(None, _BLANK + b"=")
    if b"\n" in padded[0] and rest.translate(None, _NOT_BASE64) == rest:  # several encodings, one after the other
        pieces = _PADDING.split(octets, MAX_ENCODED_RUNS)[:MAX_ENCODED_RUNS]
        return b"".join(_base64_run(piece, defects) for piece in pieces)
    # Else it ends here, and something follows: the footer that a mailing list adds below the encoding.
    defects.add(DefectCode.TRANSFER_ENCODING_BROKEN)
    return _base64_run(octets[: padded.start()], defects)


def _base64_run(octets: bytes, defects: set[str]) -> bytes:
    """Decode base64 whose padding is taken off; octets that are no digits are passed over (RFC 2045 section 6.8)."""
    digits = octets.translate(None, _NOT_BASE64)
    if len(octets.translate(None, _BLANK + b"=")) != len(digits):
        defects.add(DefectCode.TRANSFER_ENCODING_BROKEN)
    if len(digits) % _GROUP == 1:
        defects.add(DefectCode.TRANSFER_ENCODING_BROKEN)
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % _GROUP))


def _quoted_printable(octets: bytes, defects: set[str]) -> bytes:
    sample = octets[:_SAMPLE]
    if len(_ESCAPES.findall(sample)) < sample.count(b"="):
        defects.add(DefectCode.TRANSFER_ENCODING_BROKEN)
    return binascii.a2b_qp(_SOFT_BREAK.sub(rb"=\1", octets) if b"= " in octets or b"=\t" in octets else octets)


@dataclass(frozen=True, slots=True, kw_only=True)
class UuFile:
    """A file between `begin` and `end` in a text, as old mailers attached them."""

    name: bytes
    body: bytes


def uuencoded(octets: bytes) -> tuple[list[UuFile], bytes]:
    """Return the uuencoded files in a text, and the text without them."""
    if b"begin" not in octets:
        return [], octets
    files: list[UuFile] = []
    text: list[bytes] = []
    position = 0
    while len(files) < MAX_UUENCODED_FILES:
        begin = _UU_BEGIN.search(octets, position)
        if begin is None:
            break
        end = _UU_END.search(octets, begin.end())
        text.append(octets[position : begin.start()])
        files.append(UuFile(name=begin[1], body=octets[begin.end() : end.start() if end else len(octets)]))
        position = end.end() if end else len(octets)
    return files, b"".join([*text, octets[position:]]) if files else octets


def uu_size(body: bytes | memoryview) -> int:
    """Return how many octets uuencoded lines stand for: each begins with its length."""
    return sum((body[line.start()] - _UU_BIAS) & _UU_MASK for line in _UU_LINE.finditer(body))


def uudecode(body: bytes) -> bytes:
    """Decode uuencoded lines; one that cannot be decoded counts as empty."""
    decoded = []
    for line in filter(None, body.split(b"\n")):  # of an empty line binascii makes 32 octets
        try:
            decoded.append(binascii.a2b_uu(line))
        except binascii.Error:
            continue
    return b"".join(decoded)
