"""What the server's untagged responses and response codes say, as values."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence

from imapclient.response_parser import parse_response

from shared.errors import BadAnswer
from shared.imap import names, uid_set
from shared.imap.faults import parsing_faults
from shared.imap.names import Namespace
from shared.imap.wire import Answer, Response
from shared.records import Flags, MailboxName, MailboxStatus

MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
NUMBER_CODE = re.compile(rb"\* OK \[(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d{1,20})", re.I)
PERMANENT_FLAGS = re.compile(rb"\* OK \[PERMANENTFLAGS \(([^)]*)\)", re.I)
EXISTS = re.compile(rb"\* (\d{1,10}) EXISTS", re.I)
CAPABILITY = re.compile(rb"(?:\* )?CAPABILITY ([^\]\r\n]*)", re.I)
ESEARCH = re.compile(rb'\* ESEARCH \(TAG "?([^")]+)"?\)(?: UID)?(?: (?:ALL|MIN) ([0-9:,]+))?', re.I)
SEARCH = re.compile(rb"\* SEARCH((?: \d{1,10})*) *(?:\(MODSEQ \d+\))?", re.I)


def capabilities(text: bytes) -> frozenset[str] | None:
    """Return the capabilities in a response or a response code, None if it holds none."""
    found = CAPABILITY.match(text)
    return None if found is None else frozenset(found[1].decode("ascii", "replace").upper().split())


def flag_set(words: Iterable[object]) -> Flags:
    """Return flags as text, without the Recent flag, which belongs to a session and not to a mail."""
    found = (word.decode("ascii", "replace") if isinstance(word, bytes) else str(word) for word in words)
    return frozenset(flag for flag in found if flag.lower() != "\\recent")


def items(response: Response) -> tuple[object, ...]:
    """Return one untagged response as nested tuples, by the general parser."""
    with parsing_faults():
        return tuple(parse_response(response.parser_input()))


def opened(name: str, answer: Answer) -> tuple[MailboxStatus, bool]:
    """Return what SELECT or EXAMINE said, and whether UIDNEXT was missing (it is then 0; RFC 3501 allows that)."""
    numbers: dict[bytes, int] = {}
    messages = 0
    permanent: Flags | None = None
    for response in answer.untagged:
        if found := NUMBER_CODE.match(response.line):
            numbers[found[1].upper()] = int(found[2])
        elif found := PERMANENT_FLAGS.match(response.line):
            permanent = flag_set(found[1].split())
        elif found := EXISTS.match(response.line):
            messages = int(found[1])
    uidvalidity = numbers.get(b"UIDVALIDITY", 0)
    if not uidvalidity:
        raise BadAnswer(
            f"the mail server gives {name!r} no UIDVALIDITY: its mails cannot be told apart safely",
            hint="this mailbox cannot be sorted until the server says one (RFC 9051 section 2.3.1.1)",
        )
    status = MailboxStatus(
        name=name,
        uidvalidity=uidvalidity,
        uidnext=numbers.get(b"UIDNEXT", 0),
        messages=messages,
        highestmodseq=numbers.get(b"HIGHESTMODSEQ") or None,
        permanent_flags=permanent,
    )
    return status, b"UIDNEXT" not in numbers


def statuses(heard: Iterable[Answer]) -> dict[str, MailboxStatus]:
    """Return the STATUS responses in `heard`, wherever among the answers they came."""
    found = {}
    for response in _untagged(heard, b"* STATUS "):
        match items(response):
            case (_, _, said, tuple(pairs)):
                name = names.decode(_octets(said))
                found[name] = _status(name, pairs)
    return found


def _status(name: str, pairs: Sequence[object]) -> MailboxStatus:
    with parsing_faults():
        said = {_octets(key).upper(): _number(value) for key, value in zip(pairs[::2], pairs[1::2], strict=True)}
        return MailboxStatus(
            name=name,
            uidvalidity=said[b"UIDVALIDITY"],
            uidnext=said[b"UIDNEXT"],
            messages=said[b"MESSAGES"],
            highestmodseq=said.get(b"HIGHESTMODSEQ") or None,
        )


def listed(answer: Answer) -> Iterator[tuple[bytes, MailboxName]]:
    """Yield the LIST responses before `answer`, each with the name's octets."""
    for response in _untagged([answer], b"* LIST "):
        match items(response):
            case (_, _, tuple(attributes), delimiter, name, *_):
                sign = None if delimiter is None else _octets(delimiter).decode("ascii", "replace")
                raw = _octets(name)
                yield raw, MailboxName(name=names.decode(raw), delimiter=sign or None, attributes=flag_set(attributes))
            case _:
                raise BadAnswer("the mail server sent a LIST answer that is no IMAP")


def personal_namespace(answer: Answer) -> Namespace | None:
    """Return the first personal namespace of a NAMESPACE response."""
    for response in _untagged([answer], b"* NAMESPACE "):
        match items(response):
            case (_, _, ((prefix, delimiter, *_), *_), *_):
                sign = None if delimiter is None else _octets(delimiter).decode("ascii", "replace")
                return Namespace(prefix=names.decode(_octets(prefix)) if prefix else "", delimiter=sign or None)
    return None


def search_date(day: dt.date) -> bytes:
    """Return a day as SEARCH wants it (RFC 9051 `date`), in English whatever the locale."""
    return b"%d-%b-%d" % (day.day, MONTHS[day.month - 1], day.year)


def found_uids(heard: Sequence[Answer]) -> set[int]:
    """Return the UIDs of SEARCH or ESEARCH answers; an ESEARCH of a command that is not among them is not ours."""
    tags = {answer.tag for answer in heard}
    uids: set[int] = set()
    with parsing_faults():
        for response in _untagged(heard, b"* ESEARCH "):
            found = ESEARCH.match(response.line)  # RFC 4731
            if found and found[1] in tags and found[2]:
                uids.update(uid_set.expand(found[2]))
        for response in _untagged(heard, b"* SEARCH"):
            if (found := SEARCH.fullmatch(response.line)) is not None:
                uids.update(map(int, found[1].split()))
    return uids


def _untagged(heard: Iterable[Answer], start: bytes) -> Iterator[Response]:
    for answer in heard:
        for response in answer.untagged:
            if response.line[: len(start)].upper() == start:
                yield response


def _octets(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return str(value).encode() if isinstance(value, int) else b""


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError("not a number")
    return value
