"""When which account is synced: on a grid of slots, by one trigger at a time, and no account twice at once.

Time is cut into slots of one interval, shifted per account so that not all begin together. An account is due when a
slot began since its last sync was started: a slot that was missed is not made up for, a late start delays nothing.
"""

import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.timetable import Leader, Outlook, Timetable

LONGEST_BACK_OFF_S = 6 * 3600.0
"""A failing account is tried at least this often, or once per slot where slots are longer."""
MOST_DOUBLINGS = 16
SILENT_SLOTS = 3
"""An account without a success for so many slots is told of: a sync must not die in silence."""
SHARE_S = 600.0
"""A sync lets others go first after one interval, and not before this time."""
HUNG_AFTER_S = 900.0
"""A sync that is at work so long after its share is over hangs: it does not count as a worker any longer."""
AGAIN_S = 600.0
"""What goes on is told again after this time."""


def slot(one: Timetable, at: float) -> int:
    """Return the number of the slot that a moment is in."""
    shift = zlib.crc32(one.account.encode()) % 1000 / 1000
    return int(at / one.interval_s + shift)


def back_off_slots(one: Timetable) -> int:
    """Return in every how-many-th slot an account is tried: after failures in a row in every 2nd, 4th, 8th."""
    longest = max(1, int(LONGEST_BACK_OFF_S / one.interval_s))
    return int(min(2 ** min(max(one.failures - 1, 0), MOST_DOUBLINGS), longest))


def is_due(one: Timetable, at: float) -> bool:
    """Whether enough slots began since the last start; or that start lies ahead, because a clock was set back."""
    if one.started_at is None:
        return True
    passed = slot(one, at) - slot(one, one.started_at)
    return passed >= back_off_slots(one) or passed < -1


def share_s(one: Timetable) -> float:
    """Return how long a sync may go on before it lets others go first."""
    return max(one.interval_s, SHARE_S)


def silent_slots(one: Timetable, at: float) -> int:
    """Return how many slots began since the last success, or since the account is awake; 0 where that is too few."""
    slots = slot(one, at) - slot(one, max(one.success_at or 0.0, one.awake_since))
    return slots if slots >= SILENT_SLOTS else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerState:
    """Who leads, or led last; and the accounts that are silent, with how many slots began since their last success."""

    leader: Leader | None
    silent: Mapping[str, int]


def state_of(leader: Leader | None, outlook: Outlook) -> TriggerState:
    """Say how the trigger is doing; an account that no trigger ever looked after is nobody's silence."""
    is_led = leader is not None and leader.is_alive
    looked_after = [one for one in outlook.accounts if is_led or one.started_at is not None]
    silent = {one.account: slots for one in looked_after if (slots := silent_slots(one, outlook.at))}
    return TriggerState(leader=leader, silent=silent)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """A sync that was started and has not ended."""

    is_failing: bool
    hangs_at: float


def choose(outlook: Outlook, at_work: Mapping[str, AtWork], size: int) -> list[Timetable]:
    """Return whom to start now: who waits longest first, accounts that fail on no more than half of the workers."""
    workers = [one for one in at_work.values() if one.hangs_at > outlook.at]
    free = size - len(workers)
    free_for_failing = max(1, size // 2) - sum(one.is_failing for one in workers)
    chosen: list[Timetable] = []
    for one in sorted(waiting(outlook, at_work), key=lambda one: (one.started_at or 0.0, one.account)):
        if one.failures:
            free_for_failing -= 1
        if len(chosen) < free and (not one.failures or free_for_failing >= 0):
            chosen.append(one)
    return chosen


def waiting(outlook: Outlook, at_work: Mapping[str, AtWork]) -> list[Timetable]:
    """Return the accounts that are due and not at work."""
    return [one for one in outlook.accounts if one.account not in at_work and is_due(one, outlook.at)]


class Ledger(Protocol):
    """What the store knows: losing the trigger loses nothing but time."""

    def beat(self) -> Outlook | None:
        """Take or renew the right to be the trigger, and look; None while another one has it."""

    def start(self, account: str) -> bool:
        """Write down that a sync starts now; False unless we lead, and the account may be synced."""


class Tell(Protocol):
    """Write one line to the log: references and counts, never content."""

    def __call__(self, event: str, **facts: object) -> None:
        """Tell what happened."""


Submit = Callable[[Callable[[], None]], None]
"""Let a worker do this."""


@dataclass(kw_only=True)
class Director:
    """Starts what is due. `sync` does one account within a time, in a worker, and raises nothing."""

    ledger: Ledger
    sync: Callable[[str, float], None]
    submit: Submit
    tell: Tell
    size: int
    stopping: Callable[[], bool] = lambda: False
    _at_work: dict[str, AtWork] = field(default_factory=dict)
    _silence_told: dict[str, int] = field(default_factory=dict)
    _crowd_told_at: float = 0.0
    leads: bool | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tick(self) -> list[str]:
        """Start what is due and not at work, as far as there are workers; return the accounts started."""
        outlook = self.ledger.beat()
        self._tell_who_leads(outlook is not None)
        if outlook is None:
            return []
        at_work = self.at_work
        started = [one.account for one in choose(outlook, at_work, self.size) if self._start(one, outlook.at)]
        self._tell_silence(outlook, started)
        self._tell_crowd(outlook)
        return started

    @property
    def at_work(self) -> Mapping[str, AtWork]:
        """The syncs that were started and have not ended, by account."""
        with self._lock:
            return dict(self._at_work)

    def _start(self, one: Timetable, at: float) -> bool:
        if self.stopping() or not self.ledger.start(one.account):
            return False
        with self._lock:
            hangs_at = at + share_s(one) + HUNG_AFTER_S
            self._at_work[one.account] = AtWork(is_failing=one.failures > 0, hangs_at=hangs_at)
        self.submit(lambda: self._run(one))
        return True

    def _run(self, one: Timetable) -> None:
        try:
            self.sync(one.account, share_s(one))
        finally:
            with self._lock:
                del self._at_work[one.account]

    def _tell_who_leads(self, leads: bool) -> None:
        if leads is not self.leads:
            self.leads = leads
            self.tell("leads" if leads else "waits")

    def _tell_silence(self, outlook: Outlook, started: Sequence[str]) -> None:
        """Tell of each silent account once per slot, but of none that is given its chance just now."""
        for one in outlook.accounts:
            slots = silent_slots(one, outlook.at)
            if slots and one.account not in started and self._silence_told.get(one.account) != slot(one, outlook.at):
                self._silence_told[one.account] = slot(one, outlook.at)
                self.tell("silent", account=one.account, slots=slots, failures=one.failures)

    def _tell_crowd(self, outlook: Outlook) -> None:
        """Tell, now and then, of accounts that wait because all workers are taken, and of syncs that hang."""
        at_work = self.at_work
        hung = [name for name, one in at_work.items() if one.hangs_at <= outlook.at]
        left = len(waiting(outlook, at_work))
        if (left or hung) and outlook.at - self._crowd_told_at >= AGAIN_S:
            self._crowd_told_at = outlook.at
            self.tell("crowded", waiting=left, at_work=len(at_work) - len(hung), hung=hung)
