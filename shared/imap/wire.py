"""One IMAP connection as bytes: commands go out under the lease, answers come in whole, everything is bounded."""

import re
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from shared.errors import BadAnswer, EmailAgentError, MailServerDown, StaleClaim
from shared.imap.faults import network_faults, printable, refusal, slow_down

RECEIVE_BYTES = 262_144
MAX_LINE_BYTES = 8 * 1024 * 1024  # one SEARCH answer for a million mails
MAX_KEPT_BYTES = 1024 * 1024  # of all literals in one response
MAX_LITERAL_BYTES = 0xFFFF_FFFF
MAX_LITERALS = 1_000  # in one response
MAX_ANSWER_BYTES = 64 * 1024 * 1024  # of all untagged responses to one command

LITERAL = re.compile(rb"~?\{(\d{1,20})\+?\}$")
CUT_OFF = re.compile(r"\bFETCH failed\b", re.I)  # Dovecot ends the session over a mail that it cannot read
CONDITION = re.compile(rb"(\S+) (OK|NO|BAD|BYE|PREAUTH)(?:\s+\[([^\]]*)\])?\s*(.*)", re.I | re.S)


@dataclass(frozen=True, slots=True)
class Literal:
    """Octets that cannot be quoted; sent as `{n}` after the server's go-ahead, or as `{n+}` (RFC 7888)."""

    octets: bytes


Part = bytes | Literal
Command = Sequence[Part]


@dataclass(frozen=True, slots=True)
class Response:
    """One whole response: the text before, between and after its literals. `truncated`: a literal was cut."""

    lines: list[bytes]
    literals: list[bytes]
    truncated: bool = False

    @property
    def line(self) -> bytes:
        """The text up to the first literal."""
        return self.lines[0]

    def parser_input(self) -> list[bytes | tuple[bytes, bytes]]:
        """Return the response as imaplib hands it on, which is what imapclient's parser reads."""
        pairs: list[bytes | tuple[bytes, bytes]] = list(zip(self.lines, self.literals, strict=False))
        return [*pairs, self.lines[-1]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The tagged end of a command, and the untagged responses read since the end before it."""

    tag: bytes
    state: bytes
    code: bytes
    text: str
    untagged: list[Response]

    def expect_ok(self, what: str) -> "Answer":
        """Return this answer, or raise what a refusal of `what` means."""
        if self.state == b"OK":
            return self
        raise refusal(self.code, self.text, what)


class Wire:
    """A socket, its buffer, and the commands whose answers are still to come.

    `data[at:]` is what was received and not read yet; the FETCH reader looks at it directly. `cut_off`: the server
    ended the session because a FETCH failed. `secrets`, in lower case: what no error may repeat.
    """

    def __init__(
        self, connection: socket.socket, where: str, *, timeout_s: float, lease_until: float, clock: Callable[[], float]
    ) -> None:
        self.where = where
        self.lease_until = lease_until
        self.data = b""
        self.at = 0
        self.commands = 0
        self.pending: set[bytes] = set()
        self.literal_plus = False
        self.cut_off = False
        self.secrets: tuple[bytes, ...] = ()
        self._socket: socket.socket | None = connection
        self._timeout_s = timeout_s
        self._clock = clock
        self._early: deque[Response] = deque()

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._socket is None

    def close(self) -> None:
        """Close the socket; safe to repeat."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def adopt(self, fresh: "Wire") -> None:
        """Go on over the connection of another wire; what was under way on ours is forgotten."""
        self.close()
        self._socket, fresh._socket = fresh._socket, None
        self.data, self.at, self.cut_off = fresh.data, fresh.at, False
        self.commands += fresh.commands
        self.pending.clear()
        self._early.clear()

    def fail(self, error: EmailAgentError) -> NoReturn:
        """Close the connection, whose state is unknown from here on, and raise `error`."""
        self.close()
        raise error

    def upgrade(self, secure: Callable[[socket.socket], socket.socket]) -> None:
        """Replace the socket by its encrypted form; bytes sent ahead of TLS are an injection (CVE-2021-33515)."""
        if self.at < len(self.data) or self._early:
            self.fail(BadAnswer(f"{self.where} sent data before TLS began: somebody may be in between"))
        connection = self._open_socket(self._timeout_s)
        with network_faults(self.where):
            self._socket = secure(connection)
        self.data, self.at = b"", 0

    # -- sending

    def send(self, *commands: Command) -> list[bytes]:
        """Send commands in as few writes as possible and return their tags."""
        tags = []
        out = bytearray()
        for command in commands:
            self.commands += 1
            tag = b"A%d" % self.commands
            tags.append(tag)
            out += tag
            for part in command:
                if isinstance(part, Literal):
                    out = self._announce(out, part, tag)
                else:
                    out += b" " + part if part else b""
            out += b"\r\n"
            self.pending.add(tag)
        self.write(bytes(out))
        return tags

    def _announce(self, out: bytearray, literal: Literal, tag: bytes) -> bytearray:
        if self.literal_plus:
            return out + b" {%d+}\r\n" % len(literal.octets) + literal.octets
        self.write(bytes(out + b" {%d}\r\n" % len(literal.octets)))
        while not (response := self._read(MAX_KEPT_BYTES)).line.startswith(b"+"):
            if response.line.startswith(tag + b" "):
                raise refusal(b"", "it takes no literals", "a command")
            self._early.append(response)
        return bytearray(literal.octets)

    def write(self, octets: bytes) -> None:
        """Send octets, if the lease outlives the time they may take: the law of this gateway."""
        if self._clock() + self._timeout_s > self.lease_until:
            self.fail(StaleClaim("the lease ends before the mail server could answer; nothing was sent"))
        connection = self._open_socket(self._timeout_s)
        try:
            with network_faults(self.where):
                connection.sendall(octets)
        except EmailAgentError as error:
            self.fail(error)

    def _open_socket(self, timeout_s: float) -> socket.socket:
        if self._socket is None:
            raise MailServerDown(f"the connection to {self.where} is closed")
        self._socket.settimeout(timeout_s)
        return self._socket

    # -- receiving

    def _receive(self) -> bytes:
        left = self.lease_until - self._clock()
        if left <= 0:
            self.fail(StaleClaim())
        connection = self._open_socket(min(self._timeout_s, left))
        try:
            with network_faults(self.where):
                chunk = connection.recv(RECEIVE_BYTES)
        except EmailAgentError as error:
            self.fail(StaleClaim() if self._clock() >= self.lease_until else error)
        if not chunk:
            self.fail(MailServerDown(f"{self.where} closed the connection"))
        return chunk

    def _line(self, limit: int) -> bytes:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            chunks = [self.data[self.at :]]
            size = len(chunks[0])
            while b"\n" not in chunks[-1]:
                if size > limit:
                    self.fail(BadAnswer(f"{self.where} sent a line without end"))
                chunks.append(self._receive())
                size += len(chunks[-1])
            self.data, self.at = b"".join(chunks), 0
            end = self.data.index(b"\n")
        line = self.data[self.at : end]
        self.at = end + 1
        return line.removesuffix(b"\r")

    def _octets(self, size: int) -> bytes:
        if len(self.data) - self.at < size:
            chunks = [self.data[self.at :]]
            missing = size - len(chunks[0])
            while missing > 0:
                chunks.append(self._receive())
                missing -= len(chunks[-1])
            self.data, self.at = b"".join(chunks), 0
        self.at += size
        return self.data[self.at - size : self.at]

    def _skip(self, size: int) -> None:
        while (unread := len(self.data) - self.at) < size:
            size -= unread
            self.data, self.at = self._receive(), 0
        self.at += size

    def response(self, keep: int = MAX_KEPT_BYTES) -> Response:
        """Read one whole response; of its literals the first `keep` octets in all are kept, the rest is drained."""
        response = self._early.popleft() if self._early else self._read(keep)
        if response.line[:5].upper() == b"* BYE":
            bye = CONDITION.fullmatch(response.line)
            code, text = (bye[3] or b"", self.said(bye[4])) if bye else (b"", "")
            self.cut_off = CUT_OFF.search(text) is not None
            self.fail(slow_down(code, text) or MailServerDown(f"{self.where} ended the session: {text}"))
        return response

    def said(self, words: bytes) -> str:
        """Return a server's words, but nothing of what repeats a secret: it would end up in a log."""
        return "" if any(secret in words.lower() for secret in self.secrets) else printable(words)

    def _read(self, keep: int) -> Response:
        line = self._line(MAX_LINE_BYTES)
        lines: list[bytes] = []
        literals: list[bytes] = []
        budget = MAX_LINE_BYTES - len(line)
        truncated = False
        while (
            line.endswith(b"}") and (found := LITERAL.search(line)) and not CONDITION.match(lines[0] if lines else line)
        ):
            size = int(found[1])
            if size > MAX_LITERAL_BYTES or len(literals) == MAX_LITERALS:
                self.fail(BadAnswer(f"{self.where} sent more than can be read"))
            kept = min(size, keep)
            literals.append(self._octets(kept))
            self._skip(size - kept)
            keep -= kept
            truncated = truncated or kept < size
            lines.append(line[: found.start()] + b"{%d}" % kept)
            line = self._line(budget)
            budget -= len(line)
        lines.append(line)
        return Response(lines, literals, truncated)

    def tagged(self, response: Response, untagged: list[Response], *, bad_is_no: bool = False) -> Answer | None:
        """Return the end of a command if `response` is one, None if it is untagged; anything else is no IMAP.

        BAD closes the connection, but where a server may mean a name or a flag it does not like (`bad_is_no`).
        """
        if response.line.startswith((b"* ", b"+")):
            return None
        match = CONDITION.fullmatch(response.line)
        if match is None or match[1] not in self.pending:
            self.fail(BadAnswer(f"{self.where} sent an answer that is no IMAP"))
        self.pending.discard(match[1])
        state, code, text = match[2].upper(), match[3] or b"", self.said(match[4])
        if state == b"BAD" and bad_is_no:
            state = b"NO"
        if state not in (b"OK", b"NO"):
            self.fail(slow_down(code, text) or BadAnswer(f"{self.where} did not understand a command: {text}"))
        return Answer(tag=match[1], state=state, code=code, text=text, untagged=untagged)

    def answer(self, *, bad_is_no: bool = False) -> Answer:
        """Read up to the next tagged line."""
        untagged: list[Response] = []
        size = 0
        while (answer := self.tagged(response := self.response(), untagged, bad_is_no=bad_is_no)) is None:
            if response.line.endswith(b" EXPUNGE"):
                continue  # sequence numbers mean nothing here: everything hangs on UIDs
            size += sum(map(len, response.lines)) + sum(map(len, response.literals))
            if size > MAX_ANSWER_BYTES:
                self.fail(BadAnswer(f"{self.where} sent more than can be read"))
            untagged.append(response)
        return answer

    def settle(self) -> None:
        """Read away what is still to come of commands that nobody waits for any more."""
        while self.pending:
            self.answer()
