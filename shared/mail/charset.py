"""Octets of a text part -> text: by byte order mark, label, what the HTML says of itself, and what is likely."""

import codecs
import re

from shared.mail.defects import DefectCode
from shared.mail.encoded_words import text_codec

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_META = re.compile(rb"<meta\b[^>]{0,300}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([\w.:-]{2,40})", re.IGNORECASE)
_META_WITHIN = 4_096
_LONGEST_CHARACTER = 8
_LIKELY_UTF16 = 0.3
_UTF16_SAMPLE = 512
_UTF8_FIRST = frozenset({None, "cp1252"})  # labels that mail carries over UTF-8 by mistake: none, US-ASCII, Latin-1


def decode_text(octets: bytes, label: str, defects: set[str], *, is_html: bool = False, is_cut: bool = False) -> str:
    """Decode a text part; `is_cut`: its last character may be incomplete. Never fails: replacements and a defect."""
    if octets.isascii() and b"\x1b" not in octets and b"\x00" not in octets and "7" not in label:
        return octets.decode("ascii")
    for mark, codec in _MARKS:
        if octets.startswith(mark):
            return _decoded(octets.removeprefix(mark) if codec == "utf-8" else octets, codec, is_cut, defects)
    named = text_codec(label.strip().lower()) if label else None
    if label and named is None:
        defects.add(DefectCode.TEXT_CHARSET)
    for codec in _candidates(octets, named, is_html=is_html):
        text = _strict(octets, codec, is_cut=is_cut)
        if text is not None:
            if codec != named and named not in _UTF8_FIRST:
                defects.add(DefectCode.TEXT_CHARSET)
            return text
    if named == "utf-8" and _is_mostly_wrong(octets.decode("utf-8", "replace")):
        named = "cp1252"
        defects.add(DefectCode.TEXT_CHARSET)
    return _decoded(octets, named or "cp1252", is_cut, defects)


def _is_mostly_wrong(text: str) -> bool:
    wrong = text.count("\ufffd")
    return wrong > len(text) - len(text.encode("ascii", "ignore")) - wrong


def _candidates(octets: bytes, named: str | None, *, is_html: bool) -> list[str]:
    """Return what to try, most likely first; each must decode without a fault."""
    found: list[str | None] = []
    if b"\x00" in octets[:_UTF16_SAMPLE]:
        found.append(_utf16(octets[:_UTF16_SAMPLE]))
    if named not in _UTF8_FIRST:
        found.append(named)
    meta = _META.search(octets[:_META_WITHIN]) if is_html and named in _UTF8_FIRST else None
    if b"\x1b$" in octets or b"\x1b(" in octets:
        found.append("iso2022_jp")
    found.append("utf-8")
    if meta:
        found.append(text_codec(meta[1].decode("ascii", "replace").lower()))
    return [*(codec for codec in found if codec), named or "cp1252"]


def _utf16(sample: bytes) -> str | None:
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if odd > len(sample) // 2 * _LIKELY_UTF16 and odd > even:
        return "utf-16-le"
    return "utf-16-be" if even > len(sample) // 2 * _LIKELY_UTF16 else None


def _strict(octets: bytes, codec: str, *, is_cut: bool) -> str | None:
    try:
        return octets.decode(codec)
    except UnicodeDecodeError as fault:
        if is_cut and fault.start >= len(octets) - _LONGEST_CHARACTER:
            return octets[: fault.start].decode(codec, "replace")
    except UnicodeError:
        pass
    return None


def _decoded(octets: bytes, codec: str, is_cut: bool, defects: set[str]) -> str:
    text = _strict(octets, codec, is_cut=is_cut)
    if text is not None:
        return text
    defects.add(DefectCode.TEXT_CHARSET)
    try:
        return octets.decode(codec, "replace")
    except UnicodeError:  # some codecs refuse even then
        return octets.decode("latin-1")
