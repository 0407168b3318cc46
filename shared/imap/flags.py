"""Flags of mails of the open mailbox, read again where an answer may be incomplete."""

from collections.abc import Callable, Container, Iterator, Sequence

from shared.errors import BadAnswer
from shared.imap import uid_set
from shared.imap.answers import flag_set
from shared.imap.faults import refusal
from shared.imap.reader import FLAGS_ONLY, cached_flags, fetch_response
from shared.imap.wire import Answer, Command, Response, Wire
from shared.records import Flags

TRIES = 3
MAX_STATUSES = 1000
"""STATUS responses that are kept among those with flags."""


class FlagsReader:
    """Reads flags of some mails of the open mailbox; `pipeline` and `existing` are its session's."""

    def __init__(
        self,
        wire: Wire,
        pipeline: Callable[[Sequence[Command], Callable[[], Answer]], Iterator[Answer]],
        existing: Callable[[Sequence[int]], list[int]],
    ) -> None:
        self._wire = wire
        self._pipeline = pipeline
        self._existing = existing

    def read(self, uids: Sequence[int], more: Sequence[Command] = ()) -> tuple[dict[int, Flags], list[Answer]]:
        """Return the flags of those of `uids` that exist; send `more` along, and return all that was heard.

        A mail left out of an answer that says it may be incomplete (EXPUNGEISSUED) is asked for again, not called gone.
        """
        found: dict[int, Flags] = {}
        asked = frozenset(uids)
        left: Sequence[int] = uids
        heard: list[Answer] = []
        for _ in range(TRIES):
            sets = uid_set.split(left)
            fetches: list[Command] = [(b"UID", b"FETCH", uid_range, b"(UID FLAGS)") for uid_range in sets]
            heard += self._pipeline([*fetches, *more], lambda: read_flags(self._wire, asked, found))
            doubtful = _incomplete(sets, heard[-len(fetches) - len(more) :])
            more = ()
            left = self._existing([uid for uid in doubtful if uid not in found])
            if not left:
                return found, heard
        raise BadAnswer("the mail server does not tell the flags of mails that exist")


def _incomplete(sets: Sequence[bytes], answers: Sequence[Answer]) -> list[int]:
    """Return the UIDs whose answer may be incomplete (RFC 9051 section 7.1)."""
    doubtful: list[int] = []
    for uid_range, answer in zip(sets, answers, strict=False):  # beyond the sets there are answers to other commands
        if answer.state == b"OK":
            continue
        if b"EXPUNGEISSUED" not in answer.code.upper():
            raise refusal(answer.code, answer.text, "a FETCH")
        doubtful += uid_set.expand(uid_range)
    return doubtful


def read_flags(wire: Wire, asked: Container[int], found: dict[int, Flags], *, bad_is_no: bool = False) -> Answer:
    """Read up to the next tagged line; flags of `asked` go into `found`, and STATUS responses into the answer."""
    statuses: list[Response] = []
    while True:
        response = wire.response()
        match = FLAGS_ONLY.fullmatch(response.line)
        if match is not None:
            if (uid := int(match[1])) in asked:
                found[uid] = cached_flags(match[2])
            continue
        if (answer := wire.tagged(response, statuses, bad_is_no=bad_is_no)) is not None:
            return answer
        if response.line.upper().startswith(b"* STATUS ") and len(statuses) < MAX_STATUSES:
            statuses.append(response)
        uid, said = fetch_response(response)
        flags = said.get(b"FLAGS")
        if uid in asked and isinstance(flags, tuple):
            found[uid] = flag_set(flags)
