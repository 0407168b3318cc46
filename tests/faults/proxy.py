"""A proxy between an IMAP client and its server that counts, hides abilities, delays, cuts and stalls.

It works on IMAP without TLS over loopback. With `plain=True` it passes bytes on as they are and only counts commands.
"""

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterable

from tests.faults.connection import JOIN_TIMEOUT_S, Connection, Do, Fault, Point
from tests.faults.masks import Keywords, Mask
from tests.faults.wire import Command


class WireProxy:
    """Listen on a loopback port and talk to `upstream` for each client; see `on` for the faults."""

    def __init__(
        self,
        *,
        upstream: tuple[str, int],
        mask: Iterable[str] = (),
        keywords: Keywords = "",
        latency_s: float = 0.0,
        plain: bool = False,
    ) -> None:
        if plain and (frozenset(mask) or keywords):
            raise ValueError("a plain proxy hides nothing")
        self.upstream = upstream
        self.mask = frozenset(word.upper() for word in mask)
        self.keywords: Keywords = keywords
        self.latency_s = latency_s
        self.plain = plain
        self.host = "127.0.0.1"
        self.commands: list[Command] = []
        self.connections = 0
        self.bytes_to_server = 0
        self.bytes_to_client = 0
        self._faults: list[Fault] = []
        self._open: set[Connection] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((self.host, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "WireProxy":
        """Begin to accept connections."""
        self._accepting.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close every connection and wait for the threads."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(JOIN_TIMEOUT_S)
        self.cut_all()

    def on(self, name: str, *, when: Point, do: Do, nth: int = 1) -> Fault:
        """Arrange a fault; the count starts now, and nth=0 is every time.

        `do` is "cut", "stall", a function to call, or (before-send only) what the server shall seem to answer after
        the tag. The name "CONNECT" (before-send) means a new connection.
        """
        if self.plain:
            raise ValueError("a plain proxy has no faults")
        if isinstance(do, bytes) and when != "before-send":
            raise ValueError("an answer takes the place of a command: before-send")
        fault = Fault(name=name.upper(), when=when, do=do, nth=nth)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        """Forget all faults that were arranged, for commands to come."""
        with self._lock:
            self._faults.clear()

    def cut_all(self) -> None:
        """Close all connections there are now."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            connection.close()
        for connection in connections:
            connection.join()

    @property
    def counts(self) -> Counter[str]:
        """How many commands of each name clients sent, refused ones included."""
        return Counter(command.name for command in list(self.commands))

    def reset(self) -> None:
        """Begin to count anew."""
        self.commands.clear()
        self.connections = self.bytes_to_server = self.bytes_to_client = 0

    def uids(self, *names: str, mailbox: str = "INBOX") -> Counter[int]:
        """Return how often each UID of a mailbox was named in commands of these names that reached the server."""
        chosen = [command for command in list(self.commands) if command.name in names and command.mailbox == mailbox]
        return Counter(uid for command in chosen if command.reached for uid in command.uids())

    def moved_uids(self, mailbox: str = "INBOX") -> Counter[int]:
        """Return how often each UID of a mailbox was asked to be moved, or copied as the first half of a move."""
        return self.uids("UID MOVE", "UID COPY", mailbox=mailbox)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            mask = Mask(words=self.mask, keywords=self.keywords)
            connection = Connection(self, client, mask=mask, number=self.connections)
            with self._lock:
                self._open.add(connection)
            connection.start()

    def forget(self, connection: Connection) -> None:
        with self._lock:
            self._open.discard(connection)

    def faults_for(self, name: str) -> list[Fault]:
        with self._lock:
            return [fault for fault in self._faults if fault.meets(name)]
