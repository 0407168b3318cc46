"""The pictures of the README: the same words make the same picture, which asks nobody for anything."""

import re
from pathlib import Path

import pytest

from scripts.picture import picture

ROOT = Path(__file__).resolve().parents[2]
PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.svg"))
ADDRESS = re.compile(r"https?://(?!www\.w3\.org/2000/svg|127\.0\.0\.1)")


def test_what_differs_from_run_to_run_is_left_out() -> None:
    """Ports, clock times and speed make no new picture."""
    first = "\x1b[1mready\x1b[0m at 127.0.0.1:4711\n2026-03-01 12:00:00 moved\n  47 mails/s from inbox to their place\n"
    second = "\x1b[1mready\x1b[0m at 127.0.0.1:815\n2027-12-31 23:59:59 moved\n  9 mails/s from inbox to their place\n"

    assert picture("demo", "make demo", first) == picture("demo", "make demo", second)


def test_words_and_weight_are_kept() -> None:
    """What was printed is what is drawn."""
    drawn = picture("demo", "make demo", "\x1b[1mapply\x1b[0m  237 mails filed\n")

    assert all(word in drawn for word in ("make&#160;demo", "apply", "237&#160;mails&#160;filed", "font-weight: bold"))


@pytest.mark.parametrize("drawn", [picture("x", "x", "x"), *(path.read_text(encoding="utf-8") for path in PICTURES)])
def test_a_picture_loads_nothing(drawn: str) -> None:
    """No font and no script comes from elsewhere."""
    assert ADDRESS.search(drawn) is None
