"""Cutting the byte streams of IMAP into lines and literals."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.wire import LITERAL, Pieces, command_name, expand, selected_mailbox, uid_set

STREAM = b"A1 LOGIN {3}\r\nada {4+}\r\n\r\n\r\n\r\nA2 NOOP\r\nA3 APPEND x {0}\r\n\r\nA4 NOOP\r\n"


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_chunks_do_not_matter(cuts: list[int]) -> None:
    """However the stream is cut, nothing is lost and the same commands begin."""
    pieces, edges = Pieces(LITERAL), sorted({0, *cuts, len(STREAM)})

    found = [piece for start, end in itertools.pairwise(edges) for piece in pieces.feed(STREAM[start:end])]

    assert STREAM == b"".join(piece.data for piece in found)
    assert [b"A1", b"A2", b"A3", b"A4"] == [piece.data[:2] for piece in found if piece.starts]
    assert 4 == sum(piece.ends for piece in found)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"a1 uid move 1:2 Archive\r\n", (b"a1", "UID MOVE")),
        (b"a2 select INBOX\r\n", (b"a2", "SELECT")),
        (b"DONE\r\n", None),
        (b"AGFkYQBzZWNyZXQ=\r\n", None),
    ],
)
def test_command_names(line: bytes, expected: tuple[bytes, str] | None) -> None:
    """A line within a command has no name."""

    assert expected == command_name(line)


@pytest.mark.parametrize(("text", "expected"), [("1:3,7", [1, 2, 3, 7]), ("5:4", [4, 5]), ("", []), ("9,12:*", [9])])
def test_expand(text: str, expected: list[int]) -> None:
    """Ranges are taken either way round, an open one counts nothing."""

    assert expected == expand(text)


def test_only_uid_commands_that_change_mail_have_a_set() -> None:
    """Arguments of other commands are not kept."""

    assert "1:4" == uid_set(b'A1 UID COPY 1:4 "A b"\r\n', "UID COPY")
    assert "" == uid_set(b"A1 LOGIN ada secret\r\n", "LOGIN")


@pytest.mark.parametrize("line", [b'A1 SELECT "My mail" (CONDSTORE)\r\n', b'A1 SELECT "My mail"\r\n'])
def test_selected_mailbox(line: bytes) -> None:
    """Quotes and parameters are no part of a mailbox's name."""

    assert "My mail" == selected_mailbox(line)
