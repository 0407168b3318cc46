"""The wire proxy between imaplib and a real Dovecot."""

import contextlib
import imaplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.masks import Keywords
from tests.faults.proxy import WireProxy
from tests.fixtures.dovecot import DovecotUser

pytestmark = pytest.mark.dovecot

MAIL = b"Subject: hello\r\n\r\nbody\r\n"
LOST = (imaplib.IMAP4.abort, ConnectionError)


@contextlib.contextmanager
def logged_in(proxy: WireProxy, user: DovecotUser, *, timeout_s: float = 10) -> Iterator[imaplib.IMAP4]:
    """Open a session through the proxy and close it whatever happened to it."""
    client = imaplib.IMAP4(proxy.host, proxy.port, timeout=timeout_s)
    try:
        client.login(user.user, user.password)
        yield client
    finally:
        client.shutdown()


@pytest.fixture
def mailbox(dovecot: DovecotUser) -> DovecotUser:
    """A user with three mails in INBOX."""
    for number in range(3):
        dovecot.deliver("INBOX", b"X-Number: %d\r\n" % number + MAIL)
    return dovecot


def upstream(user: DovecotUser, **options: Any) -> WireProxy:
    return WireProxy(upstream=(user.host, user.port), **options)


def sizes(user: DovecotUser, *names: str) -> list[int]:
    census = user.census()
    return [len(census.get(name, [])) for name in names]


@pytest.mark.parametrize("plain", [True, False])
def test_counts_pipelined_commands(mailbox: DovecotUser, plain: bool) -> None:
    """Commands that arrive in one segment are counted one by one, with the UIDs they move."""

    with upstream(mailbox, plain=plain) as proxy, logged_in(proxy, mailbox) as client:
        client.select()
        client.send(b"A1 UID MOVE 1:2 Archive\r\nA2 UID MOVE 3 Archive\r\nA3 NOOP\r\n")
        while not client.readline().startswith(b"A3 "):
            pass

    assert (2, 1) == (proxy.counts["UID MOVE"], proxy.counts["NOOP"])
    assert Counter({1: 1, 2: 1, 3: 1}) == proxy.moved_uids()


@pytest.mark.parametrize("plain", [True, False])
def test_literals_pass_in_both_directions(dovecot: DovecotUser, plain: bool) -> None:
    """A literal that looks like commands is passed on and not counted."""
    body = b"Subject: literal\r\n\r\n" + b"A1 UID MOVE 1 Archive\r\n" * 20_000

    with upstream(dovecot, plain=plain) as proxy, logged_in(proxy, dovecot) as client:
        client.append("INBOX", "", "", body)
        client.select()
        fetched = client.uid("FETCH", "1", "(BODY.PEEK[])")[1][0][1]

    assert body == fetched
    assert 0 == proxy.counts["UID MOVE"]


def test_masked_capabilities_disappear_and_are_refused(mailbox: DovecotUser) -> None:
    """A masked ability is in no capability list, and the server does not know its command."""
    words = {"MOVE", "UIDPLUS", "CONDSTORE", "SPECIAL-USE"}

    with upstream(mailbox, mask=words) as proxy, logged_in(proxy, mailbox) as client:
        shown = set(client.capability()[1][0].decode().split())
        client.select()
        for arguments in (("MOVE", "1", "Archive"), ("EXPUNGE", "1")):
            with pytest.raises(imaplib.IMAP4.error, match="BAD"):
                client.uid(*arguments)
        client.uid("COPY", "1", "Archive")
        copied = client.response("COPYUID")[1]
        listed = b" ".join(line for line in client.list()[1] if isinstance(line, bytes))
        codes = client.response("HIGHESTMODSEQ")[1]

    assert set() == shown & (words | {"QRESYNC"})
    assert [None] == copied
    assert b"\\Archive" not in listed
    assert [None] == codes
    assert [3, 1] == sizes(mailbox, "INBOX", "Archive")


@pytest.mark.parametrize(("keywords", "answer"), [("no", "NO"), ("silent", "OK"), ("dropped", "OK")])
def test_no_lesser_server_keeps_a_keyword(mailbox: DovecotUser, keywords: Keywords, answer: str) -> None:
    """Whatever the server says to a STORE, after a reconnect the keyword is gone and the flag beside it is kept."""

    with upstream(mailbox, keywords=keywords) as proxy:
        with logged_in(proxy, mailbox) as client:
            client.select()
            said, fetched = client.uid("STORE", "1", "+FLAGS", "($Phishing)")
            client.uid("STORE", "2", "+FLAGS", r"(\Seen)")
        with logged_in(proxy, mailbox) as client:
            client.select()
            later = client.uid("FETCH", "1:2", "(FLAGS)")[1]

    assert answer == said
    assert (keywords == "dropped") == (b"$Phishing" in (fetched[0] or b""))
    assert [False, True] == [b"\\Seen" in line for line in later]
    assert not any(b"$Phishing" in line for line in later)


def test_keywords_no_is_announced(mailbox: DovecotUser) -> None:
    """A server that refuses keywords says so in PERMANENTFLAGS."""

    with upstream(mailbox, keywords="no") as proxy, logged_in(proxy, mailbox) as client:
        client.select()
        flags = client.response("PERMANENTFLAGS")[1][0]

    assert b"\\Seen" in flags
    assert b"\\*" not in flags


@pytest.mark.parametrize(
    ("when", "moved"),
    [
        ("before-send", 0),
        ("mid-command", 0),
        ("after-last-byte", 2),
        ("after-answer-untagged", 2),
        ("before-tagged", 2),
    ],
)
def test_a_cut_loses_the_answer_at_its_point(mailbox: DovecotUser, when: Any, moved: int) -> None:
    """The client loses the connection; whether the server moved depends on whether it had the whole command."""

    with upstream(mailbox) as proxy, logged_in(proxy, mailbox) as client:
        proxy.on("UID MOVE", when=when, do="cut")
        client.select()
        with pytest.raises(LOST):
            client.uid("MOVE", "1:2", "Archive")

    assert [3 - moved, moved] == sizes(mailbox, "INBOX", "Archive")


def test_a_cut_after_tagged_shows_at_the_next_command(mailbox: DovecotUser) -> None:
    """The answer arrives whole before the connection dies."""

    with upstream(mailbox) as proxy, logged_in(proxy, mailbox) as client:
        proxy.on("UID MOVE", when="after-tagged", do="cut", nth=2)
        client.select()
        answers = [client.uid("MOVE", uid, "Archive")[0] for uid in ("1", "2")]
        with pytest.raises(LOST):
            client.noop()

    assert ["OK", "OK"] == answers
    assert [1, 2] == sizes(mailbox, "INBOX", "Archive")


@pytest.mark.parametrize(("when", "moved"), [("before-send", 0), ("after-last-byte", 1), ("before-tagged", 1)])
def test_a_stalled_connection_stays_open(mailbox: DovecotUser, when: Any, moved: int) -> None:
    """A stall sends nothing more and closes nothing: only the client's timeout ends it."""

    with upstream(mailbox) as proxy, logged_in(proxy, mailbox, timeout_s=0.4) as client:
        proxy.on("UID MOVE", when=when, do="stall")
        client.select()
        with pytest.raises(TimeoutError):
            client.uid("MOVE", "1", "Archive")

    assert [3 - moved, moved] == sizes(mailbox, "INBOX", "Archive")


def test_a_callback_runs_at_its_point(mailbox: DovecotUser) -> None:
    """A function called before the tagged answer finds the command done, and the answer still comes."""
    found: list[list[int]] = []

    with upstream(mailbox) as proxy, logged_in(proxy, mailbox) as client:
        proxy.on("UID MOVE", when="before-tagged", do=lambda: found.append(sizes(mailbox, "INBOX", "Archive")))
        client.select()
        answer = client.uid("MOVE", "1", "Archive")[0]

    assert ("OK", [[2, 1]]) == (answer, found)


def test_an_answer_can_be_forced(mailbox: DovecotUser) -> None:
    """Bytes as a fault are the server's answer to a command it never sees."""

    with upstream(mailbox) as proxy, logged_in(proxy, mailbox) as client:
        proxy.on("UID MOVE", when="before-send", do=b"NO [OVERQUOTA] Too much mail.")
        client.select()
        answers = [client.uid("MOVE", "1", "Archive")[0] for _ in range(2)]

    assert ["NO", "OK"] == answers
    assert Counter({1: 1}) == proxy.moved_uids()


def test_an_append_can_be_cut_within_its_literal(dovecot: DovecotUser) -> None:
    """The server sees half of a mail and keeps nothing of it."""

    with upstream(dovecot) as proxy, logged_in(proxy, dovecot) as client:
        proxy.on("APPEND", when="mid-command", do="cut")
        with pytest.raises(LOST):
            client.append("INBOX", "", "", MAIL)

    assert [0] == sizes(dovecot, "INBOX")


def test_latency_delays_answers_but_not_throughput(mailbox: DovecotUser) -> None:
    """A round trip lasts the latency, and ten pipelined commands do not last ten of them."""

    with upstream(mailbox, plain=True, latency_s=0.1) as proxy, logged_in(proxy, mailbox) as client:
        started = time.monotonic()
        client.noop()
        one = time.monotonic() - started
        for number in range(10):
            client.send(b"B%d NOOP\r\n" % number)
        while not client.readline().startswith(b"B9 "):
            pass
        ten = time.monotonic() - started - one

    assert 0.1 <= one < 0.3
    assert 0.1 <= ten < 0.4


def test_many_connections_at_once(mailbox: DovecotUser) -> None:
    """Twenty clients work at the same time and are counted."""
    done: list[str] = []

    def work(proxy: WireProxy) -> None:
        with logged_in(proxy, mailbox) as client:
            client.select("INBOX", readonly=True)
            done.append(client.uid("FETCH", "1:*", "(FLAGS)")[0])

    with upstream(mailbox) as proxy:
        threads = [threading.Thread(target=work, args=(proxy,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert ["OK"] * 20 == done
    assert (20, 20) == (proxy.connections, proxy.counts["UID FETCH"])
