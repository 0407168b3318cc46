"""An open mailbox: one authenticated IMAP session, in the words of the pipeline (its port MailSession)."""

import datetime as dt
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from shared import clock as process_clock
from shared.errors import BadAnswer, EmailAgentError, MailServerDown, NotFound
from shared.imap import answers, names, uid_set
from shared.imap.connect import Terms, connect
from shared.imap.copy_uid import transfer
from shared.imap.faults import slow_down
from shared.imap.flags import FlagsReader, read_flags
from shared.imap.names import Namespace, canonical
from shared.imap.parts import PartsReader, Wishes
from shared.imap.pipelining import pipelined
from shared.imap.reader import MAX_HEADER_BYTES, Chunk, FetchReader, fetch_items
from shared.imap.refused_fetch import ask_in_halves, is_refused
from shared.imap.wire import Answer, Command, Part, Wire
from shared.records import Account, CopyAnswer, FetchedMail, FetchedParts, Flags, MailboxName, MailboxStatus

FETCHES_IN_FLIGHT = 2
MAX_RESUMES = 50  # connections that one session may lose over mails that the server cannot read
SEARCH_SPAN = 100_000
EXISTS = re.compile(r"\b(already|mailbox) exists\b", re.I)  # from before RFC 5530 gave it a code
NO_FLAGS: Flags = frozenset()
UNREAD_ITEMS = b"(UID FLAGS INTERNALDATE)"  # which no server has to open the mail for


@contextmanager
def open_mailbox(
    account: Account,
    password: str,
    *,
    timeout_s: float,
    lease_until: float,
    clock: Callable[[], float] = process_clock.now,
) -> Iterator["ImapSession"]:
    """Connect and log in; every command is sent only while the lease outlives its timeout, else StaleClaim."""
    terms = Terms(timeout_s=timeout_s, lease_until=lease_until, clock=clock)
    wire, offered = connect(account, password, terms)
    session = ImapSession(
        wire, offered, again=lambda: connect(account, password, replace(terms, lease_until=wire.lease_until))[0]
    )
    try:
        yield session
    finally:
        session.close()


class ImapSession:
    """One authenticated connection; has no way to say EXPUNGE or CLOSE without UIDs."""

    def __init__(
        self,
        wire: Wire,
        capabilities: frozenset[str],
        max_header_bytes: int = MAX_HEADER_BYTES,
        again: Callable[[], Wire] | None = None,
    ) -> None:
        self._wire = wire
        self._capabilities = capabilities
        self._max_header_bytes = max_header_bytes
        self._namespace: Namespace | None = None
        self._raw_names: dict[str, bytes] = {}
        self._messages = 0
        self._again = again
        self._resumes_left = MAX_RESUMES if again else 0
        self._opened = (b"", "", 0)
        self._flags_reader = FlagsReader(wire, self._pipeline, self._existing)
        self.commands = wire.commands
        self.can_move = self.has("MOVE")
        self.can_uidplus = self.has("UIDPLUS")

    def has(self, capability: str) -> bool:
        """Whether the server offers a capability."""
        return capability.upper() in self._capabilities

    def extend(self, lease_until: float) -> None:
        """Allow commands until `lease_until` on this process's clock."""
        self._wire.lease_until = lease_until

    def close(self) -> None:
        """Log out without waiting for the answer, and close; safe to repeat."""
        try:
            if not self._wire.closed and not self._wire.pending:
                self._send((b"LOGOUT",))
        except EmailAgentError:
            pass  # it would only have been polite
        finally:
            self._wire.close()

    # -- mailboxes

    def list_mailboxes(self) -> list[MailboxName]:
        """LIST every mailbox, with its special use where the server says one (RFC 6154)."""
        # RETURN needs LIST-EXTENDED (RFC 5258); others say special uses in a plain LIST, if at all.
        extended = self.has("SPECIAL-USE") and self.has("LIST-EXTENDED")
        command = (b"LIST", b'""', b'"*"', *((b"RETURN", b"(SPECIAL-USE)") if extended else ()))
        (answer,) = self._pipeline([command])
        found: dict[str, MailboxName] = {}
        for raw, mailbox in answers.listed(answer.expect_ok("LIST")):
            found[mailbox.name] = mailbox
            if raw != b"INBOX" and names.encode(mailbox.name) != raw:
                self._raw_names[mailbox.name] = raw
        return list(found.values())

    def mailbox_name(self, path: str) -> str:
        """Return the server's name for a path written with `/`: its delimiter, its personal namespace."""
        if self._namespace is None:
            self._namespace = self._ask_namespace()
        return self._namespace.server_name(path)

    def _ask_namespace(self) -> Namespace:
        if self.has("NAMESPACE"):
            (answer,) = self._pipeline([(b"NAMESPACE",)])
            namespace = answers.personal_namespace(answer.expect_ok("NAMESPACE"))
            if namespace is not None:
                return namespace
        (answer,) = self._pipeline([(b"LIST", b'""', b'""')])
        delimiter = [mailbox.delimiter for _, mailbox in answers.listed(answer.expect_ok("LIST"))]
        return Namespace(delimiter=delimiter[0] if delimiter else None)

    def status(self, names: Sequence[str]) -> dict[str, MailboxStatus]:
        """STATUS of each mailbox, in one round trip; a mailbox that does not exist is absent from the answer."""
        heard = list(self._pipeline(self._ask_status(names)))
        said = answers.statuses(heard)
        found = {}
        for name, answer in zip(names, heard, strict=True):
            if answer.state == b"OK":
                if (status := said.get(canonical(name))) is None:
                    raise BadAnswer(f"the mail server says no STATUS of {name!r}")
                found[name] = replace(status, name=name)
            elif slow := slow_down(answer.code, answer.text):
                raise slow
        return found

    def _ask_status(self, names: Sequence[str]) -> list[Command]:
        wanted = b"(MESSAGES UIDNEXT UIDVALIDITY%b)" % (b" HIGHESTMODSEQ" if self.has("CONDSTORE") else b"")
        return [(b"STATUS", self._name(name), wanted) for name in names]

    def create(self, names: Sequence[str]) -> dict[str, str]:
        """Create and subscribe mailboxes; return the server's refusals by name (already existing is no refusal)."""
        commands = [(word, self._name(name)) for name in names for word in (b"CREATE", b"SUBSCRIBE")]
        conversation = self._pipeline(commands, lambda: self._wire.answer(bad_is_no=True))
        refusals = {}
        for name in names:
            created, _ = next(conversation), next(conversation)
            if created.state == b"OK" or b"ALREADYEXISTS" in created.code.upper() or EXISTS.search(created.text):
                continue
            if slow := slow_down(created.code, created.text, verdict=True):
                raise slow
            refusals[name] = created.text or "no reason given"
        return refusals

    def examine(self, name: str) -> MailboxStatus:
        """Open a mailbox for reading: nothing done in it changes anything on the server."""
        return self._open(b"EXAMINE", name)

    def select(self, name: str) -> MailboxStatus:
        """Open a mailbox for writing."""
        return self._open(b"SELECT", name)

    def _open(self, word: bytes, name: str) -> MailboxStatus:
        commands: list[Command] = [(word, self._name(name))]
        if word == b"SELECT" and self._namespace is None and self.has("NAMESPACE"):
            commands.append((b"NAMESPACE",))  # who writes will move: asked for in the same round trip
        answer, *more = self._pipeline(commands)
        if more and more[0].state == b"OK":
            self._namespace = answers.personal_namespace(more[0])
        if answer.state != b"OK":
            raise slow_down(answer.code, answer.text) or NotFound(f"mailbox {name!r} cannot be opened: {answer.text}")
        if word == b"SELECT" and answer.code.upper() == b"READ-ONLY":
            raise NotFound(
                f"the mail server opens {name!r} for reading only", hint="check the account's rights on this mailbox"
            )
        status, needs_uidnext = answers.opened(name, answer)
        self._messages = status.messages
        self._opened = (word, name, status.uidvalidity)
        if needs_uidnext:
            told = self.status([name]).get(name)
            if told is None or told.uidvalidity != status.uidvalidity:
                raise BadAnswer(f"the mail server says no UIDNEXT of {name!r}")
            status = replace(status, uidnext=told.uidnext)
        return status

    # -- reading

    def search(self, low: int, high: int) -> list[int]:
        """Return the UIDs that exist in [low, high], ascending."""
        if low > high:
            return []
        span = high - low + 1 if self._messages <= SEARCH_SPAN else SEARCH_SPAN
        sets = [b"%d:%d" % (start, min(high, start + span - 1)) for start in range(low, high + 1, span)]
        return sorted(uid for uid in self._search(sets) if low <= uid <= high)

    def first_since(self, high: int, day: dt.date) -> int | None:
        """Return the lowest UID up to `high` of a mail received on `day` or later; None if there is none."""
        found = self._search([b"1:%d" % high], b"(MIN)", (b"SINCE", answers.search_date(day)))
        return min((uid for uid in found if uid <= high), default=None)

    def _search(self, sets: Iterable[bytes], wanted: bytes = b"(ALL)", more: tuple[bytes, ...] = ()) -> set[int]:
        word: tuple[bytes, ...] = (b"UID", b"SEARCH", *((b"RETURN", wanted) if self.has("ESEARCH") else ()), b"UID")
        heard = [answer.expect_ok("SEARCH") for answer in self._pipeline([(*word, uids, *more) for uids in sets])]
        return answers.found_uids(heard)

    def _existing(self, uids: Sequence[int]) -> list[int]:
        return sorted(self._search(uid_set.split(uids)).intersection(uids))

    def fetch(
        self, chunks: Iterable[Sequence[int] | range], extra_headers: Sequence[str] = ()
    ) -> Iterator[list[FetchedMail]]:
        """Fetch headers chunk by chunk (UIDs), the next chunk already asked for while one is handed out.

        A mail that is gone is absent. A header over the limit is cut and says so. Of a refused FETCH only what is
        refused alone as well comes as unreadable.
        """
        self._wire.settle()
        items = fetch_items(extra_headers)
        sections = items.count(b"BODY.PEEK")
        in_flight: deque[Chunk] = deque()
        reader = FetchReader(self._wire, in_flight, self._max_header_bytes)
        waiting = iter(chunks)
        while True:
            while len(in_flight) < FETCHES_IN_FLIGHT and (uids := next(waiting, None)) is not None:
                in_flight.append(self._ask(uids, items))
            if not in_flight:
                return
            chunk = in_flight[0]
            self._read_chunk(chunk, reader, sections, in_flight)
            if chunk.refused:
                for ahead in in_flight:
                    self._read_chunk(ahead, reader, sections, in_flight)
                self._ask_again(chunk, reader, items, sections)
            in_flight.popleft()
            yield chunk.end()

    def _ask(self, uids: Sequence[int] | range, items: bytes) -> Chunk:
        sets = uid_set.split(uids)
        commands = [(b"UID", b"FETCH", uid_range, items) for uid_range in sets]
        asked = uids if isinstance(uids, range) else frozenset(uids)
        return Chunk(asked=asked, tags=dict(zip(self._send(*commands) if commands else (), sets, strict=True)))

    def _read_chunk(self, chunk: Chunk, reader: FetchReader, sections: int, in_flight: Iterable[Chunk]) -> None:
        while chunk.tags:
            if not chunk.tags.keys() <= self._wire.pending:
                raise RuntimeError("another command was sent while a FETCH was under way")
            try:
                answer = reader.read_until(chunk, sections=sections)
            except MailServerDown as error:
                self._resume(error)
                for asked in in_flight:
                    asked.refuse()
                return
            refused = is_refused(answer)
            for asked in in_flight:
                asked.settle(answer, refused=refused)

    def _resume(self, error: MailServerDown) -> None:
        """Connect again and open the same mailbox, if the server only broke off a FETCH; else raise `error`."""
        if not self._wire.cut_off or not self._again or not self._resumes_left:
            raise error
        self._resumes_left -= 1
        self._wire.adopt(self._again())
        word, name, uidvalidity = self._opened
        if self._open(word, name).uidvalidity != uidvalidity:
            raise BadAnswer(f"mailbox {name!r} was renumbered while it was read") from error

    def _ask_again(self, chunk: Chunk, reader: FetchReader, items: bytes, sections: int) -> None:
        """Read what exists of a refused chunk in smaller parts; a mail that is refused alone is called unreadable."""

        def ask(sets: Iterable[bytes], items: bytes) -> Iterator[Answer]:
            left = deque((b"UID", b"FETCH", uid_range, items) for uid_range in sets)
            while left:
                try:
                    for answer in self._pipeline(left, lambda: reader.read_until(chunk, sections=sections)):
                        left.popleft()
                        yield answer
                except MailServerDown as error:
                    self._resume(error)
                    left.popleft()
                    yield Answer(tag=b"", state=b"BYE", code=b"", text=error.detail, untagged=[])

        alone = ask_in_halves(self._existing(chunk.missing()), lambda sets: ask(sets, items), chunk.mails)
        unreadable = self._existing(alone)  # those that went meanwhile are gone
        for answer in ask((b"%d" % uid for uid in unreadable), UNREAD_ITEMS):
            is_refused(answer)
        for uid in unreadable:
            chunk.give_up(uid)

    def parts(self, wishes: Wishes) -> dict[int, FetchedParts]:
        """Fetch the parts wished of each UID; a mail that is gone is absent, a part that cannot be had is None."""
        return PartsReader(self._wire, self._pipeline, self._existing, self._resume).read(wishes)

    def flags(self, uids: Sequence[int]) -> dict[int, Flags]:
        """Return the flags of those of `uids` that exist."""
        return self._flags_reader.read(uids)[0]

    def flags_and_status(
        self, uids: Sequence[int], names: Sequence[str]
    ) -> tuple[dict[int, Flags], dict[str, MailboxStatus]]:
        """Return `flags`, and in the same round trip STATUS of what mailboxes the server tells it of at once."""
        flags, heard = self._flags_reader.read(uids, self._ask_status(names))
        said = answers.statuses(heard)
        return flags, {name: replace(said[canonical(name)], name=name) for name in names if canonical(name) in said}

    # -- writing

    def store_flags(self, uids: Sequence[int], *, add: Flags = NO_FLAGS, remove: Flags = NO_FLAGS) -> dict[int, Flags]:
        """Change flags; return what the server then says of each UID (absent: it refused, or said nothing of it).

        BAD is a refusal too: some servers say it to a keyword they do not like.
        """
        changes = [(sign, flags) for sign, flags in ((b"+FLAGS", add), (b"-FLAGS", remove)) if flags]
        orders = [(uid_range, sign, flags) for uid_range in uid_set.split(uids) for sign, flags in changes]
        commands = [(b"UID", b"STORE", uid_range, sign, _flag_list(flags)) for uid_range, sign, flags in orders]
        asked = frozenset(uids)
        found: dict[int, Flags] = {}
        refused: set[int] = set()
        conversation = self._pipeline(commands, lambda: read_flags(self._wire, asked, found, bad_is_no=True))
        for (uid_range, _, _), answer in zip(orders, conversation, strict=True):
            if is_refused(answer):
                refused.update(uid_set.expand(uid_range))
        if silent := asked - refused - found.keys():
            found |= self.flags(sorted(silent))  # Dovecot says nothing of flags that were already so
        return {uid: flags for uid, flags in found.items() if uid not in refused}

    def move(self, moves: Iterable[tuple[Sequence[int], str]]) -> Iterator[CopyAnswer]:
        """UID MOVE (RFC 6851) each set to its mailbox: sent before the next is asked for, all before an answer is read.

        Yields one answer per move, in order. Source UIDs absent from `uids` and from `silent` are those that a COPYUID
        of their command leaves out.
        """
        if not self.can_move:
            raise BadAnswer("the mail server offers no MOVE; nothing was sent")
        return self._transfer(b"MOVE", moves)

    def copy(self, uids: Sequence[int], target: str) -> CopyAnswer:
        """UID COPY to a mailbox; it carries the flags along, even Deleted."""
        (answer,) = self._transfer(b"COPY", [(uids, target)])
        return answer

    def _transfer(self, word: bytes, moves: Iterable[tuple[Sequence[int], str]]) -> Iterator[CopyAnswer]:
        def converse(commands: Iterator[Command], hear: Callable[[Answer], Answer]) -> Iterator[Answer]:
            return self._pipeline(commands, lambda: hear(self._wire.answer()))

        return transfer(word, ((uids, self._name(target)) for uids, target in moves), converse)

    def expunge(self, uids: Sequence[int]) -> str | None:
        """UID EXPUNGE exactly these (RFC 4315); return the server's refusal, after which some may be gone.

        There is no bare EXPUNGE here.
        """
        if not self.can_uidplus:
            raise BadAnswer("the mail server offers no UIDPLUS; nothing was expunged")
        answers = self._pipeline([(b"UID", b"EXPUNGE", uid_range) for uid_range in uid_set.split(uids)])
        refusals = [answer.text or "no reason given" for answer in answers if is_refused(answer)]
        return refusals[0] if refusals else None

    # -- the conversation

    def _name(self, name: str) -> Part:
        raw = self._raw_names.get(name)
        try:
            return names.quote(names.encode(name) if raw is None else raw)
        except ValueError as error:
            raise NotFound("there can be no mailbox of that name") from error

    def _send(self, *commands: Command) -> list[bytes]:
        try:
            return self._wire.send(*commands)
        finally:
            self.commands = self._wire.commands

    def _pipeline(self, commands: Iterable[Command], read: Callable[[], Answer] | None = None) -> Iterator[Answer]:
        """Send commands ahead; yield their answers in the order of the commands."""
        self._wire.settle()
        yield from pipelined(commands, self._send, read or self._wire.answer)


def _flag_list(flags: Flags) -> bytes:
    return b"(" + " ".join(sorted(flags)).encode("ascii") + b")"
