"""Moments as people write them."""

import datetime as dt

import click
import pytest

from shared.cli.choice import Moment
from shared.cli.shown import on_one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", dt.datetime(2026, 3, 1, tzinfo=dt.UTC)),
        ("2026-03-01T12:30", dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)),
        ("2026-03-01T12:30+02:00", dt.datetime(2026, 3, 1, 10, 30, tzinfo=dt.UTC)),
    ],
)
def test_dates(text: str, expected: dt.datetime) -> None:
    """A day begins at midnight, UTC unless said otherwise."""
    assert expected == Moment().convert(text, None, None)


@pytest.mark.parametrize(("text", "days"), [("7d", 7), ("2w", 14), ("1 week", 7), ("1y", 365)])
def test_ages(text: str, days: int) -> None:
    """An age counts back from now."""
    moment = Moment().convert(text, None, None)

    assert days == (dt.datetime.now(dt.UTC) - moment).days


@pytest.mark.parametrize("text", ["", "soon", "30", "2026-02-30", "999999999999y", "9000y", "7q"])
def test_nonsense(text: str) -> None:
    """What is neither is a usage error, however large its number is."""
    with pytest.raises(click.BadParameter):
        Moment().convert(text, None, None)


@pytest.mark.parametrize(("text", "shown"), [("a\nb\x1b", "a�b�"), ("x" * 10, "xxxx…"), ("", "")])
def test_strangers_texts(text: str, shown: str) -> None:
    """On one line, without control characters, shortened."""
    assert shown == on_one_line(text, 5)
