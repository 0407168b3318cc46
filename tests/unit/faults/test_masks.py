"""What the lesser servers of the proxy say, line by line."""

import pytest

from tests.faults.masks import Mask


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("MOVE", b"A1 UID MOVE 1 x\r\n"),
        ("UIDPLUS", b"A1 UID EXPUNGE 1\r\n"),
        ("CONDSTORE", b"A1 UID FETCH 1:* (FLAGS) (CHANGEDSINCE 9)\r\n"),
        ("CONDSTORE", b"A1 SELECT INBOX (CONDSTORE)\r\n"),
        ("CONDSTORE", b"A1 STATUS INBOX (UIDNEXT HIGHESTMODSEQ)\r\n"),
        ("SPECIAL-USE", b'A1 LIST "" "*" RETURN (SPECIAL-USE)\r\n'),
        ("LIST-STATUS", b'A1 LIST "" "*" RETURN (STATUS (UIDNEXT))\r\n'),
        ("LIST-EXTENDED", b'A1 LIST "" "*" RETURN (STATUS (UIDNEXT))\r\n'),
        ("ESEARCH", b"A1 UID SEARCH RETURN (ALL) ALL\r\n"),
        ("IDLE", b"A1 IDLE\r\n"),
        ("NAMESPACE", b"A1 NAMESPACE\r\n"),
    ],
)
def test_a_masked_command_is_refused_in_its_turn(word: str, line: bytes) -> None:
    """The server gets a NOOP with the tag, whose answer becomes BAD; without the mask the line is untouched."""
    masked = Mask(words=frozenset({word})).command(line, "INBOX")
    untouched = Mask(words=frozenset()).command(line, "INBOX")

    assert (b"A1 NOOP\r\n", b"BAD") == (masked.line, (masked.answer or b"")[:3])
    assert (line, None) == (untouched.line, untouched.answer)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"* CAPABILITY IMAP4rev1 MOVE UIDPLUS\r\n", b"* CAPABILITY IMAP4rev1\r\n"),
        (b"A OK [CAPABILITY MOVE IMAP4rev1 X-MOVE] in\r\n", b"A OK [CAPABILITY IMAP4rev1 X-MOVE] in\r\n"),
        (b"* OK [COPYUID 9 1 2] Moved.\r\n", b"* OK Moved.\r\n"),
        (b"A OK [HIGHESTMODSEQ 12] Done.\r\n", b"A OK Done.\r\n"),
        (b"* OK [HIGHESTMODSEQ 12] Highest\r\n", b""),
        (b'* LIST (\\HasNoChildren \\Junk) "/" Junk\r\n', b'* LIST (\\HasNoChildren) "/" Junk\r\n'),
        (b'* LIST (\\Sent \\HasNoChildren) "/" "\\\\Sent"\r\n', b'* LIST (\\HasNoChildren) "/" "\\\\Sent"\r\n'),
    ],
)
def test_masked_words_leave_the_answers(line: bytes, expected: bytes) -> None:
    """Capabilities, response codes and attributes that belong to a masked word are taken out."""
    mask = Mask(words=frozenset({"MOVE", "UIDPLUS", "CONDSTORE", "SPECIAL-USE"}))

    assert expected == mask.response(line, "INBOX")


def test_system_flags_beside_a_silent_keyword_are_stored() -> None:
    """A server that loses keywords keeps what it knows."""
    rewritten = Mask(words=frozenset(), keywords="silent").command(b"A1 UID STORE 1 +FLAGS (\\Seen $X)\r\n", "INBOX")

    assert b"A1 UID STORE 1 +FLAGS (\\Seen)\r\n" == rewritten.line


def test_dropped_keywords_show_until_they_are_removed() -> None:
    """Within the connection each FETCH shows a keyword with its mail and mailbox only."""
    mask = Mask(words=frozenset(), keywords="dropped")
    line = b"* 1 FETCH (UID 4 FLAGS (\\Seen))\r\n"

    mask.command(b"A1 UID STORE 4 +FLAGS.SILENT ($X)\r\n", "INBOX")
    shown = mask.response(line, "INBOX"), mask.response(line, "Archive")
    mask.command(b"A2 UID STORE 4 -FLAGS.SILENT ($X)\r\n", "INBOX")

    assert (b"* 1 FETCH (UID 4 FLAGS (\\Seen $X))\r\n", line) == shown
    assert line == mask.response(line, "INBOX")
