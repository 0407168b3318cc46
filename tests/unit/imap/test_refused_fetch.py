import socket
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadAnswer, MailServerDown, Throttled
from shared.imap import uid_set
from shared.imap.mailbox import ImapSession
from shared.imap.reader import HEADER_FIELDS, UNKNOWN_DATE
from shared.imap.refused_fetch import MAX_UNREADABLE
from shared.imap.wire import Wire
from shared.records import FetchedMail
from tests.unit.imap.fake_socket import ABILITIES, Clock, FakeSocket, session_with, wire_with

OPENED = b"* OK [UIDVALIDITY 42] x\r\n* OK [UIDNEXT 9] x\r\n"
BROKE_OFF = b"* BYE FETCH failed: Internal error occurred.\r\n"
CANNOT = b"NO [SERVERBUG] message cannot be converted"
DATE = b'INTERNALDATE "17-Jul-2026 02:44:25 -0700"'


class BrokenServer(FakeSocket):
    """Has mails of which some cannot be read: a FETCH that touches one of them ends with NO, after those before it."""

    def __init__(self, existing: set[int], broken: set[int], refusal: bytes = CANNOT, *, mute: bool = False) -> None:
        super().__init__([])
        self.existing = existing
        self.broken = broken
        self.refusal = refusal
        self.mute = mute
        self.commands: list[bytes] = []

    def sendall(self, octets: bytes) -> None:
        for line in octets.splitlines():
            self.commands.append(line)
            tag, _, word, *rest = line.split(b" ", 4)
            self.chunks.append(self._search(tag, rest[-1]) if word == b"SEARCH" else self._fetch(tag, *rest))

    def _search(self, tag: bytes, rest: bytes) -> bytes:
        found = sorted(self.existing.intersection(uid_set.expand(rest.split()[-1])))
        every = b" ALL " + b",".join(b"%d" % uid for uid in found) if found else b""
        return b'* ESEARCH (TAG "%b") UID%b\r\n%b OK\r\n' % (tag, every, tag)

    def _fetch(self, tag: bytes, uids: bytes, items: bytes) -> bytes:
        out = b""
        for uid in uid_set.expand(uids):
            if uid in self.existing and uid in self.broken and (b"BODY" in items or self.mute):
                return out + tag + b" " + self.refusal + b"\r\n"
            if uid in self.existing:
                header = b" RFC822.SIZE 9 BODY[HEADER.FIELDS (%b)] {2}\r\n\r\n" % HEADER_FIELDS
                out += b"* 1 FETCH (UID %d FLAGS (\\Seen) %b%b)\r\n" % (uid, DATE, header if b"BODY" in items else b"")
        return out + tag + b" OK\r\n"

    def session(self) -> ImapSession:
        clock = Clock()
        connection = cast(socket.socket, self)
        return ImapSession(Wire(connection, "x", timeout_s=10, lease_until=clock.now + 60, clock=clock), ABILITIES)


def by_uid(chunks: list[list[FetchedMail]]) -> dict[int, bool]:
    return {mail.uid: mail.unreadable for mails in chunks for mail in mails}


def test_one_mail_that_cannot_be_read_stops_no_other() -> None:
    """Of two chunks all mails come, each in its own; the broken one is unreadable, with its flags and no header."""
    server = BrokenServer({1, 2, 3, 4, 9}, {3})
    first, second = server.session().fetch([range(1, 7), [9]])

    assert {1: False, 2: False, 3: True, 4: False} == by_uid([first])
    assert {9: False} == by_uid([second])
    assert [(b"", frozenset({"\\Seen"}), 0)] == [(m.header, m.flags, m.size) for m in first if m.unreadable]


def test_what_the_server_refuses_altogether_is_neutral() -> None:
    """Where not even flags and date are told, the mail still comes."""
    (mails,) = BrokenServer({1}, {1}, mute=True).session().fetch([[1]])

    expected = FetchedMail(uid=1, flags=frozenset(), internaldate=UNKNOWN_DATE, size=0, header=b"", unreadable=True)
    assert [expected] == mails


@given(st.sets(st.integers(1, 300)), st.sets(st.integers(1, 300), max_size=8))
def test_exactly_the_broken_mails_are_unreadable(existing: set[int], broken: set[int]) -> None:
    """Whichever are broken, every mail that exists comes once, in a bounded number of commands."""
    server = BrokenServer(existing, broken)
    found = by_uid(list(server.session().fetch([range(1, 151), range(151, 301)])))

    assert {uid: uid in broken for uid in existing} == found
    assert len(server.commands) <= 2 + 2 * 3 + 8 * 2 * 10


@pytest.mark.parametrize("text", [b"NO [EXPUNGEISSUED] some are gone", b"NO nothing today"])
def test_mails_left_out_of_a_refused_answer_are_asked_for(text: bytes) -> None:
    """A NO without any data does not make existing mails look gone."""
    session, _ = session_with(
        b"A1 " + text + b"\r\n",
        b'* ESEARCH (TAG "A2") UID ALL 2\r\nA2 OK\r\n',
        b'* 1 FETCH (UID 2 FLAGS () %b RFC822.SIZE 9 BODY[HEADER.FIELDS (%b)] "")\r\nA3 OK\r\n' % (DATE, HEADER_FIELDS),
        b'* ESEARCH (TAG "A4") UID\r\nA4 OK\r\n',
    )

    assert {2: False} == by_uid(list(session.fetch([range(1, 4)])))


def test_a_server_that_can_read_nothing_is_at_fault() -> None:
    """More refusals than single mails explain end the work: nothing is called unreadable."""
    every = set(range(1, 2 * MAX_UNREADABLE))
    server = BrokenServer(every, every)
    with pytest.raises(BadAnswer, match="refused"):
        list(server.session().fetch([range(1, 1000)]))

    assert len(server.commands) < 8 * MAX_UNREADABLE


def test_throttling_is_no_word_about_a_mail() -> None:
    """A NO that asks to wait is raised at once."""
    server = BrokenServer({1, 2}, {2}, b"NO [THROTTLED] slower")

    with pytest.raises(Throttled):
        list(server.session().fetch([range(1, 3)]))


def test_flags_left_out_of_a_refused_answer_are_asked_for() -> None:
    """After EXPUNGEISSUED only what SEARCH does not find is gone."""
    session, fake = session_with(
        b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\nA1 NO [EXPUNGEISSUED] x\r\n",
        b'* ESEARCH (TAG "A2") UID ALL 3\r\nA2 OK\r\n',
        b"* 3 FETCH (UID 3 FLAGS ())\r\nA3 OK\r\n",
    )

    assert {1: frozenset({"\\Seen"}), 3: frozenset()} == session.flags([1, 2, 3])
    assert fake.sent.endswith(b"A2 UID SEARCH RETURN (ALL) UID 2:3\r\nA3 UID FETCH 3 (UID FLAGS)\r\n")


def test_a_mail_whose_flags_are_never_told_is_not_called_gone() -> None:
    """A server that keeps saying EXPUNGEISSUED of a mail that exists ends the work."""
    server = BrokenServer({1, 2}, {2}, b"NO [EXPUNGEISSUED] x", mute=True)

    with pytest.raises(BadAnswer, match="flags"):
        server.session().flags([1, 2])
    assert 6 == len(server.commands)


def test_flags_of_mails_that_are_gone_are_absent() -> None:
    """Mails that SEARCH does not find either are asked for once only."""
    session, _ = session_with(b"A1 NO [EXPUNGEISSUED] x\r\n", b'* ESEARCH (TAG "A2") UID\r\nA2 OK\r\n')

    assert {} == session.flags([1, 2])


def resuming(again: list[bytes], uidvalidity: bytes = b"42") -> ImapSession:
    """Return a session on a server that breaks off the FETCH of UID 1, with its mailbox open, and then says `again`."""
    wire, _ = wire_with(OPENED + b"A1 OK\r\n", BROKE_OFF)
    opened = OPENED.replace(b"42", uidvalidity)
    session = ImapSession(
        wire, ABILITIES, again=lambda: wire_with(opened, again.pop(0))[0] if again else wire_with(BROKE_OFF)[0]
    )
    session.examine("INBOX")
    return session


def test_a_session_that_ends_over_a_mail_goes_on_by_a_new_connection() -> None:
    """The mailbox is opened again, tags go on, and the mail that broke off the session alone is unreadable."""
    session = resuming(
        [
            b'A3 OK\r\n* ESEARCH (TAG "A4") UID ALL 1\r\nA4 OK\r\n' + BROKE_OFF,
            b'A6 OK\r\n* ESEARCH (TAG "A7") UID ALL 1\r\nA7 OK\r\nA8 NO x\r\n',
        ]
    )

    assert {1: True} == by_uid(list(session.fetch([[1]])))
    assert 8 == session.commands


def test_a_mailbox_that_was_renumbered_meanwhile_is_not_read_on() -> None:
    """UIDs of another UIDVALIDITY are other mails."""
    session = resuming([b"A3 OK\r\n"], b"43")

    with pytest.raises(BadAnswer, match="renumbered"):
        list(session.fetch([[1]]))


@pytest.mark.parametrize("end", [b"* BYE shutting down\r\n", b""])
def test_a_server_that_ends_the_session_for_another_reason_is_down(end: bytes) -> None:
    """Only what a mail broke is taken up again."""
    wire, _ = wire_with(end)
    session = ImapSession(wire, ABILITIES, again=lambda: wire_with()[0])

    with pytest.raises(MailServerDown):
        list(session.fetch([[1]]))
