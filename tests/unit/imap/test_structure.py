"""BODYSTRUCTURE as servers send it, and as they should not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.nested import Value, fetched_items
from shared.imap.structure import read_structure
from shared.imap.wire import Response
from shared.mail.limits import MAX_ATTACHMENTS, MAX_PARTS
from shared.records import Attachment

PLAIN = b'("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 11 1 NIL NIL NIL NIL)'
HTML = b'("TEXT" "HTML" NIL NIL NIL "BASE64" 780 10 NIL ("INLINE" NIL) NIL)'
INVITE = (
    b'("text" "calendar" ("method" "REQUEST") NIL NIL "base64" 780 10 NIL'
    b' ("attachment" ("filename" "invite.ics")) NIL NIL)'
)
ENVELOPE = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


def attachments(structure: bytes) -> list[tuple[str, str, int]] | None:
    found = fetched_items(Response([b"* 1 FETCH (UID 1 BODYSTRUCTURE " + structure + b")"], []))
    assert found is not None
    read = read_structure(found[1][b"BODYSTRUCTURE"])
    return None if read is None else [(one.name, one.type, one.bytes) for one in read]


def test_what_is_not_the_text_is_attached() -> None:
    """Text and HTML are what a person reads; the size of base64 is that of its content."""

    mixed = b'((%b%b "alternative" NIL NIL NIL)%b "mixed" ("boundary" "x") NIL NIL)' % (PLAIN, HTML, INVITE)
    assert [("invite.ics", "text/calendar", 570)] == attachments(mixed)
    assert [] == attachments(PLAIN)


def test_a_text_with_a_file_name_is_attached() -> None:
    """So is one whose disposition says so; but what comes first is what a person reads."""
    named = b'("text" "plain" ("name" "notes.txt") NIL NIL "7bit" 11 1)'
    said = b'("text" "html" NIL NIL NIL "7bit" 11 1 NIL ("attachment" NIL) NIL NIL)'

    expected = [("notes.txt", "text/plain", 11), ("", "text/html", 11)]
    assert expected == attachments(b'(%b%b%b "mixed")' % (PLAIN, named, said))
    assert [] == attachments(b'(%b%b "mixed")' % (named, PLAIN))


def test_what_html_shows_is_attached() -> None:
    """In multipart/related only the first part is text."""

    assert [("", "text/html", 570)] == attachments(b'(%b%b "related")' % (HTML, HTML))


def test_enriched_text_is_text_where_there_is_no_other() -> None:
    """Beside plain text or HTML it is a part of its own."""
    enriched = b'("text" "enriched" NIL NIL NIL "7bit" 11 1)'

    assert [] == attachments(enriched)
    assert [("", "text/enriched", 11)] == attachments(b'(%b%b "alternative")' % (PLAIN, enriched))


def test_a_mail_in_a_mail_is_one_attachment() -> None:
    """Nobody looks into it; its disposition is found behind envelope, structure and lines."""
    inner = (
        b'("message" "rfc822" NIL NIL NIL "7bit" 999 %b (%b%b "mixed") 9 NIL ("attachment" ("filename" "a.eml")))'
        % (
            ENVELOPE,
            PLAIN,
            INVITE,
        )
    )

    assert [("a.eml", "message/rfc822", 999)] == attachments(b'(%b%b "mixed")' % (PLAIN, inner))


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (b'"filename*" "utf-8\'\'%C3%A9t%C3%A9.pdf"', "été.pdf"),
        (b'"filename*0*" "utf-8\'\'%C3%A9" "filename*1" "t.pdf"', "ét.pdf"),
        (b'"filename" "=?utf-8?q?=C3=A9t=C3=A9.pdf?="', "été.pdf"),
        (b'"filename" "a \\"b\\"; c=d.pdf"', 'a "b"; c=d.pdf'),
        ('"filename" "été.pdf"'.encode(), "été.pdf"),
        (b'"filename" "a\x00b\x1b[1mc.pdf"', "ab[1mc.pdf"),
        (b'"filename" "%b"' % (b"x" * 5000), "x" * 255),
        (b'"filename" "C:\\\\Temp\\\\a.pdf"', "a.pdf"),
    ],
)
def test_names_are_decoded_as_in_a_mail(parameters: bytes, name: str) -> None:
    """RFC 2231, encoded words, raw octets; safe to store and to show."""
    part = b'("application" "pdf" NIL NIL NIL "7bit" 5 NIL ("attachment" (%b)) NIL NIL)' % parameters

    assert [(name, "application/pdf", 5)] == attachments(part)


@pytest.mark.parametrize(
    "structure",
    [
        b"NIL",
        b"x",
        b"()",
        b'("text" "plain")',
        b'("text" "plain" NIL NIL "7bit" 5)',
        b'((NIL) "mixed")',
        b'(x "mixed")',
    ],
)
def test_what_is_no_structure_is_none(structure: bytes) -> None:
    """A structure that cannot be read is not one without attachments."""

    assert attachments(structure) is None


def test_numbers_and_depth_are_bounded() -> None:
    """Many parts, many levels, a size beyond all numbers; of an endless structure nothing is claimed."""
    part = b'("a" "b" NIL NIL NIL "7bit" 99999999999999999999)'

    many = MAX_PARTS - 1
    assert min(many, MAX_ATTACHMENTS) == len(attachments(b'(%b "mixed")' % (part * many)) or [])
    assert [("", "a/b", 2**53)] == attachments(b"(" * many + part + b' "mixed")' * many)
    assert attachments(b'(%b "mixed")' % (part * 10_000)) is None
    assert attachments(b"(" * 10_000 + part + b' "mixed")' * 10_000) is None


values: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.binary(max_size=12), lambda inner: st.lists(inner, max_size=12), max_leaves=40
)


@given(values)
def test_anything_is_answered(structure: Value) -> None:
    """Whatever was nested how, there are attachments or None."""
    found = read_structure(structure)

    assert found is None or all(isinstance(one, Attachment) for one in found)
