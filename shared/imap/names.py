"""Mailbox names: modified UTF-7 (RFC 3501 section 5.1.3), quoting, delimiter and personal namespace."""

import re
from dataclasses import dataclass

from imapclient import imap_utf7

from shared.imap.wire import Literal

QUOTABLE = re.compile(rb"[\x20-\x7e]*")
MAX_QUOTED_OCTETS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """Where the user's own mailboxes live: a prefix such as `INBOX.` and the hierarchy delimiter (RFC 2342)."""

    prefix: str = ""
    delimiter: str | None = "/"

    def server_name(self, path: str) -> str:
        """Return the server's name for `path`, written with `/` between levels, as users write it.

        A path that already carries the prefix is not prefixed again. INBOX is the same in any case.
        """
        levels = path.split("/")
        if levels[0].upper() == "INBOX":
            levels[0] = "INBOX"
        name = path if self.delimiter is None else self.delimiter.join(levels)
        if len(levels) == 1 and levels[0] == "INBOX":
            return "INBOX"
        return name if name.startswith(self.prefix) else self.prefix + name


def canonical(name: str) -> str:
    """Return `name` with INBOX in capitals, the one name that is case-insensitive (RFC 9051 section 5.1)."""
    return "INBOX" if name.upper() == "INBOX" else name


def decode(raw: bytes) -> str:
    """Return the name behind the octets of a LIST answer; what is not modified UTF-7 is kept as it stands."""
    try:
        name = imap_utf7.decode(raw)
        if imap_utf7.encode(name) == raw:
            return canonical(name)
    except (ValueError, IndexError):
        pass
    try:
        return canonical(raw.decode())  # RFC 9051 servers may send UTF-8
    except UnicodeError:
        return raw.decode("latin-1")


def encode(name: str) -> bytes:
    """Return the octets that mean `name` to the server; ValueError for what no mailbox can be called."""
    if not name or "\x00" in name:
        raise ValueError("a mailbox name is empty or holds a NUL")
    return bytes(imap_utf7.encode(canonical(name)))


def quote(octets: bytes) -> bytes | Literal:
    """Return `octets` as a quoted string, or as a literal where quoting cannot carry them."""
    if len(octets) <= MAX_QUOTED_OCTETS and QUOTABLE.fullmatch(octets):
        return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return Literal(octets)
