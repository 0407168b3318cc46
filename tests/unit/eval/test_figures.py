"""From judged mails to figures."""

import json
from pathlib import Path

from scripts.eval.figures import Report, Row, report
from scripts.eval.judge import Judged
from scripts.eval.labels import Half, Truth

LISTS = Truth(means="lists")
SPAM = Truth(means="junk")
UNKNOWN = Truth(means=None, known=False)


def judged(number: int, truth: Truth, said: str | None, *, half: Half = "design", source: str = "x") -> Judged:
    return Judged(
        id=f"{source}/{number}.eml", half=half, truth=truth, said=said, rule="r", junked=said == "junk", wanted=False
    )


def measured(*mails: Judged) -> Report:
    return report(mails, ["lists", "newsletters"], rules="r.yml", digest="0")


def row(found: Report, category: str, part: str = "all") -> Row:
    return next(one for one in [*found.rows, *found.sources] if (one.category, one.part) == (category, part))


def test_precision_is_of_what_is_judged_and_coverage_of_what_is_labelled() -> None:
    """Four mails in lists: one unknown, one spam, two right; of three labelled lists two were found."""
    found = measured(
        judged(1, LISTS, "lists"),
        judged(2, LISTS, "lists"),
        judged(3, SPAM, "lists"),
        judged(4, UNKNOWN, "lists"),
        judged(5, LISTS, None),
    )
    lists = row(found, "lists")

    assert (4, 3, 2, 3, 2) == (lists.decided, lists.judged, lists.right, lists.labelled, lists.found)
    assert (2 / 3, 2 / 3) == (lists.precision, lists.coverage)
    assert (["x/3.eml"], ["x/4.eml"]) == ([one.id for one in found.errors], [one.id for one in found.unjudged])


def test_a_decision_that_is_allowed_is_right_and_no_find() -> None:
    """A mail that may be a newsletter does not count as one that had to be found."""
    allowed = Truth(means=None, also=frozenset({"newsletters"}))
    found = row(measured(judged(1, allowed, "newsletters")), "newsletters")

    assert (1.0, None) == (found.precision, found.coverage)


def test_a_category_without_mail_has_no_figures() -> None:
    """Nothing decided is no perfect precision."""
    nothing = row(measured(judged(1, LISTS, None)), "newsletters")

    assert (None, None, False) == (nothing.precision, nothing.coverage, nothing.is_below)


def test_halves_and_sources_are_counted_apart() -> None:
    """Each half and each archive has rows of its own."""
    found = measured(
        judged(1, LISTS, "lists", half="design", source="x"),
        judged(2, SPAM, "lists", half="held-out", source="y"),
    )

    assert (1.0, 0.0, 1.0, 0.0) == tuple(
        row(found, "lists", part).precision for part in ("design", "held-out", "x", "y")
    )


def test_what_misses_a_bound_is_said() -> None:
    """A precision below the bound, and good mail in junk."""
    good = measured(judged(1, LISTS, "lists"))
    bad = measured(judged(1, SPAM, "lists"), judged(2, LISTS, "junk"))

    assert [] == good.faults
    assert ["lists (all): 0.000", "junk (all): 0.000", "lists (design): 0.000", "junk (design): 0.000"] == bad.faults[
        :-1
    ]
    assert "1 good mails in junk" == bad.faults[-1]


def test_the_report_is_written_with_ids_only(tmp_path: Path) -> None:
    """Figures and ids; nothing of a mail's content is there to be written."""
    measured(judged(1, SPAM, "lists")).write(tmp_path / "eval" / "rules.json")

    document = json.loads((tmp_path / "eval" / "rules.json").read_text())

    assert [{"id": "x/1.eml", "half": "design", "label": "junk", "said": "lists", "rule": "r"}] == document["errors"]
    assert {"category", "part", "decided", "judged", "right", "labelled", "found", "precision", "coverage"} == set(
        document["categories"][0]
    )
