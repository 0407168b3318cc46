"""What a person reads after a sync or an undo."""

import uuid
from collections.abc import Mapping

import pytest

from shared.chain.answers import NOTED, Summary
from shared.cli.report import SENTENCES, sentences, show_sync, show_undo

RUN = uuid.UUID(int=1)


def summary(counts: dict[str, int], outcome: str = "done") -> Summary:
    return Summary(run=RUN, account="work", outcome=outcome, mode="apply", counts=counts)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"applied": 3}, []),
        ({"missing_mailboxes": 1}, ["1 mailbox is missing on the server"]),
        (
            {"capped": 312, "missing_mailboxes": 2, "held": 0},
            ["2 mailboxes are missing on the server", "the hourly cap leaves 312 mails for later"],
        ),
        ({"left_alone": 2}, ["2 mails were left alone: `explain` says why"]),
        ({"copies_left": 1}, ["1 copy stays: there is no delete"]),
        ({"copies_left": 6}, ["6 copies stay: there is no delete"]),
    ],
)
def test_what_is_not_as_usual_is_told_in_words(counts: Mapping[str, int], expected: list[str]) -> None:
    """A number that asks for attention has a sentence of its own."""
    assert expected == sentences(counts)


def test_every_noted_count_has_its_sentence() -> None:
    """No count of what is not as usual is without words."""
    assert set(NOTED) == set(SENTENCES)


def test_a_held_sync_says_how_many_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """The owner learns how many moves wait, and which command does them."""
    show_sync(summary({"classified": 90, "held": 90}, outcome="held"))

    out = capsys.readouterr().out
    assert "work (apply): 90 classified; 0.0 s\n  90 moves are held\n" in out
    assert f"scripts/agent sync --confirm {RUN}" in out


def test_an_undo_says_what_it_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """What was not taken back is not passed over."""
    show_undo(summary({"undone": 4, "left_alone": 1}), RUN)

    expected = f"work: run {RUN} undone: 4 undone\n  1 mail was left alone: `explain` says why\n"
    assert expected == capsys.readouterr().out
