import datetime as dt
import tracemalloc

import pytest

from shared.errors import BadAnswer
from shared.imap.reader import HEADER_FIELDS, UNKNOWN_DATE, fetch_items, internaldate
from shared.records import FetchedMail
from tests.unit.imap.fake_socket import session_with

DATE = b"17-Jul-2026 02:44:25 -0700"
MOMENT = dt.datetime(2026, 7, 17, 2, 44, 25, tzinfo=dt.timezone(dt.timedelta(hours=-7)))
FIELDS = b"BODY[HEADER.FIELDS (%b)]" % HEADER_FIELDS
HEADER = b"From: a@example.org\r\n\r\n"
DONE = b"A1 OK Fetch completed.\r\n"


def literal(octets: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(octets), octets)


def usual(uid: int, header: bytes = HEADER, flags: bytes = b"\\Seen $Work") -> bytes:
    return b'* 1 FETCH (UID %d FLAGS (%b) INTERNALDATE "%b" RFC822.SIZE 345 %b %b)\r\n' % (
        uid, flags, DATE, FIELDS, literal(header),
    )  # fmt: skip


def mail(uid: int = 7, header: bytes = HEADER, truncated: bool = False) -> FetchedMail:
    return FetchedMail(
        uid=uid,
        flags=frozenset({"\\Seen", "$Work"}),
        internaldate=MOMENT,
        size=345,
        header=header,
        header_truncated=truncated,
    )


def fetched(*chunks: bytes, uids: range = range(7, 8), extra: tuple[str, ...] = ()) -> list[FetchedMail]:
    session, _ = session_with(*chunks)
    (mails,) = session.fetch([uids], extra)
    return mails


DATE_AND_SIZE = b'INTERNALDATE "%b" RFC822.SIZE 345' % DATE
FLAGS = b"FLAGS (\\Seen $Work)"
SECTION = FIELDS + b" " + literal(HEADER)


def response_of(*items: bytes) -> bytes:
    return b"* 1 FETCH (" + b" ".join(items) + b")\r\n"


ODD_FORMS = {
    "usual": usual(7),
    "recent is no flag of a mail": usual(7, flags=b"\\Seen $Work \\Recent"),
    "lower case": usual(7).replace(b"FETCH (UID 7 FLAGS", b"fetch (uid 7 flags").replace(FIELDS, FIELDS.lower()),
    "another order": response_of(SECTION, DATE_AND_SIZE, FLAGS, b"UID 7"),
    "Gmail's order": response_of(b"UID 7", b"RFC822.SIZE 345", b'INTERNALDATE "%b"' % DATE, FLAGS, SECTION),
    "an item twice, one in another response": response_of(b"UID 7", b"UID 7", DATE_AND_SIZE, SECTION)
    + response_of(b"UID 7", FLAGS),
    "MODSEQ between": response_of(b"UID 7", FLAGS, b"MODSEQ (123)", DATE_AND_SIZE, SECTION),
    "MODSEQ after": response_of(b"UID 7", FLAGS, DATE_AND_SIZE, SECTION, b"MODSEQ (123)"),
    "literal8": usual(7).replace(b"{", b"~{"),
    "in two responses": response_of(b"UID 7", FLAGS) + response_of(b"UID 7", DATE_AND_SIZE, SECTION),
    "quoted field names": usual(7).replace(HEADER_FIELDS, b'"From" "To"'),
}


@pytest.mark.parametrize("response", ODD_FORMS.values(), ids=ODD_FORMS)
def test_a_mail_is_read_in_every_form_servers_send(response: bytes) -> None:
    """Order, case, extra items and kinds of literals make no difference."""

    assert [mail()] == fetched(response + DONE)


@pytest.mark.parametrize("response", ODD_FORMS.values(), ids=ODD_FORMS)
def test_a_mail_that_arrives_octet_by_octet_is_the_same(response: bytes) -> None:
    """Where the network cuts an answer makes no difference."""
    stream = response + DONE

    assert [mail()] == fetched(*(stream[at : at + 1] for at in range(len(stream))))


def test_a_header_may_be_a_quoted_string() -> None:
    """A server may quote a short header instead of sending a literal."""
    response = b'* 1 FETCH (UID 7 FLAGS (\\Seen $Work) INTERNALDATE "%b" RFC822.SIZE 345 %b "\\"hi\\"")\r\n' % (
        DATE,
        FIELDS,
    )

    assert [mail(header=b'"hi"')] == fetched(response + DONE)


def test_a_header_that_is_nil_is_empty() -> None:
    """NIL for the header is a mail without header, not a mail that vanished."""
    response = b'* 1 FETCH (UID 7 FLAGS (\\Seen $Work) INTERNALDATE "%b" RFC822.SIZE 345 %b NIL)\r\n' % (DATE, FIELDS)

    assert [mail(header=b"")] == fetched(response + DONE)


def test_a_broken_date_does_not_lose_the_mail() -> None:
    """An INTERNALDATE that is none gets a neutral value; the mail is handed out."""
    response = usual(7).replace(b"17-Jul", b"99-Jul")

    assert [UNKNOWN_DATE] == [found.internaldate for found in fetched(response + DONE)]


def test_what_was_not_asked_for_is_ignored() -> None:
    """Unsolicited FETCHes, other UIDs (`n:*`), and other responses in between change nothing."""
    noise = b"* 5 EXISTS\r\n* 2 FETCH (FLAGS (\\Seen))\r\n* 3 EXPUNGE\r\n* OK still here {3}\r\n"
    noise += b"* 2 FETCH (UID 7 FLAGS ())\r\n"

    assert [mail()] == fetched(noise + usual(6) + usual(7) + noise + DONE)


def test_flags_alone_are_no_mail() -> None:
    """A change of flags during the FETCH does not make a mail that vanished look fetched."""

    assert [] == fetched(b"* 1 FETCH (UID 7 FLAGS ())\r\n" + DONE)


def test_extra_headers_come_in_a_section_of_their_own() -> None:
    """The constant section is followed by the extra one, and both make one header."""
    second = b" BODY[HEADER.FIELDS (X-SPAM)] " + literal(b"X-Spam: yes\r\n\r\n")
    response = usual(7)[: -len(b")\r\n")] + second + b")\r\n"

    expected = [mail(header=b"From: a@example.org\r\nX-Spam: yes\r\n\r\n")]
    assert expected == fetched(response + DONE, extra=("X-Spam",))
    assert expected == fetched(response[:-5], response[-5:] + DONE, extra=("X-Spam",))


def test_the_first_section_never_changes() -> None:
    """Extra headers do not touch the list the server has cached; known ones are not asked twice."""

    assert fetch_items()[:-1] == fetch_items(["X-Spam", "Subject"])[: len(fetch_items()) - 1]
    assert fetch_items(["Subject"]) == fetch_items()


@pytest.mark.parametrize("name", ["", "a b", "X\r\nA9 EXPUNGE", "x)", "é"])
def test_only_field_names_are_asked_for(name: str) -> None:
    """A rule cannot smuggle a command into the list of headers."""
    with pytest.raises(ValueError, match="header field"):
        fetch_items([name])


@pytest.mark.parametrize("cut", [20, 200, 5_000])
def test_a_header_over_the_limit_is_cut_and_says_so(cut: int) -> None:
    """Of a huge header the first octets are kept, the rest is read away, and the next mail is read as usual."""
    stream = usual(7, b"x" * 10_000) + usual(8) + DONE
    session, _ = session_with(*(stream[at : at + cut] for at in range(0, len(stream), cut)), max_header_bytes=100)
    (mails,) = session.fetch([range(7, 9)])

    assert [mail(7, b"x" * 100, truncated=True), mail(8)] == mails


def test_a_mail_of_sixty_megabytes_does_not_fill_the_memory() -> None:
    """Of a literal over the limit no more is ever held than the limit."""
    part = b"x" * 262_144
    size = 240 * len(part)
    head = usual(7, b"").removesuffix(b"{0}\r\n)\r\n")
    session, _ = session_with(head + b"{%d}\r\n" % size, *([part] * 240), b")\r\n" + DONE)
    tracemalloc.start()
    (mails,) = session.fetch([[7]])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [(1024 * 1024, True)] == [(len(found.header), found.header_truncated) for found in mails]
    assert peak < 8 * 1024 * 1024


def test_the_next_chunk_is_asked_for_before_one_is_read() -> None:
    """Two FETCHes are in flight, and each mail lands in the chunk that asked for it."""
    session, fake = session_with(usual(7) + DONE + usual(9) + b"A2 OK\r\n" + usual(11) + b"A3 OK\r\n")
    conversation = session.fetch([range(7, 9), [9, 10], range(11, 13)])
    first = next(conversation)

    assert [mail(7)] == first
    assert [b"A1 UID FETCH 7:8 ", b"A2 UID FETCH 9:10 "] == [line.partition(b"(")[0] for line in fake.sent.splitlines()]
    assert [[mail(9)], [mail(11)]] == list(conversation)


def test_a_mail_of_the_next_chunk_may_come_early() -> None:
    """A server that answers two FETCHes at once loses us nothing."""
    session, _ = session_with(usual(7) + usual(9) + b"A2 OK\r\n" + DONE)

    assert [[mail(7)], [mail(9)]] == list(session.fetch([[7], [9]]))


def test_an_answer_that_is_no_imap_is_refused() -> None:
    """A FETCH that even the general parser cannot read ends the work with BadAnswer."""
    with pytest.raises(BadAnswer):
        fetched(b"* 1 FETCH (UID 7 FLAGS (\r\n" + DONE)


@pytest.mark.parametrize(
    "text", [b"", b"17-Xyz-2026 02:44:25 -0700", b"17/Jul/2026 02:44:25 -0700", b"17-Jul-2026 02:44:25  0700"]
)
def test_dates_are_read_strictly(text: bytes) -> None:
    """What is no INTERNALDATE is an error."""
    with pytest.raises((ValueError, KeyError)):
        internaldate(text)


def test_single_digit_days_are_padded_with_a_space() -> None:
    """The day has a fixed width (RFC 9051 date-day-fixed)."""

    assert dt.datetime(2026, 1, 3, 0, 0, 1, tzinfo=dt.UTC) == internaldate(b" 3-Jan-2026 00:00:01 +0000")
