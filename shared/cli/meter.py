"""A bar on stderr while many mails are read, if somebody looks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def meter(label: str, total: int | None, *, beside_lines: bool = False) -> Iterator[Callable[[int], None]]:
    """Show how many mails are done, of `total` where that is known; yield what counts them.

    `beside_lines`: lines go to stdout meanwhile, and on the same terminal the bar would stand in their way.
    """
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # lines there are for a file or a program, and may be bytes
        disable=not sys.stderr.isatty() or (beside_lines and sys.stdout.isatty()),
    ) as bar:
        task = bar.add_task(label, total=total)
        yield lambda mails: bar.update(task, advance=mails)
