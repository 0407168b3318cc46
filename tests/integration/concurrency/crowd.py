"""One of several workers on one mailbox: `python -m tests.integration.concurrency.crowd '{"url": …, "run": …}'`.

Says `ready`, waits for a line, then calls the chain's steps until nothing is left; prints what it met, as JSON.
"""

import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from shared.batch import Batch
from shared.errors import Conflict
from shared.imap.mailbox import open_mailbox
from shared.pipeline import classify_rules
from shared.pipeline.limits import Limits
from shared.rules.load import load_rules
from shared.store import open_store
from tests.fixtures.agent import Agent, StoreClock

PAUSE_S = 0.05
DEADLINE_S = 60.0
SLOW_EVERY = 200
"""Every so many decisions one takes longer than a claim lasts."""


class HeirLeases:
    """Leases whose holder before us has always died."""

    def __init__(self, leases: Any) -> None:
        self._leases = leases

    def __getattr__(self, name: str) -> Any:
        return getattr(self._leases, name)

    @contextmanager
    def hold(self, *args: Any) -> Iterator[Any]:
        with self._leases.hold(*args) as lease:
            yield replace(lease, inherited=True)


class HeirStore:
    def __init__(self, store: Any) -> None:
        self._store = store
        self.leases = HeirLeases(store.leases)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def decide_slowly(seconds: float) -> None:
    """Let a decision now and then outlast its claim, in this process."""
    decide = classify_rules.decide
    number = iter(range(1, 1_000_000))

    def slow(rule_set: Any, email: Any, now: Any) -> Any:
        if next(number) % SLOW_EVERY == 0:
            time.sleep(seconds)
        return decide(rule_set, email, now)

    classify_rules.decide = slow


def work(steps: list[Callable[[Batch], Batch]], batch: Batch, waiting: Callable[[], int]) -> Counter[str]:
    """Call the steps in turn, again and again, until nothing waits; a call that is refused is made again later."""
    met: Counter[str] = Counter()
    deadline = time.monotonic() + DEADLINE_S
    idle = False
    while not idle:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the mailbox is never done: {met}, {waiting()}")
        idle = True
        for step in steps:
            try:
                answer = step(batch)
                met[answer.stage or ""] += 1
                idle = idle and not answer.more
            except Conflict as error:
                met[type(error).__name__] += 1
                idle = False
        idle = idle and not waiting()
        time.sleep(PAUSE_S)
    return met


def main() -> None:
    order = json.loads(sys.argv[1])
    limits = Limits(imap_timeout_s=order["grace_s"], claim_timeout_s=order["claim_timeout_s"])
    with open_store(
        order["url"], takeover_grace_s=order["grace_s"], claim_timeout_s=order["claim_timeout_s"], parse=load_rules
    ) as store:

        def connect(account: Any, lease_until: float) -> Any:
            return open_mailbox(account, order["password"], timeout_s=limits.imap_timeout_s, lease_until=lease_until)

        agent = Agent(
            store=HeirStore(store) if order["careful"] else store, open_mailbox=connect, clock=StoreClock(),
            account=order["account"], limits=limits,
        )  # fmt: skip
        if order["slow_s"]:
            decide_slowly(order["slow_s"])
        account_id = store.accounts.get(order["account"]).id
        batch = agent.batch(run=uuid.UUID(order["run"]), limit=order["limit"])
        steps = [getattr(agent, step) for step in order["steps"]]

        def waiting() -> int:
            now = store.emails.waiting(account_id)
            return now["to_classify"] + now["wanted"] + (now["to_apply"] if "apply" in order["steps"] else 0)

        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(work(steps, batch, waiting)), flush=True)


if __name__ == "__main__":
    main()
