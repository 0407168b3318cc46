"""A server whose BODYSTRUCTURE is garbage, on the wire: its texts are still read, and nobody waits for the rest."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from shared.status import Status
from tests.fixtures.agent import Agent
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail
from tests.integration.parts.conftest import invitation

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: bills
    when: {body: {contains: amount due}}
    then: [{move: Bills}]
  - name: invitations
    when: {attachment: invite.ics}
    then: [{move: Calendar}]
"""
GARBAGE = [
    b"BODYSTRUCTURE (((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
    b"BODYSTRUCTURE )(",
    b'BODYSTRUCTURE "',
    b"BODYSTRUCTURE NIL X (",
    b"BODYSTRUCTURE ",
    b"BODYSTRUCTURE (\xff\x00 ",
]


@dataclass
class Garbler:
    """Stands between client and server, and spoils every line of the server that tells a structure."""

    upstream: tuple[str, int]
    garbage: bytes
    told: int = 0

    def __enter__(self) -> "Garbler":
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.upstream)
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=self._down, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client, server, server.makefile("rb") as lines:
            for line in lines:
                self.told += b" BODYSTRUCTURE (" in line
                client.sendall(line.replace(b"BODYSTRUCTURE (", self.garbage))


@pytest.fixture(params=GARBAGE)
def garbler(request: pytest.FixtureRequest, dovecot: DovecotUser) -> Iterator[Garbler]:
    with Garbler(upstream=(dovecot.host, dovecot.port), garbage=request.param) as between:
        yield between


def test_garbled_structures_spoil_no_text(
    garbler: Garbler, post: DovecotPost, real_agent: Callable[..., Agent]
) -> None:
    """Who hangs on a text is filed; who hangs on a structure ends uncertain, in one sync."""
    post.deliver("bill", mail(1, body="The amount due is 12.00.\n"))
    post.deliver("meeting", invitation(2))
    agent = real_agent(post.user, RULES, proxy=garbler)
    agent.sync()
    meeting = agent.store.emails.get("<2@mail.example>")

    assert garbler.told > 0
    assert {"Bills": ["bill"], "INBOX": ["meeting"]} == post.found()
    assert (Status.UNCERTAIN, frozenset({"structure"})) == (meeting.status, meeting.email.unavailable)
    assert "which the mail server cannot give" in (meeting.reason or "")
