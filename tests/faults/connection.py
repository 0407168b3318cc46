"""One proxied connection: a thread for each direction, and the points where faults happen."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tests.faults.masks import Mask, refused
from tests.faults.wire import (
    LITERAL,
    RESPONSE_LITERAL,
    Command,
    Piece,
    Pieces,
    command_name,
    selected_mailbox,
    uid_set,
)

if TYPE_CHECKING:
    from tests.faults.proxy import WireProxy

Point = Literal[
    "before-send", "mid-command", "after-last-byte", "after-answer-untagged", "before-tagged", "after-tagged"
]
Do = Literal["cut", "stall"] | bytes | Callable[[], object]

CHUNK_BYTES = 256 * 1024
CONNECT_TIMEOUT_S = 10
JOIN_TIMEOUT_S = 5
EVERY_TIME = 0


@dataclass(kw_only=True)
class Fault:
    """Something that happens at one point of the nth command of a name; nth 0 is every one."""

    name: str
    when: Point
    do: Do
    nth: int
    seen: int = 0
    fired: threading.Event = field(default_factory=threading.Event)

    def meets(self, name: str) -> bool:
        """Count a command and say whether it is the one this fault waits for."""
        if name != self.name:
            return False
        self.seen += 1
        return self.nth in (EVERY_TIME, self.seen)


@dataclass(kw_only=True)
class Pending:
    """A command the server has not finished, with the faults that are still to happen to it."""

    tag: bytes
    faults: list[Fault]
    answer: bytes | None = None


class Over(Exception):
    """The proxy ends this connection."""


class Sender:
    """Write to a socket, each chunk `delay_s` after it came in, in order and without slowing the flow."""

    def __init__(self, sock: socket.socket, delay_s: float) -> None:
        self._sock = sock
        self._delay_s = delay_s
        self._queue: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True) if delay_s else None
        if self._thread:
            self._thread.start()

    def send(self, data: bytes) -> None:
        """Send now, or hand over to the thread that sends later."""
        if not data:
            return
        if self._thread:
            self._queue.put((time.monotonic() + self._delay_s, data))
        else:
            self._sock.sendall(data)

    def finish(self) -> None:
        """Send what is left, then tell the other side that no more comes."""
        if self._thread:
            self._queue.put((0.0, b""))
            self._thread.join()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = self._queue.get()
                if not data:
                    return
                time.sleep(max(0.0, due - time.monotonic()))
                self._sock.sendall(data)


class Connection:
    """One client and its own connection to the server."""

    def __init__(self, proxy: "WireProxy", client: socket.socket, *, mask: Mask, number: int) -> None:
        self._proxy = proxy
        self._mask = mask
        self._number = number
        self._client = client
        self._server = socket.socket()
        self._mailbox = ""
        self._pending: list[Pending] = []
        self._lock = threading.Lock()
        self._commands = Pieces(LITERAL)
        self._responses = Pieces(RESPONSE_LITERAL)
        self._current: Pending | None = None
        self._halve_literal = False
        self._skip_rest = False
        self._muted = False  # nothing goes to the client any more
        self._deaf = False  # nothing goes to the server any more
        self._close_after: bytes | None = None
        self._untagged = False
        self._up_thread = threading.Thread(target=self._run, daemon=True)
        self._down_thread = threading.Thread(target=self._pump_down, daemon=True)

    def start(self) -> None:
        """Connect to the server and pass bytes both ways, in threads of its own."""
        self._up_thread.start()

    def close(self) -> None:
        """End both sides at once."""
        for sock in (self._client, self._server):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        """Wait until the connection's threads are gone."""
        self._up_thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        try:
            self._connect()
            self._act(self._proxy.faults_for("CONNECT"), "before-send")
            self._down_thread.start()
            self._pump_up()
        except (OSError, Over):
            if self._close_after is None:
                self.close()
        if self._down_thread.ident is not None:
            self._down_thread.join()
        self._client.close()
        self._server.close()
        self._proxy.forget(self)

    def _connect(self) -> None:
        self._server.settimeout(CONNECT_TIMEOUT_S)
        self._server.connect(self._proxy.upstream)
        self._server.settimeout(None)
        for sock in (self._client, self._server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._to_server = Sender(self._server, self._proxy.latency_s / 2)
        self._to_client = Sender(self._client, self._proxy.latency_s / 2)

    # From the client to the server.

    def _pump_up(self) -> None:
        while data := self._client.recv(CHUNK_BYTES):
            self._proxy.bytes_to_server += len(data)
            if self._proxy.plain:
                self._pass_up(data)
            elif not self._deaf:
                for piece in self._commands.feed(data):
                    self._command_piece(piece)
        self._to_server.finish()

    def _pass_up(self, data: bytes) -> None:
        for piece in self._commands.feed(data):
            if piece.starts:
                self._note(piece.data, reached=True)
        self._to_server.send(data)

    def _command_piece(self, piece: Piece) -> None:
        if self._deaf:
            return
        if piece.starts:
            self._begin(piece)
        elif self._skip_rest:
            self._skip_rest = not piece.ends
        elif self._halve_literal:
            self._halve_literal = False
            self._send_halves(piece.data)
        elif piece.ends:
            self._send_last(piece.data)
        else:
            self._to_server.send(piece.data)

    def _begin(self, piece: Piece) -> None:
        named = command_name(piece.data)
        self._current = None
        if named is None:  # DONE, or an answer within AUTHENTICATE
            self._to_server.send(piece.data)
            return
        tag, name = named
        faults = self._proxy.faults_for(name)
        forced = next((fault.do for fault in faults if isinstance(fault.do, bytes)), None)
        self._act(faults, "before-send")
        if self._deaf:
            return
        rewritten = self._mask.command(piece.data, self._mailbox) if forced is None else refused(piece.data, forced)
        self._note(piece.data, reached=rewritten.answer is None)
        self._current = Pending(tag=tag, faults=faults, answer=rewritten.answer)
        with self._lock:
            self._pending.append(self._current)
        if rewritten.answer is not None and not piece.ends:
            self._refuse_literal(piece.data)
        self._send_begin(rewritten.line, ends=piece.ends or rewritten.answer is not None)

    def _send_begin(self, line: bytes, *, ends: bool) -> None:
        halve = bool(self._current and any(fault.when == "mid-command" for fault in self._current.faults))
        if ends and halve:
            self._send_halves(line)
        elif ends:
            self._send_last(line)
        else:
            self._halve_literal = halve
            self._to_server.send(line)

    def _refuse_literal(self, line: bytes) -> None:
        """Take no literal for a refused command: skip one that comes unasked, expect none where the client waits."""
        if line.endswith(b"+}\r\n"):
            self._skip_rest = True
        else:
            self._commands.forget_literal()

    def _send_halves(self, data: bytes) -> None:
        middle = len(data) // 2
        self._to_server.send(data[:middle])
        if self._current:
            self._act(self._current.faults, "mid-command")
        if not self._deaf:
            self._to_server.send(data[middle:])

    def _send_last(self, data: bytes) -> None:
        """Send a command's last bytes; with a cut, the client hears nothing more but the server is heard out."""
        current, self._current = self._current, None
        faults = [fault for fault in current.faults if fault.when == "after-last-byte"] if current else []
        if current and any(fault.do == "cut" for fault in faults):
            self._muted = True
            self._close_after = current.tag
        elif any(fault.do == "stall" for fault in faults):
            self._muted = True
        self._to_server.send(data)
        self._act(faults, "after-last-byte")

    def _note(self, line: bytes, *, reached: bool) -> None:
        named = command_name(line)
        if named is None:
            return
        tag, name = named
        if name in ("SELECT", "EXAMINE"):
            self._mailbox = selected_mailbox(line)
        self._proxy.commands.append(
            Command(
                tag=tag,
                name=name,
                connection=self._number,
                mailbox=self._mailbox,
                uid_set=uid_set(line, name),
                reached=reached,
            )
        )

    # From the server to the client.

    def _pump_down(self) -> None:
        try:
            while data := self._server.recv(CHUNK_BYTES):
                self._proxy.bytes_to_client += len(data)
                if self._proxy.plain:
                    self._to_client.send(data)
                else:
                    self._answer_pieces(data)
            if not self._muted or self._close_after:
                self._to_client.finish()
                self.close()
        except (OSError, Over):
            self.close()

    def _answer_pieces(self, data: bytes) -> None:
        """Pass on all responses in a chunk, in one write unless a fault wants to happen in between."""
        out: list[bytes] = []
        for piece in self._responses.feed(data):
            if piece.starts:
                self._untagged = piece.data.startswith(b"* ")
            if piece.starts and not piece.data.startswith((b"* ", b"+")):
                self._flush(out)
                self._tagged(piece.data)
                continue
            out.append(self._mask.response(piece.data, self._mailbox) if piece.starts else piece.data)
            if piece.ends and self._untagged:
                self._after_untagged(out)
        self._flush(out)

    def _after_untagged(self, out: list[bytes]) -> None:
        with self._lock:
            faults = self._pending[0].faults if self._pending else []
        if any(fault.when == "after-answer-untagged" for fault in faults):
            self._flush(out)
            self._act(faults, "after-answer-untagged")

    def _tagged(self, line: bytes) -> None:
        tag = line.split(None, 1)[0]
        with self._lock:
            pending = next((command for command in self._pending if command.tag == tag), None)
            if pending:
                self._pending.remove(pending)
        if pending is None:
            self._flush([self._mask.response(line, self._mailbox)])
            return
        self._act(pending.faults, "before-tagged")
        forced = pending.answer
        answer = self._mask.response(line, self._mailbox) if forced is None else tag + b" " + forced + b"\r\n"
        self._flush([answer])
        self._act(pending.faults, "after-tagged")
        if self._close_after == tag:
            raise Over

    def _flush(self, out: list[bytes]) -> None:
        if not self._muted:
            self._to_client.send(b"".join(out))
        out.clear()

    def _act(self, faults: list[Fault], point: Point) -> None:
        """Let happen what belongs to this point, once for each command."""
        for fault in [fault for fault in faults if fault.when == point]:
            faults.remove(fault)
            if callable(fault.do):
                fault.do()
            elif fault.do == "stall":
                self._muted = self._deaf = True
            fault.fired.set()
            if fault.do == "cut":
                if not self._muted:
                    self._to_client.finish()
                raise Over
