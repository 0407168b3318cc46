"""The benchmarks, one function per kind: each returns rows whose runs were verified one by one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from scripts.bench import health, rules_500, stored_20k
from scripts.bench.figures import Cache, Pair, Row, Run, row_of, rows_of
from scripts.bench.mailbox import build, delivered
from scripts.bench.ours import HEADER, REGEX, stack
from scripts.bench.peer import NAME as PEER
from scripts.bench.stage import Side, Stage
from scripts.bench.verify import check
from scripts.bench.ways import Way

IDLE_RUNS_PER_ROUND = 3
MANY_MAILS = 20_000
RSS_RUNS = 2
"""More runs than one: what a second run adds to a worker would be a leak."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """The whole mailbox sorted from nothing, by both sides in turn."""

    name: str
    rules: str
    cache: Cache
    far: bool = False

    def measure(self, at: Stage, rounds: int) -> list[Row]:
        """Measure on a stack of its own: what earlier rows left in a database is no part of this one."""
        with stack(at.home / self.name) as fresh:
            return self._measure(replace(at, ours=fresh), rounds)

    def _measure(self, at: Stage, rounds: int) -> list[Row]:
        """Measure `rounds` pairs, after one that is only counted; who goes first changes with each."""
        at.ours.push_rules(self.rules)
        counted = self._pair(at, ("ours", "peer"), at.counting)
        way = at.far if self.far else at.straight
        orders: tuple[tuple[Side, Side], ...] = (("ours", "peer"), ("peer", "ours"))
        pairs = [self._pair(at, orders[number % 2], way) for number in range(rounds)]
        return rows_of(self.name, pairs, counted=counted, peer=PEER, cache=self.cache)

    def _pair(self, at: Stage, order: tuple[Side, Side], way: Way) -> Pair:
        runs = {side: self._run(at, side, way) for side in order}
        return Pair(ours=runs["ours"], peer=runs["peer"])

    def _run(self, at: Stage, side: Side, way: Way) -> Run:
        user = at.fresh(side, self.rules, warm=self.cache == "warm")
        run = sort(at, side, user, way, self.rules)
        at.verify(user)
        at.maildirs.drop(user)
        return run


def sort(at: Stage, side: Side, user: str, way: Way, rules: str) -> Run:
    """Let one side sort a user's mail; what we knew of it is forgotten afterwards."""
    if side == "peer":
        return at.peer.sort(user, way, rules)
    account = at.ours.account(user, way)
    run = at.ours.sort(account, way)
    at.ours.forget(account)
    return run


def idle(at: Stage, rounds: int) -> list[Row]:
    """Measure another run on a sorted mailbox: nothing is new, nothing is to be done."""
    at.ours.push_rules(HEADER)
    mine, theirs = (at.fresh(side, HEADER, warm=True) for side in ("ours", "peer"))
    account, watched = (at.ours.account(mine, way) for way in (at.straight, at.counting))
    for each in (account, watched):  # the second finds nothing to do on the server, but knows as much as the first
        at.ours.sort(each, at.straight)
    at.peer.sort(theirs, at.straight, HEADER)
    counted = Pair(ours=at.ours.sync(watched, at.counting), peer=at.peer.sort(theirs, at.counting, HEADER))
    pairs = [
        Pair(ours=at.ours.sync(account, at.straight), peer=at.peer.sort(theirs, at.straight, HEADER))
        for _ in range(rounds * IDLE_RUNS_PER_ROUND)
    ]
    for user in (mine, theirs):
        at.verify(user)
        at.maildirs.drop(user)
    for each in (account, watched):
        at.ours.forget(each)
    return rows_of("chain_idle", pairs, counted=counted, peer=PEER, cache="warm")


def start(at: Stage, rounds: int) -> list[Row]:
    """Measure the peer on an empty mailbox: what its process, its login and three searches cost by themselves."""
    user = at.maildirs.restore(at.maildirs.prepare([], "empty"))
    counted = at.peer.sort(user, at.counting, HEADER)
    runs = [at.peer.sort(user, at.straight, HEADER) for _ in range(rounds * IDLE_RUNS_PER_ROUND)]
    check(at.server.census(user), delivered([]))
    return [row_of(f"start:{PEER}", runs, "-", counted=counted)]


def memory(at: Stage, _rounds: int) -> list[Row]:
    """Measure what a worker of a fresh stack needs at most for 5,000 mails, and then for 20,000: memory, and time."""
    with stack(at.home / "memory") as fresh:
        small = replace(at, ours=fresh)
        many = replace(small, mails=build(MANY_MAILS), snapshots={})
        few_row = _memory_row(small, f"rss_{len(at.mails) // 1000}k")
        many_row = _memory_row(many, f"rss_{MANY_MAILS // 1000}k", against=few_row)
        return [many_row, few_row, _per_mail_row(many_row, len(many.mails), few_row, len(small.mails))]


def _per_mail_row(many: Row, many_mails: int, few: Row, few_mails: int) -> Row:
    """Compare what one mail takes among many with what it takes among few: 1 is linear."""
    seconds, few_seconds = (many.median_s or 0.0) / many_mails, (few.median_s or 0.0) / few_mails
    ratio = round(seconds / few_seconds, 3) if few_seconds else None
    name = f"per_mail_{MANY_MAILS // 1000}k"
    return Row(name=name, median_s=round(seconds, 6), ratio=ratio, against=few.name, cache=many.cache, n=many.n)


def _memory_row(at: Stage, name: str, against: Row | None = None) -> Row:
    at.ours.push_rules(HEADER)
    runs = []
    for _ in range(RSS_RUNS):
        user = at.fresh("ours", HEADER, warm=False)
        runs.append(sort(at, "ours", user, at.counting, HEADER))
        at.verify(user)
        at.maildirs.drop(user)
    row = row_of(name, runs, "cold", counted=runs[0])
    if against is None or row.rss_mb is None or against.rss_mb is None:
        return row
    return replace(row, ratio=round(row.rss_mb / against.rss_mb, 3), against=against.name)


CHAINS = (
    Chain(name="chain_warm", rules=HEADER, cache="warm"),
    Chain(name="chain_cold", rules=HEADER, cache="cold"),
    Chain(name="chain_rtt50", rules=HEADER, cache="warm", far=True),
    Chain(name="chain_regex_warm", rules=REGEX, cache="warm"),
    Chain(name="chain_regex_cold", rules=REGEX, cache="cold"),
)
BENCHMARKS: dict[str, Callable[[Stage, int], list[Row]]] = {
    **{chain.name: chain.measure for chain in CHAINS},
    "chain_idle": idle,
    "start": start,
    "rss_20k": memory,
    "health": health.measure,
    "rules_500": lambda _at, rounds: rules_500.measure(rounds),
    "stored_20k": lambda _at, rounds: stored_20k.measure(rounds),
}
