"""One decision beside the truth."""

from typing import Any

import pytest

from scripts.eval.judge import NO_CATEGORY, half_of, judge
from scripts.eval.labels import Truth
from shared.records import ActionKind
from shared.rules.model import Action, Decision
from shared.status import Status

JUNK_MOVE = Action(kind=ActionKind.MOVE, target="\\Junk")
UNDECIDED = Decision(status=Status.UNCERTAIN, reason="no rule matches")


def decided(category: str | None, *actions: Action) -> Decision:
    return Decision(
        status=Status.CLASSIFIED, reason="rule r", decided_by="rule:r", category=category, actions=tuple(actions)
    )


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": f"x/{number}.eml", **more}


@pytest.mark.parametrize(
    ("truth", "category", "right", "error"),
    [
        (Truth(means="lists"), "lists", True, False),
        (Truth(means="lists"), "newsletters", False, True),
        (Truth(means="personal", also=frozenset({"calendar"})), "calendar", True, False),
        (Truth(means=None), "lists", False, True),
        (Truth(means=None, known=False), "lists", False, False),
    ],
)
def test_right_and_wrong(truth: Truth, category: str, right: bool, error: bool) -> None:
    """Right is what the label means or allows; where it says nothing, nothing is wrong either."""
    found = judge(row(), truth, decided(category))

    assert (right, error, "r") == (found.is_right, found.is_error, found.rule)


def test_an_undecided_mail_is_no_error() -> None:
    """What the rules leave alone costs coverage, never precision."""
    found = judge(row(), Truth(means="lists"), UNDECIDED)

    assert (None, False, False) == (found.said, found.is_right, found.is_error)


@pytest.mark.parametrize("decision", [decided("junk"), decided(None, JUNK_MOVE), decided("lists", JUNK_MOVE)])
def test_ham_in_junk(decision: Decision) -> None:
    """Junk by name or by where it is moved; only a label that says junk excuses it, an unknown mail counts as good."""
    truths = [Truth(means="junk"), Truth(means="lists"), Truth(means=None, known=False)]

    assert [False, True, True] == [judge(row(), truth, decision).is_ham_in_junk for truth in truths]


def test_a_rule_without_category_is_counted_too() -> None:
    """A decision that names no category is still one that may be wrong."""

    assert NO_CATEGORY == judge(row(), Truth(means="lists"), decided(None, JUNK_MOVE)).said


def test_halves_are_halves_and_keep_copies_together() -> None:
    """Each mail has its half for good; copies of one template share it."""
    halves = [half_of(row(number)) for number in range(1000)]
    copies = {half_of(row(number, template=7)) for number in range(50)}

    assert halves == [half_of(row(number)) for number in range(1000)]
    assert 400 < halves.count("design") < 600
    assert 1 == len(copies)
