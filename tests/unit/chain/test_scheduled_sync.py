"""One account's sync as the trigger starts it: what it asks for, how it ends, what is written down and told."""

import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.batch import Batch
from shared.chain.answers import Answer
from shared.chain.client import GatewayDown
from shared.chain.scheduled_sync import ScheduledSync
from shared.errors import (
    BadAnswer,
    DatabaseDown,
    DeadlineExceeded,
    EmailAgentError,
    InvalidRules,
    LeaseHeld,
    LlmDown,
    LoginRefused,
    MailServerDown,
    Throttled,
    Unauthorized,
)
from shared.timetable import Ending

SHARE_S = 600.0


@dataclass
class World:
    """Functions that take as long as a test says, a store, a log and a clock."""

    answers: list[dict[str, Any]] = field(default_factory=lambda: [{"outcome": "done"}])
    error: EmailAgentError | None = None
    lasts_s: float = 1.0
    now: float = 0.0
    is_stopping: bool = False
    during: Callable[[], None] = lambda: None
    batches: list[tuple[str, Batch]] = field(default_factory=list)
    ends: list[tuple[str, uuid.UUID, Ending]] = field(default_factory=list)
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    is_down: bool = False

    def call(self, function: str, batch: Batch) -> Answer:
        self.batches.append((function, batch))
        self.now += self.lasts_s
        self.during()
        if self.error is not None:
            raise self.error
        line = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Answer(account=batch.account, run=batch.run, stage=function, **line)

    def end(self, account: str, run: uuid.UUID, ending: Ending) -> None:
        if self.is_down:
            raise DatabaseDown
        self.ends.append((account, run, ending))

    def tell(self, event: str, **facts: Any) -> None:
        self.told.append((event, facts))

    def sync(self) -> ScheduledSync:
        return ScheduledSync(
            functions=lambda: self,
            endings=self,
            tell=self.tell,
            max_mails=2000,
            stopping=lambda: self.is_stopping,
            clock=lambda: self.now,
        )


MORE = {"counts": {"fetched": 1, "to_classify": 1}, "more": True}


def test_a_sync_is_bounded_and_noted() -> None:
    """It asks for at most so many mails, and its end is written down under its run and told in one line."""
    world = World()

    world.sync()("work", SHARE_S)

    [(function, batch)] = world.batches
    [(event, facts)] = world.told
    assert ("fetch-batch", "work", 2000) == (function, batch.account, batch.limit)
    assert [("work", batch.run, Ending.DONE)] == world.ends
    assert ("sync", "work", Ending.DONE, "done", 1000) == (
        event, facts["account"], facts["ending"], facts["outcome"], facts["ms"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (LoginRefused(), Ending.FAILED),
        (MailServerDown(), Ending.FAILED),
        (Throttled(), Ending.FAILED),
        (DeadlineExceeded(), Ending.FAILED),
        (BadAnswer(), Ending.FAILED),
        (EmailAgentError(), Ending.FAILED),
        (LeaseHeld(), Ending.SPARED),
        (GatewayDown(), Ending.SPARED),
        (DatabaseDown(), Ending.SPARED),
        (LlmDown(), Ending.SPARED),
        (InvalidRules(), Ending.SPARED),
        (Unauthorized(), Ending.SPARED),
    ],
)
def test_whose_fault_it_is(error: EmailAgentError, ending: Ending) -> None:
    """An account backs off for what may be its own fault, not for what would be the same for all of them."""
    world = World(error=error)

    world.sync()("work", SHARE_S)

    assert [ending] == [noted for _, _, noted in world.ends]
    assert type(error).__name__ == world.told[0][1]["error"]["error"]


def test_a_sync_lets_others_go_first() -> None:
    """When its share of time is over it ends between two calls, and that is no failure."""
    world = World(answers=[MORE], lasts_s=100.0)

    world.sync()("work", SHARE_S)

    assert (6, [Ending.YIELDED]) == (len(world.batches), [ending for _, _, ending in world.ends])


def test_a_sync_that_is_to_stop_ends_after_the_call_in_flight() -> None:
    """No further call is made, and the store is told that it was stopped."""
    world = World(answers=[MORE])
    world.during = lambda: setattr(world, "is_stopping", True)

    world.sync()("work", SHARE_S)

    assert (1, [Ending.STOPPED]) == (len(world.batches), [ending for _, _, ending in world.ends])


def test_what_does_not_end_is_given_up() -> None:
    """A sync whose call does not come back is written down as stopped, under its run, by who waited for it."""
    world, entered, leave = World(), threading.Event(), threading.Event()
    world.during = lambda: (entered.set(), leave.wait())  # type: ignore[func-returns-value]
    sync = world.sync()
    worker = threading.Thread(target=sync, args=("work", SHARE_S))
    worker.start()
    entered.wait()

    left = sync.give_up()

    noted = list(world.ends)
    leave.set()
    worker.join()
    assert (["work"], [("work", world.batches[0][1].run, Ending.STOPPED)]) == (left, noted)
    assert [] == sync.give_up()


def test_a_store_that_is_down_ends_no_trigger() -> None:
    """What cannot be written down is told."""
    world = World(is_down=True)

    world.sync()("work", SHARE_S)

    assert ["not noted", "sync"] == [event for event, _ in world.told]


def test_no_mail_is_told_of() -> None:
    """The line has references and counts: nothing of an answer that says more gets through."""
    world = World(answers=[{"outcome": "done", "targets": {"Secret plans": 3}, "decided_by": {"rule:secret": 3}}])

    world.sync()("work", SHARE_S)

    assert "ecret" not in json.dumps(world.told, default=str)
