"""From runs to rows: medians, ratios and the JSON that others read."""

import json
from pathlib import Path

from scripts.bench.figures import BOUNDS, Bound, Pair, Row, Run, rows_of, write
from scripts.bench.health import health_row

KEYS = ["name", "median_s", "ratio", "against", "cache", "commands", "rss_mb", "n"]
NAMES = {
    "chain_warm",
    "chain_cold",
    "chain_rtt50",
    "chain_regex_warm",
    "chain_regex_cold",
    "chain_idle",
    "rss_20k",
    "rules_500",
    "health_idle",
    "health_busy",
    "per_mail_20k",
}


def pair(ours_s: float, peer_s: float) -> Pair:
    return Pair(ours=Run(seconds=ours_s, rss_mb=80.0), peer=Run(seconds=peer_s))


def rows(*pairs: Pair, commands: int = 20) -> list[Row]:
    counted = Pair(ours=Run(seconds=99.0, commands=commands), peer=Run(seconds=99.0, commands=18))
    return rows_of("chain_warm", pairs, counted=counted, peer="imapfilter", cache="warm")


def test_the_ratio_is_the_median_of_the_ratios_of_pairs() -> None:
    """A slow minute of the machine weighs on both runs of its pair, and so not on the ratio."""
    row, _ = rows(pair(2.0, 1.0), pair(30.0, 10.0), pair(4.0, 1.0))

    assert (4.0, 3.0) == (row.median_s, row.ratio)


def test_the_peer_has_a_row_of_its_own() -> None:
    """The peer's row ends in its name and is compared with nothing."""
    _, row = rows(pair(2.0, 1.0))

    assert ("chain_warm:imapfilter", 1.0, None, None, 18) == (
        row.name,
        row.median_s,
        row.ratio,
        row.against,
        row.commands,
    )


def test_commands_come_from_the_counted_pair_and_times_do_not() -> None:
    """The pair that ran through the proxy says how many commands there are, and is too slow to be timed."""
    row, _ = rows(pair(1.0, 1.0))

    assert (20, 1.0) == (row.commands, row.median_s)


def test_too_many_commands_are_noticed() -> None:
    """One command over the bound is over it."""
    row, _ = rows(pair(1.0, 1.0), commands=31)

    assert ["commands"] == BOUNDS["chain_warm"].exceeded(row)


def test_what_is_not_measured_exceeds_nothing() -> None:
    """A bound on a figure that the row does not have is not exceeded."""
    row = Row(name="rss_20k", median_s=None, rss_mb=149.0, n=1)

    assert [] == Bound(ratio=1.0, rss_mb=150.0).exceeded(row)


def test_the_json_has_the_keys_others_rely_on(tmp_path: Path) -> None:
    """A list of objects with exactly the documented keys, in a file named after the benchmark."""
    write(tmp_path, "chain_idle", rows(pair(1.0, 1.0)))

    written = json.loads((tmp_path / "chain_idle.json").read_text(encoding="utf-8"))

    assert [KEYS, KEYS] == [list(row) for row in written]


def test_only_rows_of_probes_have_a_p95_in_the_json(tmp_path: Path) -> None:
    """Where single answers were timed, the 95th percentile stands beside the documented keys."""
    write(tmp_path, "health", [health_row("health_busy", [0.001] * 95 + [0.3] * 5 + [0.2])])

    (written,) = json.loads((tmp_path / "health.json").read_text(encoding="utf-8"))

    assert ([*KEYS, "p95_s"], 0.001, 0.2) == (list(written), written["median_s"], written["p95_s"])


def test_slow_health_checks_are_noticed() -> None:
    """The bound is on the 95th percentile, not on the median."""
    row = health_row("health_busy", [0.001] * 90 + [0.3] * 10)

    assert ["p95_s"] == BOUNDS["health_busy"].exceeded(row)


def test_each_benchmark_with_a_name_in_the_contract_has_a_bound() -> None:
    """What the project promises is printed beside what was measured."""
    assert set(BOUNDS) == NAMES
