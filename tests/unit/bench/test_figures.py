"""From runs to rows: medians, ratios and the JSON that others read."""

import json
from pathlib import Path

from scripts.bench.figures import BOUNDS, Bound, Pair, Row, Run, rows_of, write

KEYS = ["name", "median_s", "ratio", "against", "cache", "commands", "rss_mb", "n"]
NAMES = {
    "chain_warm",
    "chain_cold",
    "chain_rtt50",
    "chain_regex_warm",
    "chain_regex_cold",
    "chain_idle",
    "rss_20k",
}


def pair(ours_s: float, peer_s: float, commands: int = 20) -> Pair:
    return Pair(ours=Run(seconds=ours_s, commands=commands, rss_mb=80.0), peer=Run(seconds=peer_s, commands=18))


def test_the_ratio_is_the_median_of_the_ratios_of_pairs() -> None:
    """A slow minute of the machine weighs on both runs of its pair, and so not on the ratio."""
    row, _ = rows_of("chain_warm", [pair(2.0, 1.0), pair(30.0, 10.0), pair(4.0, 1.0)], peer="imapfilter", cache="warm")

    assert (4.0, 3.0) == (row.median_s, row.ratio)


def test_the_peer_has_a_row_of_its_own() -> None:
    """The peer's row ends in its name and is compared with nothing."""
    _, row = rows_of("chain_warm", [pair(2.0, 1.0)], peer="imapfilter", cache="warm")

    assert ("chain_warm:imapfilter", 1.0, None, None, 18) == (
        row.name,
        row.median_s,
        row.ratio,
        row.against,
        row.commands,
    )


def test_the_most_commands_of_any_run_count() -> None:
    """A single run over the bound is not hidden by the others."""
    row, _ = rows_of("chain_warm", [pair(1.0, 1.0), pair(1.0, 1.0, commands=31)], peer="imapfilter", cache="warm")

    assert ["commands"] == BOUNDS["chain_warm"].exceeded(row)


def test_what_is_not_measured_exceeds_nothing() -> None:
    """A bound on a figure that the row does not have is not exceeded."""
    row = Row(name="rss_20k", median_s=None, rss_mb=149.0, n=1)

    assert [] == Bound(ratio=1.0, rss_mb=150.0).exceeded(row)


def test_the_json_has_the_keys_others_rely_on(tmp_path: Path) -> None:
    """A list of objects with exactly the documented keys, in a file named after the benchmark."""
    write(tmp_path, "chain_idle", rows_of("chain_idle", [pair(1.0, 1.0)], peer="imapfilter", cache="warm"))

    rows = json.loads((tmp_path / "chain_idle.json").read_text(encoding="utf-8"))

    assert [KEYS, KEYS] == [list(row) for row in rows]


def test_each_benchmark_with_a_name_in_the_contract_has_a_bound() -> None:
    """What the project promises is printed beside what was measured."""
    assert set(BOUNDS) == NAMES
