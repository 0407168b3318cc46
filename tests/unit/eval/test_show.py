"""The tables of a measurement."""

import io

from rich.console import Console

from scripts.eval.figures import Row, report
from scripts.eval.judge import Judged
from scripts.eval.labels import Truth
from scripts.eval.show import cells, show

ERROR = Judged(
    id="x/[red]1.eml",
    half="design",
    truth=Truth(means="junk"),
    said="lists",
    rule="list-answers",
    junked=False,
    wanted=False,
)


def test_a_precision_below_the_bound_is_marked() -> None:
    """One wrong of three is too many; where nothing was decided nothing is shown."""
    bad = Row(category="lists", part="all", decided=4, judged=3, right=2, labelled=8, found=2)
    none = Row(category="lists", part="held-out", decided=0, judged=0, right=0, labelled=0, found=0)

    assert ("lists", "4", "3", "2", "0.667 !", "0.667 !", "", "8", "0.250") == cells(bad, (bad, none))


def test_mistakes_are_named_when_asked_for() -> None:
    """Each by id, as it is, with its label, what was said, and the rule that said it."""
    found = report([ERROR], ["lists"], rules="r.yml", digest="0")
    short, long = io.StringIO(), io.StringIO()

    show(Console(file=short, width=120), found, errors=False)
    show(Console(file=long, width=120), found, errors=True)

    assert "error     x/[red]1.eml (design): junk, said lists by list-answers" in long.getvalue().splitlines()
    assert "x/[red]1.eml" not in short.getvalue()
