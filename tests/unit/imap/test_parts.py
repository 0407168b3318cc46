"""Parts on demand, as servers answer and as they should not."""

import pytest

from shared.errors import BadAnswer, MailServerDown, Throttled
from shared.imap.parts import KEPT_BYTES, TEXT_BYTES
from shared.records import Attachment, FetchedParts
from tests.unit.imap.fake_socket import session_with

CONTENT = b"BODY[HEADER.FIELDS (CONTENT-TYPE CONTENT-TRANSFER-ENCODING CONTENT-DISPOSITION MIME-VERSION)]"
PDF = b'("application" "pdf" NIL NIL NIL "7bit" 5 NIL ("attachment" ("filename" "a.pdf")) NIL NIL)'
A_PDF = (Attachment(name="a.pdf", type="application/pdf", bytes=5),)
ALL = frozenset({"text", "structure", "header:x-spam"})
TEXT = frozenset({"text"})
STRUCTURE = frozenset({"structure"})
NOTHING_FOUND = b'* ESEARCH (TAG "%b") UID\r\n%b OK\r\n'


def text_of(uid: int, text: bytes) -> bytes:
    return b"* 1 FETCH (UID %d %b {2}\r\n\r\n BODY[TEXT]<0> {%d}\r\n%b)\r\n" % (uid, CONTENT, len(text), text)


def structure_of(uid: int, structure: bytes = PDF) -> bytes:
    return b"* 1 FETCH (UID %d BODYSTRUCTURE %b)\r\n" % (uid, structure)


def spam_of(uid: int) -> bytes:
    return b"* 1 FETCH (UID %d BODY[HEADER.FIELDS (X-SPAM)] {11}\r\nX-Spam: 1\r\n)\r\n" % uid


def found(tag: bytes, uids: bytes) -> bytes:
    return b'* ESEARCH (TAG "%b") UID ALL %b\r\n%b OK\r\n' % (tag, uids, tag)


def test_each_kind_of_part_is_a_command_and_all_are_one_burst() -> None:
    """PEEK only, and of the text no more than its beginning."""
    answers = structure_of(1) + b"A1 OK\r\n" + text_of(1, b"Hello") + b"A2 OK\r\n" + spam_of(1) + b"A3 OK\r\n"
    session, fake = session_with(answers)
    parts = session.parts({1: ALL})

    expected = (
        b"A1 UID FETCH 1 (UID BODYSTRUCTURE)\r\nA2 UID FETCH 1 (UID %b BODY.PEEK[TEXT]<0.%d>)\r\n"
        b"A3 UID FETCH 1 (UID BODY.PEEK[HEADER.FIELDS (X-SPAM)])\r\n"
    ) % (CONTENT.replace(b"BODY[", b"BODY.PEEK["), TEXT_BYTES)
    assert expected == fake.sent
    assert {1: FetchedParts(uid=1, content=b"\r\n", text=b"Hello", header=b"X-Spam: 1\r\n", attachments=A_PDF)} == parts


def test_only_who_wants_a_part_is_asked_for_it() -> None:
    """Mails are asked together for what they have in common."""
    session, fake = session_with(
        structure_of(1) + structure_of(2) + b"A1 OK\r\n" + text_of(2, b"Hi") + text_of(5, b"Ho") + b"A2 OK\r\n"
    )
    parts = session.parts({1: STRUCTURE, 2: STRUCTURE | TEXT, 5: TEXT})

    assert [b"A1 UID FETCH 1:2 (UID BODYSTRUCTURE)", b"A2 UID FETCH 2,5 (UID"] == [
        fake.sent.splitlines()[0],
        fake.sent.splitlines()[1][:21],
    ]
    assert [(None, A_PDF), (b"Hi", A_PDF), (b"Ho", None)] == [(one.text, one.attachments) for one in parts.values()]


def test_a_name_that_is_no_field_is_not_sent() -> None:
    """No line ends, no brackets: what the store holds does not become a command."""
    wishes = frozenset({"header:x)\r\nA9 UID EXPUNGE 1", "header:", "header:a b", "header:x]y", "nonsense"})
    session, fake = session_with(found(b"A1", b"1"))

    assert {1: FetchedParts(uid=1)} == session.parts({1: wishes})
    assert b"A1 UID SEARCH RETURN (ALL) UID 1\r\n" == fake.sent


@pytest.mark.parametrize(
    "garbage",
    [
        b"* 1 FETCH (UID 1 BODYSTRUCTURE (((((\r\n",
        b"* 1 FETCH (UID 1 BODYSTRUCTURE )\r\n",
        b"* 1 FETCH (UID 1 BODYSTRUCTURE NIL)\r\n",
        b'* 1 FETCH (UID 1 BODYSTRUCTURE ("text" "plain"))\r\n',
        b"* 1 FETCH (UID 1 BODYSTRUCTURE {3}\r\n(((" + b" (\r\n",
        b"* 1 FETCH \xff\xfe\x00\r\n",
        b"",
    ],
)
def test_a_structure_that_cannot_be_read_spoils_nothing_else(garbage: bytes) -> None:
    """The other mail's structure and this one's text come all the same."""
    answers = garbage + structure_of(2) + b"A1 OK\r\n" + text_of(1, b"Hello") + text_of(2, b"Ho") + b"A2 OK\r\n"
    session, _ = session_with(answers)
    parts = session.parts({1: STRUCTURE | TEXT, 2: STRUCTURE | TEXT})

    assert [(b"Hello", None), (b"Ho", A_PDF)] == [(one.text, one.attachments) for one in parts.values()]


def test_a_server_that_knows_no_such_item_is_not_asked_for_ever() -> None:
    """BAD is a refusal of that part; mails are asked for in halves, then no more."""
    session, _ = session_with(
        b"A1 BAD what?\r\n" + text_of(1, b"Hello") + b"A2 OK\r\n", found(b"A3", b"1"), b"A4 BAD what?\r\n"
    )
    (parts,) = session.parts({1: STRUCTURE | TEXT}).values()

    assert (b"Hello", None) == (parts.text, parts.attachments)


def test_a_refusal_of_too_many_is_one_of_the_kind() -> None:
    """A server that refuses structures altogether still gives texts; the number of commands is bounded."""
    uids = range(1, 301)
    texts = b"".join(text_of(uid, b"Hello") for uid in uids)
    refusals = b"".join(b"A%d NO no\r\n" % tag for tag in range(4, 600))
    session, fake = session_with(b"A1 NO no\r\n" + texts + b"A2 OK\r\n", found(b"A3", b"1:300") + refusals)
    parts = session.parts(dict.fromkeys(uids, STRUCTURE | TEXT))

    assert {(b"Hello", None)} == {(one.text, one.attachments) for one in parts.values()}
    assert len(uids) == len(parts)
    assert fake.sent.count(b"\r\n") < 300


def test_mails_that_are_gone_are_absent() -> None:
    """A mail that said nothing and is not found is gone; one that is found cannot be had."""
    session, _ = session_with(b"A1 OK\r\n", found(b"A2", b"2"))

    assert {2: FetchedParts(uid=2)} == session.parts({1: TEXT, 2: TEXT})


def test_what_is_made_up_of_expunged_mails_is_not_believed() -> None:
    """Dovecot answers an empty structure for a mail that somebody just expunged, and says so at the end."""
    made_up = structure_of(1, b'("text" "plain" NIL NIL NIL "7bit" 0 0 NIL NIL NIL NIL)')
    session, _ = session_with(
        made_up + structure_of(2) + b"A1 OK [EXPUNGEISSUED] Some messages were already expunged.\r\n",
        found(b"A2", b"2"),
    )

    assert {2: FetchedParts(uid=2, attachments=A_PDF)} == session.parts({1: STRUCTURE, 2: STRUCTURE})


def test_nil_is_no_text() -> None:
    """NIL says that the server has none to give; an empty text is a text."""
    nil = b"* 1 FETCH (UID 1 %b NIL BODY[TEXT]<0> NIL)\r\n" % CONTENT
    session, _ = session_with(nil + text_of(2, b"") + b"A1 OK\r\n", found(b"A2", b"1"))
    parts = session.parts({1: TEXT, 2: TEXT})

    assert [(None, None), (b"\r\n", b"")] == [(one.content, one.text) for one in parts.values()]


def test_a_server_that_sends_the_whole_text_is_cut() -> None:
    """Sixty megabytes are read away; as many octets are kept as were asked for, and the text says that it goes on."""
    size = 60_000_000
    head = b"* 1 FETCH (UID 1 %b {2}\r\n\r\n BODY[TEXT]<0> {%d}\r\n" % (CONTENT, size)
    chunk = b"x" * 1_000_000
    session, _ = session_with(head, *[chunk] * 60, b")\r\nA1 OK\r\n")
    (parts,) = session.parts({1: TEXT}).values()

    assert (b"\r\n", b"x" * TEXT_BYTES, True) == (parts.content, parts.text, parts.text_truncated)


def test_a_text_that_had_to_be_cut_short_is_none() -> None:
    """What is lost behind a giant header is not taken for an empty text, nor a cut header for a whole one."""
    size = KEPT_BYTES + 1
    header = b"* 1 FETCH (UID 1 %b {%d}\r\n" % (CONTENT, size)
    session, _ = session_with(
        header, b"x" * size, b" BODY[TEXT]<0> {5}\r\nHello)\r\n",
        b"* 1 FETCH (UID 2 BODY[HEADER.FIELDS (X-SPAM)] {%d}\r\n" % size, b"x" * size, b")\r\nA1 OK\r\nA2 OK\r\n",
        found(b"A3", b"1:2"),
    )  # fmt: skip

    assert {1: FetchedParts(uid=1), 2: FetchedParts(uid=2)} == session.parts({1: TEXT, 2: frozenset({"header:x-spam"})})


def test_foreign_answers_are_passed_over() -> None:
    """Flags of other mails, other items of this one, a mail nobody asked for."""
    others = (
        b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n* 2 EXISTS\r\n" + text_of(9, b"no") + b"* 1 FETCH (UID 1 BODY[9] x)\r\n"
    )
    session, _ = session_with(others + text_of(1, b"Hello") + b"A1 OK\r\n")

    assert {1: b"Hello"} == {uid: one.text for uid, one in session.parts({1: TEXT}).items()}


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (b"A1 NO [THROTTLED] slower\r\n", Throttled),
        (b"* BYE shutting down\r\n", MailServerDown),
        (b"A9 OK\r\n", BadAnswer),
        (b"", MailServerDown),
    ],
)
def test_what_concerns_the_connection_is_raised(end: bytes, error: type[Exception]) -> None:
    """Of it no mail is to blame."""
    session, _ = session_with(end)

    with pytest.raises(error):
        session.parts({1: TEXT})
