"""What came of a wish: each part is there, or unavailable with a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.parts import GONE, NOT_GIVEN, arrived_parts
from shared.records import Attachment, FetchedParts, PartsWish

PDF = (Attachment(name="a.pdf", type="application/pdf", bytes=5),)
HTML = b"Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"


def wish(*parts: str) -> PartsWish:
    return PartsWish(email_id=1, uid=7, parts=frozenset(parts))


def test_what_came_is_decoded() -> None:
    """Text as a person reads it, fields by lower-case name; one that the mail lacks is known to be absent."""
    fetched = FetchedParts(
        uid=7,
        content=HTML,
        text=b"<p>Caf=E9<style>p {}</style>",
        header=b"X-A: =?utf-8?q?=C3=A9?=\r\n",
        attachments=PDF,
    )
    found = arrived_parts(wish("text", "structure", "header:x-a", "header:x-b"), fetched)

    assert ("Café", PDF, {"x-a": ["é"], "x-b": []}) == (found.text, found.attachments, found.headers)
    assert (frozenset(), "") == (found.unavailable, found.why)


def test_what_was_not_wished_is_left_out() -> None:
    """A server may say more than it was asked."""
    fetched = FetchedParts(uid=7, content=b"\r\n", text=b"Hi", header=b"X-A: 1\r\n\r\n", attachments=PDF)
    found = arrived_parts(wish("header:x-a"), fetched)

    assert (None, None, {"x-a": ["1"]}) == (found.text, found.attachments, found.headers)


@pytest.mark.parametrize(
    ("fetched", "unavailable", "why"),
    [
        (None, {"text", "structure", "header:x-a"}, GONE),
        (FetchedParts(uid=7), {"text", "structure", "header:x-a"}, NOT_GIVEN),
        (FetchedParts(uid=7, text=b"Hi", header=b"\r\n", attachments=()), {"text"}, NOT_GIVEN),
        (FetchedParts(uid=7, content=b"\r\n", attachments=()), {"text", "header:x-a"}, NOT_GIVEN),
    ],
)
def test_what_did_not_come_is_unavailable(fetched: FetchedParts | None, unavailable: set[str], why: str) -> None:
    """A text without the fields that say how to read it did not come."""
    found = arrived_parts(wish("text", "structure", "header:x-a"), fetched)

    assert (unavailable, why, None) == (set(found.unavailable), found.why, found.text)


@given(st.binary(max_size=200), st.binary(max_size=500), st.binary(max_size=200), st.booleans())
def test_any_bytes_arrive(content: bytes, text: bytes, header: bytes, truncated: bool) -> None:
    """Whatever the octets are, each part came, and is safe to store."""
    fetched = FetchedParts(uid=7, content=content, text=text, text_truncated=truncated, header=header)
    found = arrived_parts(wish("text", "header:x-a"), fetched)

    assert frozenset() == found.unavailable
    assert "\x00" not in (found.text or "") + "".join(found.headers["x-a"])
