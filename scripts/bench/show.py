"""What a person sees of a benchmark: one line per row, the bound beside the figure."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from scripts.bench.figures import BOUNDS, Bound, Row

FIGURES = ("ratio", "commands", "rss_mb", "p95_s")
COLUMNS = ("name", "cache", "median s", "p95 s", "ratio", "against", "commands", "MB", "n", "bound")
SHORT_S = 0.01
SIGNS = {"ratio": " times", "commands": " commands", "rss_mb": " MB", "p95_s": " s (p95)"}


def show(console: Console, rows: Sequence[Row]) -> None:
    """Print the rows as a table; figures over their bound are marked with `!`."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("name", "cache", "against", "bound") else "right")
    for row in rows:
        table.add_row(*cells(row))
    console.print(table)


def cells(row: Row) -> tuple[str, ...]:
    """Return one line of the table."""
    bound = BOUNDS.get(row.name, Bound())
    over = bound.exceeded(row)
    seconds = "" if row.median_s is None else f"{row.median_s:.3g}" if row.median_s < SHORT_S else f"{row.median_s:.3f}"
    figures = {name: _figure(row, name, marked=name in over) for name in FIGURES}
    return (
        row.name,
        row.cache,
        seconds,
        figures["p95_s"],
        figures["ratio"],
        row.against or "",
        figures["commands"],
        figures["rss_mb"],
        str(row.n),
        bound_text(bound),
    )


def bound_text(bound: Bound) -> str:
    """Say what is allowed at most."""
    allowed = ((name, getattr(bound, name)) for name in FIGURES)
    return ", ".join(f"≤ {value:g}{SIGNS[name]}" for name, value in allowed if value is not None)


def _figure(row: Row, name: str, *, marked: bool) -> str:
    value = getattr(row, name)
    if value is None:
        return ""
    text = f"{value:.2f}" if name == "ratio" else f"{value:g}"
    return f"{text} !" if marked else text
