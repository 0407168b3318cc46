"""Who is to be synced and when, as the store knows it and the trigger reads it; times in Unix seconds.

All of them are the database's time: the trigger compares nothing with a clock of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a sync that the trigger started came to its end."""

    DONE = "done"
    YIELDED = "yielded"
    """It used up its time and let others go first; what it did is recorded."""
    STOPPED = "stopped"
    """The trigger was told to stop: whoever leads next goes on at once."""
    FAILED = "failed"
    """The account's own fault: it is tried less often."""
    SPARED = "spared"
    """It failed, and not by the account's fault: tried in the next slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """An account that may be synced: when it was, how often it shall be, and how that went; None for never.

    `awake_since`: since when it is not paused. `failures`: syncs that the trigger started and that failed, in a row.
    """

    account: str
    interval_s: float
    started_at: float | None = None
    success_at: float | None = None
    awake_since: float = 0.0
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a leader sees at its beat: the time, and the accounts that may be synced (none in a global pause)."""

    at: float
    accounts: Sequence[Timetable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """Who leads, and how long its lease still lasts; below zero: who led last, and for how long nobody has."""

    holder: str
    lasts_s: float

    @property
    def is_alive(self) -> bool:
        """Whether it leads now: it renews its lease long before that is over."""
        return self.lasts_s > 0
