"""Responses as nested values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.nested import MAX_TOKENS, fetched_items
from shared.imap.wire import Response


def line(text: bytes) -> Response:
    return Response([text], [])


def test_items_are_read_by_name() -> None:
    """Atoms, NIL, quoted strings, lists and literals, names in upper case."""
    response = Response(
        [
            b'* 1 fetch (uid 7 FLAGS (\\Seen $x) X "a \\"b\\"\\\\" Y NIL body[header.fields (A B)] {2}',
            b" Z ({3}",
            b"))",
        ],
        [b"\r\n", b"(x)"],
    )

    expected = {
        b"UID": b"7",
        b"FLAGS": [b"\\Seen", b"$x"],
        b"X": b'a "b"\\',
        b"Y": None,
        b"BODY[HEADER.FIELDS (A B)]": b"\r\n",
        b"Z": [b"(x)"],
    }
    assert (7, expected) == fetched_items(response)


def test_a_quoted_nil_is_a_text() -> None:
    """Only the atom is NIL."""

    assert (1, {b"UID": b"1", b"X": b"NIL"}) == fetched_items(line(b'* 1 FETCH (UID 1 X "NIL")'))


@pytest.mark.parametrize(
    "text",
    [
        b"* 3 EXISTS",
        b"* 1 FETCH (FLAGS ())",
        b"* 1 FETCH (UID x)",
        b"* 1 FETCH (UID (1))",
        b"* 1 FETCH (UID 1 FLAGS)",
        b"* 1 FETCH (UID 1 (A) B)",
        b"* 1 FETCH (UID 1 X (((((",
        b"* 1 FETCH (UID 1 X )))))",
        b'* 1 FETCH (UID 1 X "abc)',
        b"* 1 FETCH (UID 1) (UID 2)",
        b"* 1 FETCH UID 1",
        b"* 1 FETCH (UID 1 X {5})",
        b"* 1 FETCH ",
        b"* 1 FETCH (UID " + b"9" * 5000 + b")",
        b"* 1 FETCH (UID 1 X (" + b"a " * MAX_TOKENS + b"))",
    ],
)
def test_what_is_no_fetch_response_is_none(text: bytes) -> None:
    """Other responses, and what is no IMAP, are passed over."""

    assert fetched_items(line(text)) is None


@given(st.binary(max_size=300), st.lists(st.binary(max_size=10), max_size=3))
def test_any_bytes_are_answered(text: bytes, literals: list[bytes]) -> None:
    """Nothing raises, whatever the lines and literals are."""
    lines = [b"* 1 FETCH (" + text, *(text for _ in literals)]
    found = fetched_items(Response(lines, literals))

    assert found is None or isinstance(found[0], int)


@pytest.mark.parametrize("hostile", [b"(" * 500_000, b'"\\' * 500_000, b"a[" * 500_000, b"x{1" * 500_000, b" " * 10**6])
def test_long_nonsense_is_given_up(hostile: bytes) -> None:
    """A megabyte of openings ends with None, in one pass: a quadratic one would not end."""

    assert fetched_items(line(b"* 1 FETCH (UID 1 X " + hostile)) is None
