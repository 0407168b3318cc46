"""What a person sees: tables on stdout, progress on stderr, colours only on a terminal."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

PIPED_WIDTH = 200
"""Columns when nobody looks: lines are not folded to a terminal that is not there."""


def console() -> Console:
    """Return the console for results."""
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)  # or `rules.yml:100:3` becomes a picture


def print_json(document: object) -> None:
    """Print one object on one line."""
    click.echo(json.dumps(document, ensure_ascii=False, default=str))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "", *, whole: Collection[str] = ()
) -> None:
    """Print rows under column names; the columns in `whole` are not folded where the terminal is narrow."""
    headers = [Column(name, no_wrap=name in whole) for name in columns]
    table = Table(*headers, box=None, title=title or None, title_justify="left", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console().print(table)


def numbers(counts: Mapping[str, int]) -> str:
    """Write counts as a sentence part: `12 applied, 3 uncertain`; zeros are left out."""
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items() if number) or "nothing"


@contextmanager
def progress(label: str) -> Iterator[Callable[[str, Counter[str]], None]]:
    """Show a line that moves while work goes on, if stderr is a terminal; yield what reports to it."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task(label, total=None)

        def report(step: str, counts: Counter[str]) -> None:
            bar.update(task, description=f"{label}: {step}: {numbers(counts)}")

        yield report
