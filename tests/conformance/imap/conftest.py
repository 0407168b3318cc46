"""The servers that every conformance case runs on."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from shared import clock
from shared.imap.mailbox import ImapSession, open_mailbox
from shared.records import Account, Mode, Tls
from tests.fixtures.dovecot import dovecot, dovecot_server
from tests.fixtures.pymap import pymap_server

__all__ = ["dovecot", "dovecot_server", "pymap_server"]


def account(host: str, port: int, username: str, tls: Tls = Tls.NONE, ca_file: str | None = None) -> Account:
    """Return an account as its owner would have configured it."""
    return Account(
        id=1, name="test", host=host, port=port, tls=tls, username=username, secret=b"", mode=Mode.APPLY,
        mailboxes=("INBOX",), max_actions_per_hour=100, approved_moves=0, plaintext_allowed=False,
        copy_without_expunge=False, ca_file=ca_file,
    )  # fmt: skip


def open_account(
    at: Account, password: str, timeout_s: float = 5.0, lease_s: float = 60.0
) -> AbstractContextManager[ImapSession]:
    """Open a session with a lease that begins now."""
    return open_mailbox(at, password, timeout_s=timeout_s, lease_until=clock.now() + lease_s)


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """A real server with one user: how to put a mail there, and how to open a session."""

    name: str
    host: str
    port: int
    user: str
    password: str
    put: Callable[[list[bytes]], object]

    def open(self) -> AbstractContextManager[ImapSession]:
        return open_account(account(self.host, self.port, self.user), self.password)

    def deliver(self, *subjects: str) -> None:
        self.put([message(subject) for subject in subjects])


def message(subject: str) -> bytes:
    """Return a small mail."""
    when = dt.datetime(2026, 7, 17, 2, 44, 25, tzinfo=dt.UTC)
    return (
        f"From: Alice <alice@example.org>\r\nTo: bob@example.org\r\nSubject: {subject}\r\nX-Spam: no\r\n"
        f"Date: {when:%a, %d %b %Y %H:%M:%S} +0000\r\nMessage-ID: <{subject}@example.org>\r\n\r\nHello.\r\n"
    ).encode()


@pytest.fixture(params=["dovecot", "pymap"])
def server(request: pytest.FixtureRequest) -> Iterator[MailServer]:
    """Each real server in turn, with an empty INBOX."""
    real = request.getfixturevalue("dovecot" if request.param == "dovecot" else "pymap_server")

    def put(mails: list[bytes]) -> None:
        if request.param == "pymap":
            real.seed(mails)
        else:
            for mail in mails:
                real.deliver("INBOX", mail)

    yield MailServer(
        name=request.param, host=real.host, port=real.port, user=real.user, password=real.password, put=put
    )
