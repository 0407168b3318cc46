"""The table of a benchmark."""

from scripts.bench.figures import Bound, Row
from scripts.bench.show import bound_text, cells


def test_a_figure_over_its_bound_is_marked() -> None:
    """The ratio is over, the commands are not."""
    row = Row(name="chain_warm", median_s=4.2, ratio=4.5, against="imapfilter", cache="warm", commands=20, n=5)

    assert (
        "chain_warm",
        "warm",
        "4.200",
        "",
        "4.50 !",
        "imapfilter",
        "20",
        "",
        "5",
        "≤ 4 times, ≤ 30 commands",
    ) == cells(row)


def test_a_row_without_a_bound_says_nothing_of_one() -> None:
    """The peer's rows are there to compare with."""

    assert "" == bound_text(Bound())
