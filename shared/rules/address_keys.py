"""Addresses and domains as conditions compare them: what only looks like a domain is never taken for it."""

import re
import unicodedata

from shared.rules.folding import fold, normalised

# RFC 5890 section 2.3.2.1: a label in ASCII for what people write in other letters; 63 octets a label (RFC 1035).
MAX_DOMAIN_CHARS = 255
_ENCODED_LABEL = re.compile(r"(?<![a-z0-9-])xn--([a-z0-9-]{1,59})(?![a-z0-9-])")
NO_KEY = ""
"""The key of an address that no condition is about."""


def mail_key(address: str) -> str:
    """Return a mail's address for comparison; NO_KEY for one that has no certain domain.

    `a@x.example@bank.example`, or a domain that turns into another one when characters nobody sees are taken out: who
    checks senders (DMARC) may have looked at another domain than the reader sees, or at none.
    """
    if address.isascii() and "xn--" not in address.lower():
        key = address.lower()
        local = key.rpartition("@")[0]
        return key if "@" not in local or _is_quoted(local) else NO_KEY
    local, at, domain = address.rpartition("@")
    if len(domain) > MAX_DOMAIN_CHARS:
        return NO_KEY
    domain = unicodedata.normalize("NFC", domain.strip().lower())
    folded = fold(local)
    if domain != normalised(domain) or ("@" in folded and not _is_quoted(folded)):
        return NO_KEY
    return f"{folded}{at}{_readable(domain)}"


def address_key(text: str) -> str:
    """Return an address that a rule names for comparison, or the beginning or end of one that has an `@`."""
    local, at, domain = text.rpartition("@")
    return f"{fold(local)}{at}{domain_key(domain)}" if at else fold(text)


def domain_key(text: str) -> str:
    """Return a domain that a rule names for comparison: letters as people write them, ß not ss (RFC 5891)."""
    return _readable(normalised(text).lower())


def _is_quoted(local: str) -> bool:
    return len(local) > 1 and local.startswith('"') and local.endswith('"')


def _readable(domain: str) -> str:
    return _ENCODED_LABEL.sub(_decoded, domain) if "xn--" in domain else domain


def _decoded(label: re.Match[str]) -> str:
    try:
        text = label[1].encode("ascii").decode("punycode")
        is_label = not text.isascii() and text == normalised(text).lower()
    except UnicodeError:
        return label[0]
    return text if is_label else label[0]
