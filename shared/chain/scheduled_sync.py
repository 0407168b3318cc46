"""One account's sync as the trigger starts it: within its share of time, ended on request, written down, told."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from shared.batch import Batch
from shared.chain.answers import Summary
from shared.chain.client import GatewayDown
from shared.chain.schedule import Tell
from shared.chain.sync import Functions, Sync
from shared.errors import (
    BadRequest,
    Busy,
    Conflict,
    DatabaseDown,
    EmailAgentError,
    InvalidRules,
    InvalidSettings,
    LlmDown,
    Unauthorized,
)
from shared.timetable import Ending

NOT_ITS_FAULT = (
    BadRequest,
    Busy,
    Conflict,
    DatabaseDown,
    GatewayDown,
    InvalidRules,
    InvalidSettings,
    LlmDown,
    Unauthorized,
)
"""Errors that say nothing about the account: once they are mended it shall not have to wait out a back-off."""

ASKING_SHARE = 0.5
"""How much of its share a sync may ask the language model: then there is time to come to a good end."""
TOLD = ("run", "outcome", "counts", "imap_commands", "ms", "error")
"""Of a summary, what the log gets: references and counts."""


class Endings(Protocol):
    """Where the store writes down how a sync ended."""

    def end(self, account: str, run: uuid.UUID, ending: Ending) -> None:
        """Note it, and let another run go first unless this one was closed."""


@dataclass(frozen=True, kw_only=True)
class ScheduledSync:
    """Syncs one account at a time per call; `functions` makes a client for each, because it is no good for two."""

    functions: Callable[[], Functions]
    endings: Endings
    tell: Tell
    max_mails: int
    stopping: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    runs: dict[str, uuid.UUID] = field(default_factory=dict)

    def __call__(self, account: str, share_s: float) -> None:
        """Sync an account and write down how that ended; an error ends the sync, not the trigger."""
        until = self.clock() + share_s
        batch = Batch(account=account, limit=self.max_mails)

        def stop() -> bool:
            return self.stopping() or self.clock() >= until

        sync = Sync(
            functions=self.functions(), batch=batch, stop=stop, asks_for_s=ASKING_SHARE * share_s, clock=self.clock
        )
        self.runs[account] = batch.run
        try:
            summary = sync.run()
        except EmailAgentError as error:
            summary = sync.failed(error)
        finally:
            del self.runs[account]
        ending = self._ending(summary)
        self._note(account, batch.run, ending)
        document = summary.as_json()
        self.tell("sync", account=account, ending=ending, **{name: document[name] for name in TOLD if name in document})

    def give_up(self) -> list[str]:
        """Write down of all that is still at work that it was stopped; return whose syncs these are."""
        left = dict(self.runs)
        for account, run in left.items():
            self._note(account, run, Ending.STOPPED)
        return sorted(left)

    def _note(self, account: str, run: uuid.UUID, ending: Ending) -> None:
        try:
            self.endings.end(account, run, ending)
        except EmailAgentError as error:
            self.tell("not noted", account=account, ending=ending, error=type(error).__name__)

    def _ending(self, summary: Summary) -> Ending:
        if summary.error is not None:
            return Ending.SPARED if isinstance(summary.error, NOT_ITS_FAULT) else Ending.FAILED
        if summary.outcome == "stopped":
            return Ending.STOPPED if self.stopping() else Ending.YIELDED
        return Ending.DONE
