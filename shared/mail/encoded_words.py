"""RFC 2047 encoded words -> text, with tolerance for what real mail makes of them; linear and bounded."""

import binascii
import codecs
import re
from functools import lru_cache

from shared.mail.defects import DefectCode
from shared.mail.limits import MAX_ENCODED_WORDS

ADDRESS_FIELDS = frozenset({"from", "to", "cc", "bcc", "reply-to", "sender"})

# The encoded text may hold spaces: forbidden, and common.
_WORD = re.compile(r"=\?([!->@-~]{1,60})\?([bBqQ])\?([^?]*)\?=")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_SPECIALS = re.compile(r'[()<>@,;:\\"]')  # RFC 5322 section 3.2.3, those that end or split a display name
_ESCAPED = re.compile(r'(["\\])')
_BASE64_GROUP = 4

# Codecs that Python calls text encodings and that are no charset of any mail.
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "rot_13"}
)
# Labels that senders use for a superset (WHATWG Encoding says the same of them).
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_ALIASES = {
    "iso-8859-8-i": "iso-8859-8",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "ks_c_5601-1987": "cp949",
    "windows-949": "cp949",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gb18030",
    "windows-874": "cp874",
    "x-mac-roman": "mac_roman",
}


def decode_words(value: str, defects: set[str], *, quote_specials: bool = False) -> str:
    """Decode a field value with encoded words, given as one character per octet.

    Adjacent words of one charset are joined before they are decoded: they may split a character.
    With `quote_specials` (address fields) a decoded word that holds a comma, an angle bracket or an `@` is quoted, so
    that nobody can encode an address into a display name.
    """
    parts: list[str] = []
    pending: list[bytes] = []
    pending_charset = ""
    position = quotes = 0
    for count, match in enumerate(_WORD.finditer(value)):
        if count >= MAX_ENCODED_WORDS:
            defects.add(DefectCode.HEADER_TOO_MANY)
            break
        between = value[position : match.start()]
        charset = match[1].partition("*")[0].lower()  # RFC 2231 section 5: charset*language
        joined = pending and not between.strip(" \t")
        if pending and not (joined and charset == pending_charset):
            parts.append(_text(pending, pending_charset, defects, quotes if quote_specials else None))
            pending = []
        if not joined:
            parts.append(decode_literal(between, defects))
            quotes += _unescaped_quotes(between) if quote_specials else 0
        pending_charset = charset
        pending.append(_octets(match[2], match[3], defects))
        position = match.end()
    if pending:
        parts.append(_text(pending, pending_charset, defects, quotes if quote_specials else None))
    parts.append(decode_literal(value[position:], defects))
    return "".join(parts)


def decode_literal(value: str, defects: set[str]) -> str:
    """Decode what stands outside encoded words, one character per octet: UTF-8 (RFC 6532), else what is likely."""
    if "\x1b$" in value or "\x1b(" in value:
        defects.add(DefectCode.HEADER_CHARSET)
        return value.encode("latin-1", "replace").decode("iso2022_jp", "replace")
    if value.isascii():
        return value
    octets = value.encode("latin-1", "replace")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        defects.add(DefectCode.HEADER_8BIT)
    try:
        return octets.decode("cp1252")
    except UnicodeDecodeError:
        return value


def _unescaped_quotes(text: str) -> int:
    return text.replace("\\\\", "").replace('\\"', "").count('"') if '"' in text else 0


def _text(pending: list[bytes], charset: str, defects: set[str], quotes: int | None) -> str:
    text = decode_charset(b"".join(pending), charset, defects)
    if quotes is None or not _SPECIALS.search(text):
        return text
    escaped = _ESCAPED.sub(r"\\\1", text)
    return escaped if quotes % 2 else f'"{escaped}"'


def _octets(encoding: str, text: str, defects: set[str]) -> bytes:
    octets = text.encode("latin-1", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(octets, header=True)
    digits = _NOT_BASE64.sub(b"", octets)
    if len(digits) % _BASE64_GROUP == 1:
        defects.add(DefectCode.HEADER_ENCODING)
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % _BASE64_GROUP))


def decode_charset(octets: bytes, charset: str, defects: set[str]) -> str:
    """Decode what is labelled `charset`; unknown or lying: replacements and the defect `header-charset`."""
    codec = text_codec(charset)
    if codec is not None:
        try:
            return octets.decode(codec)
        except UnicodeError:
            pass
    defects.add(DefectCode.HEADER_CHARSET)
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        pass
    return octets.decode("utf-8" if codec in {None, "utf-8"} else codec or "utf-8", "replace")


@lru_cache(maxsize=512)
def text_codec(charset: str) -> str | None:
    """Return Python's codec for a charset label, or None when there is none or it is no text encoding."""
    try:
        name = codecs.lookup(_ALIASES.get(charset, charset)).name
        name = _SUPERSETS.get(name, name)
        if name.replace("-", "_") in _NO_CHARSETS:
            return None
        b"a".decode(name, "replace")  # raises LookupError for zlib, base64 and the like
    except (LookupError, ValueError):
        return None
    return name
