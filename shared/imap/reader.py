"""The FETCH reader: one regex on what servers usually answer, the general parser for everything else.

Never waits for more data because the regex failed: what does not match is framed by its lines and literals alone and
handed to the general parser.
"""

import datetime as dt
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from imapclient.response_parser import parse_fetch_response

from shared.errors import BadAnswer
from shared.imap import uid_set
from shared.imap.answers import MONTHS, flag_set
from shared.imap.faults import parsing_faults
from shared.imap.wire import Answer, Response, Wire
from shared.records import FetchedMail, Flags

MAX_HEADER_BYTES = 1024 * 1024
MAX_CHUNK_BYTES = 32 * 1024 * 1024  # of headers in one chunk; beyond it each further mail keeps little
SMALL_HEADER_BYTES = 16 * 1024

HEADER_FIELDS = b"DATE FROM TO CC REPLY-TO SENDER SUBJECT MESSAGE-ID LIST-ID LIST-UNSUBSCRIBE PRECEDENCE AUTO-SUBMITTED"
"""Keep this list constant: servers cache exactly these fields, and a new one makes them open every mail again."""

FIELD_NAME = re.compile(r"[!-9;-~]{1,100}")  # RFC 5322 section 2.2
UNKNOWN_DATE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

MAIL = re.compile(
    rb"\* \d{1,10} FETCH \((?:UID (\d{1,10}) |FLAGS \(([^()\r\n]*)\) |INTERNALDATE \"([ 0-9A-Za-z:+-]{26})\" "
    rb"|RFC822\.SIZE (\d{1,18}) |MODSEQ \(\d{1,20}\) ){4,5}"
    rb"BODY\[HEADER\.FIELDS \([^()\]\r\n]*\)\] \{(\d{1,10})\}\r\n"
)
"""What servers send whose header comes last, in whatever order the rest is (Dovecot, Gmail); each item is a group."""
SECTION = re.compile(rb" BODY\[HEADER\.FIELDS \([^()\]\r\n]*\)\] \{(\d{1,10})\}\r\n")
FLAGS_ONLY = re.compile(rb"\* \d{1,10} FETCH \(UID (\d{1,10})(?: MODSEQ \(\d+\))? FLAGS \(([^()\r\n]*)\)\)")
END = b")\r\n"

MONTH_NUMBERS = {month: number for number, month in enumerate(MONTHS, start=1)}


def fetch_items(extra_headers: Iterable[str] = ()) -> bytes:
    """Return what is asked of each mail: the constant header list, in a second section what rules name beyond it."""
    known = frozenset(HEADER_FIELDS.decode().split())
    extra = sorted({name.upper() for name in extra_headers} - known)
    wrong = [name for name in extra if not FIELD_NAME.fullmatch(name) or any(sign in name for sign in '()[]{}"\\%*')]
    if wrong:
        raise ValueError(f"not a header field name: {wrong[0]!r}")
    second = f" BODY.PEEK[HEADER.FIELDS ({' '.join(extra)})]".encode() if extra else b""
    return b"(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (" + HEADER_FIELDS + b")]" + second + b")"


@lru_cache(maxsize=4_096)
def cached_flags(words: bytes) -> Flags:
    """Return the flags in the text between the parentheses."""
    return flag_set(words.split())


@lru_cache(maxsize=256)
def _zone(text: bytes) -> dt.timezone:
    offset = dt.timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return dt.timezone(-offset if text[:1] == b"-" else offset)


def internaldate(text: bytes) -> dt.datetime:
    """Return the moment of `17-Jul-1996 02:44:25 -0700` (RFC 9051 date-time); ValueError if it is none."""
    if text[2:3] != b"-" or text[6:7] != b"-" or text[14:18:3] != b"::" or text[21:22] not in (b"+", b"-"):
        raise ValueError("not an INTERNALDATE")
    return dt.datetime(
        int(text[7:11]), MONTH_NUMBERS[text[3:6]], int(text[0:2]), int(text[12:14]), int(text[15:17]), int(text[18:20]),
        tzinfo=_zone(text[21:26]),
    )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Chunk:
    """The UIDs of one chunk on their way: what was asked, and what came.

    `tags` are the commands not answered yet with their UID sets, `refused` the sets of those answered NO.
    """

    asked: Container[int]
    tags: dict[bytes, bytes] = field(default_factory=dict)
    refused: list[bytes] = field(default_factory=list)
    mails: dict[int, FetchedMail] = field(default_factory=dict)
    partial: dict[int, dict[bytes, object]] = field(default_factory=dict)
    octets: int = 0

    def add(self, mail: FetchedMail) -> None:
        """Keep a whole mail."""
        self.mails[mail.uid] = mail
        self.octets += len(mail.header)

    def merge(self, uid: int, said: dict[bytes, object], truncated: bool) -> None:
        """Keep items of a mail that may come in several responses (RFC 9051 section 7.5.2)."""
        if uid in self.mails:
            return
        known = self.partial.setdefault(uid, {})
        known.update(said)
        if truncated:
            known[b"TRUNCATED"] = True
        if _is_whole(known):
            self.add(_mail(uid, self.partial.pop(uid)))

    def settle(self, answer: Answer, *, refused: bool) -> None:
        """Take note of the end of a command, if it is one of this chunk."""
        uids = self.tags.pop(answer.tag, None)
        if refused and uids is not None:
            self.refused.append(uids)

    def refuse(self) -> None:
        """Take what is not answered yet as refused: the connection is gone."""
        self.refused += self.tags.values()
        self.tags.clear()

    def missing(self) -> list[int]:
        """Return what was refused and did not come all the same."""
        return [uid for uids in self.refused for uid in uid_set.expand(uids) if uid not in self.mails]

    def give_up(self, uid: int) -> None:
        """Keep a mail that cannot be read, with as much as is known of it."""
        self.add(replace(_mail(uid, self.partial.pop(uid, {})), unreadable=True))

    def end(self) -> list[FetchedMail]:
        """Return the mails; one of which only flags came was announced, not fetched."""
        for uid, known in self.partial.items():
            if any(map(_is_header, known)):
                self.add(_mail(uid, known))
        return list(self.mails.values())


class FetchReader:
    """Reads FETCH responses from the wire into the chunks in flight."""

    def __init__(self, wire: Wire, in_flight: "Iterable[Chunk]", max_header_bytes: int = MAX_HEADER_BYTES) -> None:
        self._wire = wire
        self._in_flight = in_flight
        self._max_header_bytes = max_header_bytes

    def read_until(self, chunk: Chunk, *, sections: int) -> Answer:
        """Read up to the next tagged line; mails go into `chunk`, or into another one in flight that asked for them."""
        wire = self._wire
        while True:
            keep = self._max_header_bytes if chunk.octets < MAX_CHUNK_BYTES else SMALL_HEADER_BYTES
            mail = self._quick(keep, sections)
            if mail is not None:
                owner = chunk if mail.uid in chunk.asked else self._owner(mail.uid)
                if owner is not None:
                    owner.add(mail)
                continue
            response = wire.response(keep)
            if (answer := wire.tagged(response, [])) is not None:
                return answer
            self._thorough(response, sections)

    def _quick(self, keep: int, sections: int) -> FetchedMail | None:
        """Read one mail that is already received whole and looks as expected; None leaves the wire as it was."""
        wire = self._wire
        match = MAIL.match(wire.data, wire.at)
        if match is None or None in match.groups():
            return None
        uid, flags, date, size, length = match.groups()
        data, start = wire.data, match.end()
        end = start + int(length)
        header = data[start:end]
        if sections > 1:
            second = SECTION.match(data, end)
            if second is None:
                return None
            start, end = second.end(), second.end() + int(second[1])
            header = _join(header, data[start:end])
        if len(header) > keep or data[end : end + 3] != END:
            return None
        try:
            moment = internaldate(date)
        except (ValueError, KeyError):
            return None
        wire.at = end + 3
        return FetchedMail(uid=int(uid), flags=cached_flags(flags), internaldate=moment, size=int(size), header=header)

    def _thorough(self, response: Response, sections: int) -> None:
        mail = _framed(response) if sections == 1 else None
        uid, said = (mail.uid, {}) if mail else fetch_response(response)
        owner = self._owner(uid) if uid else None
        if owner is None:
            return
        if mail is not None:
            owner.add(mail)
        else:
            owner.merge(uid, said, response.truncated)

    def _owner(self, uid: int) -> Chunk | None:
        return next((chunk for chunk in self._in_flight if uid in chunk.asked), None)


def _framed(response: Response) -> FetchedMail | None:
    """Return the mail of a response that arrived in pieces, if it looks as expected."""
    match = MAIL.fullmatch(response.line + b"\r\n")
    if match is None or None in match.groups() or len(response.literals) != 1 or response.lines[1] != b")":
        return None
    try:
        moment = internaldate(match[3])
    except (ValueError, KeyError):
        return None
    return FetchedMail(
        uid=int(match[1]),
        flags=cached_flags(match[2]),
        internaldate=moment,
        size=int(match[4]),
        header=response.literals[0],
        header_truncated=response.truncated,
    )


def fetch_response(response: Response) -> tuple[int, dict[bytes, object]]:
    """Return UID and items of a FETCH response by the general parser; UID 0 if it is another response or has none."""
    words = response.line.split(b" ", 3)
    if len(words) < 4 or words[2].upper() != b"FETCH":  # noqa: PLR2004 - "*", number, "FETCH", items
        return 0, {}
    parts = response.parser_input()
    rest = words[1] + b" " + words[3]
    parts[0] = (rest, parts[0][1]) if isinstance(parts[0], tuple) else rest
    with parsing_faults():
        said = dict(next(iter(parse_fetch_response(parts, normalise_times=False, uid_is_key=False).values())))
    uid = said.get(b"UID", 0)
    if not isinstance(uid, int):
        raise BadAnswer("the mail server sent an answer that is no IMAP")
    return uid, said


def _is_header(key: bytes) -> bool:
    return key.startswith((b"BODY[HEADER.FIELDS", b"RFC822.HEADER"))


def _is_whole(said: dict[bytes, object]) -> bool:
    return {b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"} <= said.keys() and any(map(_is_header, said))


def _mail(uid: int, said: dict[bytes, object]) -> FetchedMail:
    """Build a mail from what the general parser read; what the server left out or garbled gets a neutral value."""
    header = b""
    for key, value in said.items():
        if _is_header(key) and isinstance(value, bytes):
            header = _join(header, value) if header else value
    flags, moment, size = said.get(b"FLAGS"), said.get(b"INTERNALDATE"), said.get(b"RFC822.SIZE")
    return FetchedMail(
        uid=uid,
        flags=flag_set(flags) if isinstance(flags, tuple) else frozenset(),
        internaldate=moment if isinstance(moment, dt.datetime) and moment.tzinfo else UNKNOWN_DATE,
        size=size if isinstance(size, int) else 0,
        header=header,
        header_truncated=b"TRUNCATED" in said,
    )


def _join(first: bytes, second: bytes) -> bytes:
    """Join two header sections, each of which ends with an empty line."""
    return (first[:-2] if first.endswith((b"\r\n\r\n",)) or first == b"\r\n" else first) + second
