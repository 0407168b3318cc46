"""`make bench`: measure, verify, print, and write build/bench/<name>.json. See docs/benchmarks.md."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console

from scripts.bench.errors import BenchError
from scripts.bench.figures import Row, write
from scripts.bench.rows import BENCHMARKS
from scripts.bench.show import show
from scripts.bench.stage import Stage, stage
from scripts.demo.processes import DemoError
from shared.errors import EmailAgentError

RESULTS = Path(__file__).resolve().parents[2] / "build" / "bench"
SIGNAL_EXIT = 128
PROGRAMS = ("dovecot", "doveadm", "imapfilter")
MISSING = "make bench needs Dovecot and imapfilter, on Debian: apt-get install dovecot-imapd imapfilter"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(1, 100), default=5, show_default=True, help="Alternating pairs per row.")
@click.option("--only", multiple=True, type=click.Choice(list(BENCHMARKS)), help="Only this; may be repeated.")
@click.option("--mails", type=click.IntRange(60, 50_000), default=5000, show_default=True, help="Mails in the mailbox.")
def bench(rounds: int, only: tuple[str, ...], mails: int) -> None:
    """Measure our chain against imapfilter on one Dovecot, in alternating runs, each verified by the mail files."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if not all(shutil.which(program, path=path) for program in PROGRAMS):
        raise click.ClickException(MISSING)
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(SIGNAL_EXIT + number))  # so that what we started ends
    progress = Console(stderr=True)
    try:
        with stage(mails) as at:
            rows = [row for name in only or BENCHMARKS for row in _measure(at, name, rounds, progress)]
    except (BenchError, DemoError, EmailAgentError) as error:
        raise click.ClickException(str(error)) from error
    show(Console(width=None if sys.stdout.isatty() else 120), rows)


def _measure(at: Stage, name: str, rounds: int, progress: Console) -> Iterator[Row]:
    progress.print(f"{name}: {rounds} rounds, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    rows = BENCHMARKS[name](at, rounds)
    write(RESULTS, name, rows)
    yield from rows


if __name__ == "__main__":
    bench()
