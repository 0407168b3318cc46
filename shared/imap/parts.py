"""Parts of mails on demand: text, structure, further header fields, for exactly the mails that want them.

PEEK only. Each kind of part is asked for by a command of its own: what a server cannot do of one kind, or answers in a
way that cannot be read, spoils no other.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.errors import BadAnswer, MailServerDown
from shared.imap import uid_set
from shared.imap.nested import Value, fetched_items
from shared.imap.reader import FIELD_NAME
from shared.imap.refused_fetch import ask_in_halves, is_refused
from shared.imap.structure import read_structure
from shared.imap.wire import Answer, Command, Wire
from shared.records import Attachment, FetchedParts

TEXT_BYTES = 64 * 1024
"""Octets of a mail's text that are asked for. Of 7,929 test mails all but one then show the same 16,000 characters as
the whole mail; with half as much nine differ. Today's newsletters, which are HTML, are up to twice as long.
"""
KEPT_BYTES = 256 * 1024
"""Of all literals in one response: what a server sends beyond it, asked or not, is read away."""
MAX_GROUP_BYTES = 32 * 1024 * 1024
"""Of all mails asked for together; beyond it the literals of each further response are read away."""

CONTENT_FIELDS = (b"CONTENT-TYPE", b"CONTENT-TRANSFER-ENCODING", b"CONTENT-DISPOSITION", b"MIME-VERSION")
NO_FIELDS: frozenset[bytes] = frozenset()
TEXT, STRUCTURE, HEADER = "text", "structure", "header:"
SECTION = re.compile(rb"BODY\[HEADER\.FIELDS \(([^)]*)\)\]")

Wishes = Mapping[int, frozenset[str]]
"""What is wanted of which UID: `text`, `structure`, `header:<name>`."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One kind of part, the items that ask for it, and the UIDs that want it; `fields` are those of its section."""

    kind: str
    items: bytes
    uids: list[int]
    fields: frozenset[bytes] = NO_FIELDS

    def is_met(self, said: "Said") -> bool:
        """Whether a mail said what this asks for."""
        if self.kind == STRUCTURE:
            return said.structure is not None
        return self.fields in said.sections and (self.kind == HEADER or said.text is not None)


@dataclass(slots=True)
class Said:
    """What the server said of one mail."""

    structure: tuple[Attachment, ...] | None = None
    text: bytes | None = None
    truncated: bool = False
    sections: dict[frozenset[bytes], bytes] = field(default_factory=dict)


class PartsReader:
    """Fetches parts of some mails of the open mailbox; `pipeline`, `existing` and `resume` are its session's."""

    def __init__(
        self,
        wire: Wire,
        pipeline: Callable[[Sequence[Command], Callable[[], Answer]], Iterator[Answer]],
        existing: Callable[[Sequence[int]], list[int]],
        resume: Callable[[MailServerDown], None],
    ) -> None:
        self._wire = wire
        self._pipeline = pipeline
        self._existing = existing
        self._resume = resume
        self._said: dict[int, Said] = {}
        self._asked: frozenset[frozenset[bytes]] = frozenset()
        self._header = NO_FIELDS
        self._octets = 0
        self._expunged = False

    def read(self, wishes: Wishes) -> dict[int, FetchedParts]:
        """Return what came of each mail that exists; a part that cannot be had is None."""
        requests = _requests(wishes)
        self._header = next((request.fields for request in requests if request.kind == HEADER), NO_FIELDS)
        self._said = {uid: Said() for uid in wishes}
        self._asked = frozenset(request.fields for request in requests)
        orders = [(request, uid_range) for request in requests for uid_range in uid_set.split(request.uids)]
        answers = list(self._ask([(request.items, uid_range) for request, uid_range in orders]))
        for request in requests:
            refused = [
                uid
                for (one, uid_range), answer in zip(orders, answers, strict=True)
                if one is request and is_refused(answer)
                for uid in uid_set.expand(uid_range)
            ]
            if refused:
                self._ask_again(request, refused)
        gone = self._gone()
        return {uid: self._parts(uid, said) for uid, said in self._said.items() if uid not in gone}

    def _ask(self, orders: Iterable[tuple[bytes, bytes]]) -> Iterator[Answer]:
        """Send one FETCH for each (items, UID set) ahead of the answers; BYE stands for an answer that never came."""
        left: list[Command] = [(b"UID", b"FETCH", uid_range, items) for items, uid_range in orders]
        while left:
            try:
                for answer in self._pipeline(left, self._answer):
                    left = left[1:]
                    yield answer
            except MailServerDown as error:
                self._resume(error)
                left = left[1:]
                yield Answer(tag=b"", state=b"BYE", code=b"", text=error.detail, untagged=[])

    def _ask_again(self, request: Request, uids: Sequence[int]) -> None:
        """Ask for what exists of a refused set in ever smaller parts; what is refused alone cannot be had."""
        left = [uid for uid in self._existing(uids) if not request.is_met(self._said[uid])]
        try:
            ask_in_halves(left, lambda sets: self._ask((request.items, one) for one in sets), _Met(request, self._said))
        except BadAnswer:  # refused of too many: of this kind nothing more is asked
            if self._wire.closed:
                raise

    def _gone(self) -> set[int]:
        """Return the mails that are gone: Dovecot makes up an empty structure of those that somebody just expunged."""
        doubtful = [uid for uid, said in self._said.items() if self._expunged or said == Said()]
        return set(doubtful).difference(self._existing(doubtful)) if doubtful else set()

    def _answer(self) -> Answer:
        """Read up to the next tagged line; BAD is a refusal too, of an item that a server does not know."""
        while True:
            response = self._wire.response(KEPT_BYTES if self._octets < MAX_GROUP_BYTES else 0)
            answer = self._wire.tagged(response, [], bad_is_no=True)
            if answer is not None:
                self._expunged |= answer.code.upper() == b"EXPUNGEISSUED"
                return answer
            found = fetched_items(response)
            if found is not None and (said := self._said.get(found[0])) is not None:
                self._octets += sum(map(len, response.literals))
                self._keep(said, found[1], truncated=response.truncated)

    def _keep(self, said: Said, items: Mapping[bytes, Value], *, truncated: bool) -> None:
        """Keep what was asked for. What we had to cut is no answer, but for a text longer than was asked."""
        text = items.get(b"BODY[TEXT]<0>", items.get(b"BODY[TEXT]"))
        is_long = isinstance(text, bytes) and len(text) >= TEXT_BYTES
        if truncated and not is_long:
            return
        if isinstance(text, bytes):
            said.text, said.truncated = text[:TEXT_BYTES], is_long
        if b"BODYSTRUCTURE" in items:
            said.structure = read_structure(items[b"BODYSTRUCTURE"])
        for name, value in items.items():
            section = SECTION.fullmatch(name)
            if section and isinstance(value, bytes) and (value or not truncated):
                fields = frozenset(one.strip(b'"') for one in section[1].split())
                if fields in self._asked:
                    said.sections[fields] = value

    def _parts(self, uid: int, said: Said) -> FetchedParts:
        return FetchedParts(
            uid=uid,
            content=said.sections.get(frozenset(CONTENT_FIELDS)),
            text=said.text,
            text_truncated=said.truncated,
            header=said.sections.get(self._header),
            attachments=said.structure,
        )


@dataclass(frozen=True)
class _Met:
    """The UIDs whose request is met, as a container."""

    request: Request
    said: Mapping[int, Said]

    def __contains__(self, uid: object) -> bool:
        return isinstance(uid, int) and self.request.is_met(self.said[uid])


def _requests(wishes: Wishes) -> list[Request]:
    """Return one request per kind of part that somebody wants."""
    requests = []
    if uids := [uid for uid, parts in wishes.items() if STRUCTURE in parts]:
        requests.append(Request(kind=STRUCTURE, items=b"(UID BODYSTRUCTURE)", uids=uids))
    if uids := [uid for uid, parts in wishes.items() if TEXT in parts]:
        items = b"(UID %b BODY.PEEK[TEXT]<0.%d>)" % (_section(CONTENT_FIELDS), TEXT_BYTES)
        requests.append(Request(kind=TEXT, items=items, uids=uids, fields=frozenset(CONTENT_FIELDS)))
    names = {uid: fields for uid, parts in wishes.items() if (fields := _fields(parts))}
    if names:
        fields = frozenset().union(*names.values())
        items = b"(UID %b)" % _section(sorted(fields))
        requests.append(Request(kind=HEADER, items=items, uids=list(names), fields=fields))
    return requests


def _section(fields: Iterable[bytes]) -> bytes:
    return b"BODY.PEEK[HEADER.FIELDS (%b)]" % b" ".join(fields)


def _fields(parts: Iterable[str]) -> frozenset[bytes]:
    """Return the header fields among `parts`; what is no field's name is not asked for."""
    names = [part.removeprefix(HEADER) for part in parts if part.startswith(HEADER)]
    return frozenset(name.upper().encode() for name in names if _is_field_name(name))


def _is_field_name(name: str) -> bool:
    return FIELD_NAME.fullmatch(name) is not None and not any(sign in name for sign in '()[]{}"\\%*<>')
