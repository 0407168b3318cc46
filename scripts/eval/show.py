"""What a person sees of a measurement."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from scripts.eval.figures import HALVES, MIN_PRECISION, Report, Row
from scripts.eval.judge import Judged

COLUMNS = ("category", "decided", "judged", "right", "precision", *HALVES, "labelled", "coverage")


def show(console: Console, report: Report, *, errors: bool) -> None:
    """Print the table per category and per source; with `errors` each mistake by its id."""
    console.print(_by_category(report))
    console.print(_by_source(report))
    if errors:
        console.print(_confusion(report.errors))
        for one in report.errors:
            console.print(f"error     {line(one)}", soft_wrap=True, highlight=False, markup=False)
        for one in report.unjudged:
            console.print(f"unjudged  {line(one)}", soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"{report.mails} mails, {report.decided} decided, {len(report.errors)} errors, {len(report.unjudged)} without "
        f"a label to judge by; ham in junk: {len(report.ham_in_junk)}; bound: precision ≥ {MIN_PRECISION}",
        highlight=False,
    )


def line(one: Judged) -> str:
    """Return one mistake: where the mail is, what its label means, what the rules said, and which rule."""
    label = (one.truth.means or "none of ours") if one.truth.known else "unknown"
    return f"{one.id} ({one.half}): {label}, said {one.said} by {one.rule}"


def cells(row: Row, halves: Sequence[Row]) -> tuple[str, ...]:
    """Return one line of the table: a category, and its precision on each half."""
    return (
        row.category,
        str(row.decided),
        str(row.judged),
        str(row.right),
        _precision(row),
        *(_precision(half) for half in halves),
        str(row.labelled),
        _share(row.coverage),
    )


def _by_category(report: Report) -> Table:
    table = Table(*COLUMNS, box=None, pad_edge=False, header_style="bold")
    for row in report.rows:
        if row.part == "all":
            halves = [one for half in HALVES for one in report.rows if (one.category, one.part) == (row.category, half)]
            table.add_row(*cells(row, halves))
    return _right(table)


def _by_source(report: Report) -> Table:
    table = Table("source", *COLUMNS[:5], *COLUMNS[-2:], box=None, pad_edge=False, header_style="bold")
    for row in report.sources:
        shown = cells(row, ())
        table.add_row(row.part, *shown[:5], *shown[-2:])
    return _right(table)


def _confusion(errors: Sequence[Judged]) -> Table:
    table = Table("label", "said", "rule", "mails", box=None, pad_edge=False, header_style="bold")
    counts = Counter((one.truth.means or "none of ours", one.said or "", one.rule) for one in errors)
    for (label, said, rule), number in counts.most_common():
        table.add_row(label, said, rule, str(number))
    return table


def _right(table: Table) -> Table:
    for column in table.columns:
        if column.header not in {"source", "category"}:
            column.justify = "right"
    return table


def _precision(row: Row) -> str:
    return _share(row.precision) + (" !" if row.is_below else "")


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"
