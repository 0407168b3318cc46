"""Put the demo's mail into an IMAP mailbox with one MULTIAPPEND (RFC 3502) over a plain socket."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path

from scripts.demo.build import DemoMail

TIMEOUT_S = 60
READ_BYTES = 65_536
MAX_ANSWER_BYTES = 1_000_000


class SeedError(Exception):
    """The IMAP server did not take the demo's mail."""


def seed(mails: Sequence[DemoMail], *, host: str, port: int, user: str, password: str) -> None:
    """Append all mails to INBOX in one command, with their flags and internal dates.

    Raises
    ------
    SeedError
        The server refused, with its answer.

    """
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as connection:
        _read_until(connection, b"* ")
        _command(connection, b"s1", f'LOGIN "{user}" "{password}"'.encode())
        _command(connection, b"s2", b"APPEND INBOX" + b"".join(map(_message, mails)))
        connection.sendall(b"s3 LOGOUT\r\n")


def write_seeded(mails: Sequence[DemoMail], path: Path) -> None:
    """Write down what was seeded, for the census."""
    rows = [{"id": mail.demo_id, "sha256": mail.digest, "flags": list(mail.flags)} for mail in mails]
    path.write_text(json.dumps(rows), encoding="utf-8")


def _message(mail: DemoMail) -> bytes:
    """One message of the command, as a non-synchronising literal (RFC 7888)."""
    flags = " ".join(mail.flags)
    head = f' ({flags}) "{mail.internal_date:%d-%b-%Y %H:%M:%S +0000}" {{{len(mail.raw)}+}}\r\n'
    return head.encode("ascii") + mail.raw


def _command(connection: socket.socket, tag: bytes, command: bytes) -> None:
    connection.sendall(tag + b" " + command + b"\r\n")
    answer = _read_until(connection, tag + b" ")
    if not answer.startswith(tag + b" OK"):
        raise SeedError(answer.decode("utf-8", "replace"))


def _read_until(connection: socket.socket, start: bytes) -> bytes:
    """Read lines until one begins with `start`, and return that line."""
    buffer = b""
    while len(buffer) < MAX_ANSWER_BYTES:
        *lines, _ = buffer.split(b"\r\n")
        for line in lines:
            if line.startswith(start):
                return line
        received = connection.recv(READ_BYTES)
        if not received:
            break
        buffer += received
    raise SeedError(f"the connection ended without an answer: {buffer[-200:]!r}")
