"""Any bytes -> an Email: within limits, without an exception, with strings that every store bears."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mail.email import Email
from shared.mail.identity import identity_hash
from shared.mail.limits import MAX_ATTACHMENTS, MAX_DEFECTS, MAX_MESSAGE_BYTES, MAX_TEXT_CHARS
from shared.mail.parse import parse_email

WHEN = dt.datetime(2026, 11, 3, 9, 11, 12, tzinfo=dt.UTC)
HEAD = b"From: a@b.example\r\nSubject: s\r\nDate: Tue, 3 Nov 2026 09:11:12 +0100\r\n"

FIELDS = (b"From", b"To", b"Date", b"Content-Type", b"Content-Disposition", b"Content-Transfer-Encoding", b"List-Id")
VALUES = (
    b" ", b"a", b'"', b"(", b"<", b";", b"; ", b';a="', b"=?utf-8?q?a?= ", b"=?utf-8?b?", b",", b"a@b, ", b"\\", b"\n ",
    b"1", b"a1 ", b"1:", b"*0*=", b";a*0*=%41", b"\xe9", b"\x1b$B", b"; a b", b"()", b"x* ", b"\x00", b"::",
)  # fmt: skip
HTML = (
    b"<div>", b"<b a=1>", b"<p><b>", b"<a ", b'<a "', b"<a b='", b"<!--", b"<", b"</", b"<table><tr><td>", b"<style>",
    b"<style>.a{display:none}</style>", b"<script>", b"&", b"&#x41", b"&nbsp;", b" ", b"\n", b'<div style="', b"<li>",
    b'<div style="/*', b'<div style="color:red">', b"<pre>\n", b"x<div hidden>", b"<i></b>", b"<meta charset=", b"</q>",
)  # fmt: skip
PARTS = (
    b"--\n", b"--a\n", b"--a--\n", b"--a\n\nx\n", b"--a\nContent-Type: multipart/mixed; boundary=a\n\n", b"--a\nX: y\n",
    b"--aContent-\n", b"--a\nz\nX: y\n", b"--a\nContent-Type: multipart/mixed\n\n", b"--ax\nContent-type: a\n",
    b"--a\nContent-Type: text/html\n\n<div>", b"--a\n\nbegin 644 x\n",
)  # fmt: skip
BODIES = (b"=", b"=\n", b"= ", b"=41", b"AA==\n", b"A!", b"begin 644 x\n", b" \n", b"> \n", b"www.", b"a@", b"1 ")
SAFE_CONTROLS = "\t\n"


def strings(email: Email) -> list[str]:
    """Every string of a mail."""
    people = [*email.from_, *email.to, *email.cc, *email.bcc, *email.reply_to]
    return [
        *email.headers,
        *(value for values in email.headers.values() for value in values),
        *(text for person in people for text in (person.name, person.address)),
        *(text for file in email.attachments for text in (file.name, file.type)),
        *(text for defect in email.defects for text in (defect.code, defect.where)),
        *(email.message_id, email.subject, email.list_id, email.text, *email.list_headers.values()),
    ]


def is_safe(text: str) -> bool:
    """Whether PostgreSQL and a terminal bear it."""
    text.encode("utf-8")
    return all(char.isprintable() or char in SAFE_CONTROLS or char > "\x9f" for char in text)


def check(email: Email) -> None:
    """Assert what holds of every mail."""
    assert [] == [text for text in strings(email) if not is_safe(text)]
    assert len(email.text) <= MAX_TEXT_CHARS
    assert len(email.attachments) <= MAX_ATTACHMENTS
    assert len(email.defects) <= MAX_DEFECTS
    assert all(file.bytes >= 0 for file in email.attachments)
    assert email.date is None or email.date.isoformat()
    assert email.content_key == email.content_key


def html(body: bytes) -> bytes:
    return HEAD + b"Content-Type: text/html\r\n\r\n" + body


def multipart(body: bytes) -> bytes:
    return HEAD + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + body


def hostile_mails() -> list[bytes]:
    size = 400_000
    fields = [
        name + b": " + (b"text/plain" if name == b"Content-Type" else b"") + value * (size // 4 // len(value))
        for name in FIELDS
        for value in VALUES
    ]
    deep = b"".join(b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (n, n + 1) for n in range(4_000))
    names = b'--a\nContent-Type: a/b; name="' + b"=?utf-8?q?x?= " * 600 + b'"\n\nx\n'
    return [
        *(HEAD + field + b"\r\n\r\nbody" for field in fields),
        *(html(piece * (size // len(piece))) for piece in HTML),
        *(multipart(piece * (size // len(piece))) for piece in PARTS),
        *(HEAD + b"\r\n" + piece * (size // len(piece)) for piece in BODIES),
        *(HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + piece * (size // len(piece)) for piece in BODIES),
        *(HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + p * (size // len(p)) for p in BODIES),
        HEAD + b"Content-Type: multipart/mixed; boundary=b0\n\n" + deep,
        multipart(names * 200),
        multipart((b"--a\nContent-Type: text/html\n\n" + b"<i>" * 20_000 + b"\n") * 20),
    ]


def test_what_the_headers_say() -> None:
    """Addresses, date, list fields and identifiers are read from their fields."""
    mail = parse_email(
        b"From: A <a@b.example>, c@d.example\r\nTo: e@f.example\r\nCc: g@h.example\r\nBcc: i@j.example\r\n"
        b"Reply-To: k@l.example\r\nDate: Tue, 3 Nov 2026 09:11:12 +0100\r\nMessage-ID: <1@x>\r\nSubject: s\r\n"
        b"List-Id: A list <list.example>\r\nList-Post: <mailto:x@y>\r\n\r\nHello\r\n"
    )

    people = (mail.from_, mail.to, mail.cc, mail.bcc, mail.reply_to)
    assert [["a@b.example", "c@d.example"], ["e@f.example"], ["g@h.example"], ["i@j.example"], ["k@l.example"]] == [
        [person.address for person in kind] for kind in people
    ]
    assert ("<1@x>", "s", "list.example", "Hello", ()) == (
        mail.message_id,
        mail.subject,
        mail.list_id,
        mail.text,
        mail.defects,
    )
    assert dt.datetime(2026, 11, 3, 8, 11, 12, tzinfo=dt.UTC) == mail.date
    assert {"list-id": "A list <list.example>", "list-post": "<mailto:x@y>"} == mail.list_headers


def test_a_list_identifier_cannot_be_put_before_the_real_one() -> None:
    """What a phrase holds is not the identifier: the last angle brackets are (RFC 2919 section 3)."""
    mail = parse_email(HEAD + b"List-Id: =?utf-8?q?=3Cgood=2Eexample=3E?= <evil.example>\r\n\r\n")

    assert "evil.example" == mail.list_id


def test_the_identity_is_that_of_the_header_fetch() -> None:
    """The identity hash hangs on raw fields, size and INTERNALDATE, as it does when only the header is fetched."""
    octets = HEAD + b"\r\nHello"
    expected = identity_hash(
        message_id="",
        date="Tue, 3 Nov 2026 09:11:12 +0100",
        sender="a@b.example",
        subject="s",
        size=len(octets),
        internaldate=WHEN,
    )

    assert expected == parse_email(octets, internaldate=WHEN).identity_hash
    assert expected == parse_email(octets[:-2], internaldate=WHEN, truncated=True, size=len(octets)).identity_hash
    assert expected != parse_email(octets).identity_hash


@pytest.mark.parametrize("octets", [b"", b"\r\n", b"\x00" * 9])
def test_nothing_is_unparseable(octets: bytes) -> None:
    """A mail without any field and any text says so; one with either does not."""
    assert "unparseable" in {defect.code for defect in parse_email(octets).defects}
    assert "unparseable" not in {defect.code for defect in parse_email(octets + b"x").defects}


def test_a_huge_mail_is_cut() -> None:
    """What comes after the limit is not looked at, and the mail says so."""
    head = (
        HEAD + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nHello\r\n--a\r\nContent-Type: x/y\r\n\r\n"
    )
    mail = parse_email(head + b"\x00" * MAX_MESSAGE_BYTES)

    assert ("Hello", True) == (mail.text, mail.text_truncated)
    assert [MAX_MESSAGE_BYTES - len(head)] == [file.bytes for file in mail.attachments]
    assert ["message-too-long"] == [defect.code for defect in mail.defects]


@pytest.mark.parametrize("where", ["", "\ufeff", "\r\n\r\n"])
def test_what_stands_before_the_first_field_is_passed_over(where: str) -> None:
    """A byte order mark or empty lines at the top hide no header."""
    assert "s" == parse_email(where.encode() + HEAD + b"\r\nHello").subject


@pytest.mark.parametrize("octets", hostile_mails(), ids=lambda octets: repr(octets[len(HEAD) :][:60]))
def test_hostile_mails_are_read(octets: bytes) -> None:
    """Repetitions of what is expensive to a naive parser are read within limits; were one not linear, it would hang."""
    check(parse_email(octets))


@settings(deadline=None)
@given(st.binary(max_size=2_000), st.booleans())
def test_any_bytes_are_read(octets: bytes, truncated: bool) -> None:
    """Whatever comes, a mail comes back."""
    check(parse_email(octets, truncated=truncated))


TOKENS = st.one_of(
    st.sampled_from([*FIELDS, *VALUES, *HTML, *PARTS, *BODIES]),
    st.sampled_from([b"\r\n", b"\n", b"\r", b": ", b"=", b"; boundary=a", b"; charset=utf-16", b"; charset=utf-7"]),
    st.sampled_from([b"multipart/alternative", b"text/html", b"message/rfc822", b"base64", b"quoted-printable"]),
    st.sampled_from([b"\xff\xfe", b"\xed\xa0\x80", b"&#xD800;", b"&#0;", b"\x85", b"\xe2\x80\x8b", b"display:none"]),
    st.binary(max_size=8),
)
PART = st.tuples(
    st.sampled_from(
        [b"text/plain", b"text/html", b"multipart/mixed; boundary=a", b"image/png; name=x", b"broken", b""]
    ),
    st.sampled_from([b"7bit", b"base64", b"quoted-printable", b"uuencode", b"x-none", b""]),
    st.sampled_from([b"utf-8", b"utf-16", b"iso-2022-jp", b"utf-7", b"hz", b"rot13", b"none", b""]),
    st.lists(TOKENS, max_size=12).map(b"".join),
).map(
    lambda part: (
        b"--a\r\nContent-Type: %s; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n%s\r\n"
        % (part[0], part[2], part[1], part[3])
    )
)
MAILS = st.tuples(
    st.lists(st.tuples(st.sampled_from(FIELDS), st.lists(TOKENS, max_size=6).map(b"".join)), max_size=6).map(
        lambda fields: b"".join(b"%s: %s\r\n" % field for field in fields)
    ),
    st.sampled_from([b"mixed", b"alternative", b"related", b"digest", b"report"]),
    st.lists(PART, max_size=6).map(b"".join),
    st.sampled_from([b"--a--\r\n", b"", b"--a--", b"--a"]),
).map(lambda mail: b"%sContent-Type: multipart/%s; boundary=a\r\n\r\n%s%s" % mail)


@settings(deadline=None)
@given(MAILS, st.integers(min_value=0, max_value=2_000))
def test_any_mail_is_read(octets: bytes, cut: int) -> None:
    """Mails that look like mails, with anything in any place, are read whole and cut anywhere."""
    check(parse_email(octets))
    check(parse_email(octets[:cut], truncated=True))
