"""From measured runs to rows: medians, ratios of pairs, the bounds of the project, and the JSON that others read."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Literal

Cache = Literal["warm", "cold", "-"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One verified run: its time, and where known the IMAP commands a proxy saw and the worker's memory."""

    seconds: float
    commands: int | None = None
    rss_mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Our run and the peer's run beside it."""

    ours: Run
    peer: Run

    @property
    def ratio(self) -> float:
        """How many times the peer's time we took."""
        return self.ours.seconds / self.peer.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of build/bench/*.json; what does not apply is None."""

    name: str
    median_s: float | None
    ratio: float | None = None
    against: str | None = None
    cache: Cache = "-"
    commands: int | None = None
    rss_mb: float | None = None
    n: int
    p95_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a row may reach at most."""

    ratio: float | None = None
    commands: int | None = None
    rss_mb: float | None = None
    p95_s: float | None = None

    def exceeded(self, row: Row) -> list[str]:
        """Name the figures of a row that are over."""
        over = []
        for name in ("ratio", "commands", "rss_mb", "p95_s"):
            allowed, value = getattr(self, name), getattr(row, name)
            if allowed is not None and value is not None and value > allowed:
                over.append(name)
        return over


MAX_COMMANDS = 30
BOUNDS = {
    "chain_warm": Bound(ratio=4.0, commands=MAX_COMMANDS),
    "chain_cold": Bound(ratio=2.0, commands=MAX_COMMANDS),
    "chain_rtt50": Bound(ratio=1.3, commands=MAX_COMMANDS),
    "chain_regex_warm": Bound(commands=MAX_COMMANDS),
    "chain_regex_cold": Bound(ratio=1.0, commands=MAX_COMMANDS),
    "chain_idle": Bound(ratio=3.0, commands=5),
    "rss_20k": Bound(ratio=1.1, rss_mb=150.0),
    "per_mail_20k": Bound(ratio=1.25),
    "rules_500": Bound(ratio=1.5),
    "health_idle": Bound(p95_s=0.02),
    "health_busy": Bound(p95_s=0.1),
}


def rows_of(name: str, pairs: Sequence[Pair], *, counted: Pair, peer: str, cache: Cache) -> list[Row]:
    """Return our row and the peer's; the ratio is the median of the pairs' ratios, not the ratio of the medians.

    `counted` is a pair that ran through the counting proxy; its time does not matter.
    """
    mine = row_of(name, [pair.ours for pair in pairs], cache, counted=counted.ours)
    theirs = row_of(f"{name}:{peer}", [pair.peer for pair in pairs], cache, counted=counted.peer)
    return [replace(mine, ratio=round(median(pair.ratio for pair in pairs), 3), against=peer), theirs]


def row_of(name: str, runs: Sequence[Run], cache: Cache, *, counted: Run) -> Row:
    """Return the row of runs that are compared with nothing."""
    commands = [run.commands for run in (*runs, counted) if run.commands is not None]
    memory = [run.rss_mb for run in runs if run.rss_mb is not None]
    return Row(
        name=name,
        median_s=round(median(run.seconds for run in runs), 4),
        cache=cache,
        commands=max(commands, default=None),
        rss_mb=round(max(memory), 1) if memory else None,
        n=len(runs),
    )


def write(folder: Path, name: str, rows: Sequence[Row]) -> None:
    """Write a benchmark's rows to <folder>/<name>.json; only rows of many probes have a `p95_s`."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = [
        {key: value for key, value in asdict(row).items() if key != "p95_s" or value is not None} for row in rows
    ]
    (folder / f"{name}.json").write_text(json.dumps(documents, indent=2) + "\n", encoding="utf-8")
