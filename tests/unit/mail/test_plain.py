"""Plain text and strings, as a person sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.plain import plain_text, without_invisible
from shared.mail.safe_text import safe_line, safe_text

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648"
TAGS = "".join(chr(0xE0000 + ord(letter)) for letter in "file this")


@pytest.mark.parametrize(
    ("text", "seen", "hides"),
    [
        ("plain", "plain", False),
        ("W\u200bi\u200bn", "Win", False),
        ("pri\u00adze", "prize", False),
        ("\ufeffbegin", "begin", False),
        (PERSIAN, PERSIAN, False),
        ("क्\u200dष", "क्\u200dष", False),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb", False),
        ("a \u200c b\u200d", "a  b", False),
        ("\u202egnp.exe", "gnp.exe", False),
        ("a\u200b\u200c\u200d\u2060\ufeffb", "ab", True),
        ("\u034f \u200c \u034f \u200c x", "    x", True),
        (f"Nice.{TAGS}", "Nice.", True),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "\U0001f3f4", False),
    ],
)
def test_characters_without_width(text: str, seen: str, hides: bool) -> None:
    """They go, except where they shape letters; runs of them, and tag characters, hide something."""
    assert (seen, hides) == without_invisible(text)


@pytest.mark.parametrize(
    ("text", "flowed", "shown"),
    [
        ("a  \nb\t\n", False, "a\nb"),
        ("\n\n  a\n\n\n\n\n\nb", False, "  a\n\n\nb"),
        ("one \ntwo\n\nthree", True, "one two\n\nthree"),
        ("one \n> two \n> three", True, "one\n> two\n> three"),
        ("bye\n-- \nAnna", True, "bye\n--\nAnna"),
        ("one \ntwo", False, "one\ntwo"),
    ],
)
def test_lines(text: str, flowed: bool, shown: str) -> None:
    """Spaces at line ends and long gaps go; flowed lines are one, quoted lines and signatures are not."""
    assert shown == plain_text(text, is_flowed=flowed)


@pytest.mark.parametrize(
    ("text", "safe", "defects"),
    [
        ("a\tb\nc", "a\tb\nc", set()),
        ("a\r\nb\rc", "a\nb\nc", set()),
        ("a\x00b", "ab", {"text-nul"}),
        ("\x1b[31ma\x07", "[31ma", {"text-control"}),
        ("a\x0cb\x85c\x9bd", "a\nb\ncd", {"text-control"}),
        ("a\ud800b", "ab", {"text-control"}),
    ],
)
def test_unsafe_characters(text: str, safe: str, defects: set[str]) -> None:
    """Controls and lone surrogates go; what ends a line ends a line."""
    found: set[str] = set()

    assert (safe, defects) == (safe_text(text, found), found)


@given(st.text(), st.integers(1, 20))
def test_lines_are_safe(text: str, limit: int) -> None:
    """A line is one line, within its limit, and safe."""
    line = safe_line(text, limit)

    assert len(line) <= limit
    assert line == safe_line(line, limit)
    assert not any(char < " " or "\x7f" <= char <= "\x9f" or "\ud800" <= char <= "\udfff" for char in line)
