"""The two byte streams of an IMAP connection, cut into lines and literals (RFC 3501 section 2.2)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n\Z")
RESPONSE_LITERAL = re.compile(rb"~?\{(\d+)\}\r\n\Z")
SET_IN_COMMAND = re.compile(rb"[0-9:,*]+\Z")


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A whole line or a part of a literal; `starts` and `ends` say where a command or response begins and is over."""

    data: bytes
    starts: bool
    ends: bool


class Pieces:
    """Turn chunks of bytes as they arrive into pieces, without waiting for the end of a literal."""

    def __init__(self, literal: re.Pattern[bytes]) -> None:
        self._literal = literal
        self._buffer = b""
        self._left_of_literal = 0
        self._at_start = True

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield what is complete once `data` has arrived; the rest is kept for the next call."""
        self._buffer += data
        buffer, at = self._buffer, 0
        while at < len(buffer):
            if self._left_of_literal:
                end = min(len(buffer), at + self._left_of_literal)
                self._left_of_literal -= end - at
                yield Piece(data=buffer[at:end], starts=False, ends=False)
            else:
                end = buffer.find(b"\r\n", at) + 2
                if end == 1:
                    break
                yield self._line(buffer[at:end])
            at = end
        self._buffer = buffer[at:]

    def forget_literal(self) -> None:
        """Expect a new command next: the literal that was announced will not be sent."""
        self._left_of_literal = 0
        self._at_start = True

    def _line(self, line: bytes) -> Piece:
        starts = self._at_start
        found = self._literal.search(line)
        self._left_of_literal = int(found[1]) if found else 0
        self._at_start = not found
        return Piece(data=line, starts=starts, ends=self._at_start)


@dataclass(frozen=True, kw_only=True)
class Command:
    """A client's command as seen on the wire: never its arguments, except the UID set of those that change mail."""

    tag: bytes
    name: str
    connection: int
    mailbox: str = ""
    uid_set: str = ""
    reached: bool = True

    def uids(self) -> list[int]:
        """Return the UIDs the command names, one by one."""
        return expand(self.uid_set)


def command_name(line: bytes) -> tuple[bytes, str] | None:
    """Return tag and name ("UID MOVE", "SELECT"); None for DONE and the answers within AUTHENTICATE."""
    words = line.split(None, 3)
    if len(words) < 2:
        return None
    name = words[1].upper()
    if name == b"UID" and len(words) > 2:
        name += b" " + words[2].upper()
    return words[0], name.decode("ascii", "replace")


def uid_set(line: bytes, name: str) -> str:
    """Return the set in UID MOVE, UID COPY, UID STORE and UID EXPUNGE, else an empty string."""
    if name not in ("UID MOVE", "UID COPY", "UID STORE", "UID EXPUNGE"):
        return ""
    words = line.split(None, 4)
    return words[3].decode("ascii") if len(words) > 3 and SET_IN_COMMAND.match(words[3]) else ""


def selected_mailbox(line: bytes) -> str:
    """Return the mailbox a SELECT or EXAMINE line names, without its quotes."""
    rest = line.split(None, 2)[2].strip()
    name = rest[1 : rest.find(b'"', 1)] if rest.startswith(b'"') else rest.split(None, 1)[0]
    return name.decode("ascii", "replace")


def expand(text: str) -> list[int]:
    """Expand "1:3,7" to its numbers; a `*` stands for nothing we could count."""
    numbers: list[int] = []
    for part in filter(None, text.split(",")):
        low, _, high = part.partition(":")
        if "*" not in part:
            first, last = sorted((int(low), int(high or low)))
            numbers.extend(range(first, last + 1))
    return numbers
