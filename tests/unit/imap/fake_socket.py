"""A socket that answers from a list of chunks and remembers what was sent."""

import socket
from collections.abc import Iterable
from typing import cast

from shared.imap.mailbox import ImapSession
from shared.imap.wire import Wire

ABILITIES = frozenset({"IMAP4REV1", "MOVE", "UIDPLUS", "ESEARCH", "LITERAL+"})


class FakeSocket:
    """What Wire needs of a socket; after the last chunk it is silent, or closed if the last chunk is empty."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = list(chunks)
        self.sent = b""
        self.closed = False
        self.timeouts: list[float] = []

    def settimeout(self, timeout_s: float) -> None:
        self.timeouts.append(timeout_s)

    def sendall(self, octets: bytes) -> None:
        self.sent += octets

    def recv(self, _size: int) -> bytes:
        if not self.chunks:
            raise TimeoutError
        return self.chunks.pop(0)

    def close(self) -> None:
        self.closed = True


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def wire_with(*chunks: bytes, clock: Clock | None = None, lease_s: float = 60.0) -> tuple[Wire, FakeSocket]:
    """Return a wire whose server says `chunks`."""
    clock = clock or Clock()
    fake = FakeSocket(chunks)
    connection = cast(socket.socket, fake)
    wire = Wire(connection, "imap.example", timeout_s=10.0, lease_until=clock.now + lease_s, clock=clock)
    return wire, fake


def session_with(
    *chunks: bytes, abilities: frozenset[str] = ABILITIES, max_header_bytes: int = 1024 * 1024
) -> tuple[ImapSession, FakeSocket]:
    """Return a session whose server says `chunks`; its first command has the tag A1."""
    wire, fake = wire_with(*chunks)
    wire.literal_plus = "LITERAL+" in abilities
    return ImapSession(wire, abilities, max_header_bytes), fake
