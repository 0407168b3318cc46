"""How soon a function says that it lives, at rest and while a mailbox is sorted; each probe is its own connection."""

import http.client
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from statistics import median, quantiles
from urllib.parse import urlsplit

from scripts.bench.errors import BenchError
from scripts.bench.figures import Row
from scripts.bench.ours import HEADER, stack
from scripts.bench.stage import Stage

PATH = "/function/fetch-batch/_/health"
PROBES = 200
"""The least number of probes that makes a row."""
PAUSE_S = 0.005
TIMEOUT_S = 30.0
TWENTIETHS = 20


def measure(at: Stage, _rounds: int) -> list[Row]:
    """Probe a fresh stack at rest, and then during syncs of the whole mailbox until there are enough probes."""
    with stack(at.home / "health") as fresh:
        mine = replace(at, ours=fresh)
        mine.ours.push_rules(HEADER)
        _while_sorting(mine)  # what a process does only once is not what is measured
        at_rest = [_probe(mine) for _ in range(PROBES)]
        busy: list[float] = []
        while len(busy) < PROBES:
            busy += _while_sorting(mine)
    return [health_row("health_idle", at_rest), health_row("health_busy", busy)]


def _while_sorting(at: Stage) -> list[float]:
    """Sort a fresh mailbox, and probe as long as that takes."""
    user = at.fresh("ours", HEADER, warm=True)
    account = at.ours.account(user, at.straight)
    seconds: list[float] = []
    with ThreadPoolExecutor(max_workers=1) as director:
        sorted_ = director.submit(at.ours.sort, account, at.straight)
        while not sorted_.done():
            seconds.append(_probe(at))
        sorted_.result()
    at.ours.forget(account)
    at.verify(user)
    at.maildirs.drop(user)
    return seconds


def _probe(at: Stage) -> float:
    """Ask whether fetch-batch lives; return how long the answer took, from before the connection was made."""
    time.sleep(PAUSE_S)
    started = time.perf_counter()
    connection = http.client.HTTPConnection(urlsplit(at.ours.functions.gateway_url).netloc, timeout=TIMEOUT_S)
    try:
        connection.request("GET", PATH)
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise BenchError(f"a health check was answered with {answer.status}")
    return time.perf_counter() - started


def health_row(name: str, seconds: Sequence[float]) -> Row:
    """Return the row of these probes."""
    p95 = quantiles(seconds, n=TWENTIETHS, method="inclusive")[-1]
    return Row(name=name, median_s=round(median(seconds), 4), p95_s=round(p95, 4), n=len(seconds))
