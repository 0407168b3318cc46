"""The schedule, with a clock of our own: a day takes no time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from shared.chain.schedule import (
    AGAIN_S,
    HUNG_AFTER_S,
    LONGEST_BACK_OFF_S,
    SILENT_SLOTS,
    Director,
    back_off_slots,
    is_due,
    silent_slots,
    slot,
    state_of,
)
from shared.timetable import Leader, Outlook, Timetable

INTERVAL_S = 600.0
DAY_S = 86_400.0
START = 1_760_000_000.0
TICK_S = 7.0
FOR_EVER = 1e12
CLIENT_GIVES_UP_S = 430.0
"""About what a function that never answers costs: twice the client's timeout."""
SIZE = 4


@dataclass
class World:
    """A store and workers whose syncs last as long as the test says; time moves when told."""

    accounts: dict[str, Timetable]
    lasts_s: dict[str, float] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    leads: bool = True
    now: float = START
    starts: list[tuple[str, float]] = field(default_factory=list)
    told: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    begun: list[Callable[[], None]] = field(default_factory=list)
    ends: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    most_running: int = 0

    def beat(self) -> Outlook | None:
        awake = [one for one in self.accounts.values() if one.account not in self.paused]
        return Outlook(at=self.now, accounts=awake) if self.leads else None

    def start(self, account: str) -> bool:
        if not self.leads:
            return False
        assert account not in self.running, "an account is synced twice at once"
        self.running.add(account)
        self.most_running = max(self.most_running, len(self.running))
        self.starts.append((account, self.now))
        self.accounts[account] = replace(self.accounts[account], started_at=self.now)
        return True

    def tell(self, event: str, **facts: object) -> None:
        self.told.append((event, facts))

    def director(self, **how: object) -> Director:
        return Director(ledger=self, sync=self.end, submit=self.submit, tell=self.tell, size=SIZE, **how)

    def submit(self, work: Callable[[], None]) -> None:
        """The account is the one that was started last."""
        self.ends.append((self.now + self.lasts_s.get(self.starts[-1][0], 5.0), work))

    def end(self, account: str, _share_s: float) -> None:
        self.running.discard(account)
        one = self.accounts[account]
        is_bad = account in self.fails
        self.accounts[account] = replace(
            one, failures=one.failures + 1 if is_bad else 0, success_at=one.success_at if is_bad else self.now
        )

    def pass_time(self, director: Director, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            over = [work for at, work in self.ends if at <= self.now]
            self.ends = [(at, work) for at, work in self.ends if at > self.now]
            for work in over:
                work()
            director.tick()
            self.now += TICK_S

    def starts_of(self, name: str) -> list[float]:
        return [at for account, at in self.starts if account == name]

    def events(self, name: str) -> list[Mapping[str, object]]:
        return [facts for event, facts in self.told if event == name]


def timetable(name: str, **fields: float) -> Timetable:
    return Timetable(account=name, interval_s=INTERVAL_S, awake_since=START, **fields)


def world(*names: str, **how: object) -> World:
    return World(accounts={name: timetable(name, started_at=START - INTERVAL_S) for name in names}, **how)


def numbered(word: str, count: int) -> list[str]:
    return [f"{word}-{number}" for number in range(count)]


def longest_gap(starts: Sequence[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(starts))


def test_a_day_has_one_sync_per_slot_and_no_drift() -> None:
    """In 24 hours each account is synced once per slot, each time within one tick of the slot's beginning."""
    of = world("home", "work", lasts_s={"work": 400.0})

    of.pass_time(of.director(), DAY_S)

    for name in ("home", "work"):
        starts = of.starts_of(name)
        slots = [slot(of.accounts[name], at) for at in starts]
        assert list(range(slots[0], slots[0] + len(starts))) == slots
        late = [at - of_begin(of.accounts[name], at) for at in starts[3:]]  # the first began in the middle of a slot
        assert (145, True) == (len(starts), max(late) <= TICK_S)


def of_begin(one: Timetable, at: float) -> float:
    """When the slot began that a moment is in, within a second."""
    low, high = at - one.interval_s, at
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if slot(one, middle) == slot(one, at) else (middle, high)
    return high


def test_a_long_sync_is_not_started_again_and_missed_slots_are_not_made_up_for() -> None:
    """A sync of 25 minutes overlaps nothing, and when it ends one sync follows, not three."""
    of = world("work", lasts_s={"work": 1_500.0})

    of.pass_time(of.director(), 6 * 3600)

    assert 13 <= len(of.starts_of("work")) <= 15


def test_a_hung_sync_does_not_stop_the_others() -> None:
    """Accounts whose sync never ends are left to themselves; the others go on in their slots."""
    hung = numbered("hung", SIZE - 1)
    of = world(*hung, "home", lasts_s=dict.fromkeys(hung, FOR_EVER))

    of.pass_time(of.director(), DAY_S)

    assert (1, 145) == (len(of.starts_of("hung-0")), len(of.starts_of("home")))


def test_more_hung_syncs_than_workers_stop_the_others_for_a_while() -> None:
    """Syncs that outlast every timeout do not count as workers any longer; until then the crowd is told of."""
    hung = numbered("hung", 3 * SIZE)
    of = world(*hung, "home", lasts_s=dict.fromkeys(hung, FOR_EVER))

    of.pass_time(of.director(), DAY_S)

    bound = 3 * (INTERVAL_S + HUNG_AFTER_S) + INTERVAL_S
    assert longest_gap([START, *of.starts_of("home")]) <= bound
    assert of.events("crowded")[0]["waiting"]
    assert set(hung) == set(of.events("crowded")[-1]["hung"])


def test_accounts_that_fail_slowly_leave_room_for_the_others() -> None:
    """Twenty accounts whose calls never return take half of the workers, and the others keep their slots."""
    bad, good = numbered("bad", 20), numbered("good", 4)
    of = world(*bad, *good, lasts_s=dict.fromkeys(bad, CLIENT_GIVES_UP_S), fails=set(bad))
    director = of.director()
    of.pass_time(director, 6 * INTERVAL_S)
    of.starts.clear()

    of.pass_time(director, DAY_S)

    assert all(longest_gap(of.starts_of(name)) <= INTERVAL_S + 2 * TICK_S for name in good)
    assert all(len(of.starts_of(name)) >= 3 for name in bad)
    assert of.most_running <= SIZE


def test_no_more_syncs_than_workers() -> None:
    """Of forty accounts that are due at once four are synced at a time, and each has its turn."""
    names = numbered("account", 40)
    of = world(*names, lasts_s=dict.fromkeys(names, 20.0))

    of.pass_time(of.director(), INTERVAL_S)

    assert (set(names), SIZE) == ({name for name, _ in of.starts}, of.most_running)


def test_who_waits_longest_goes_first() -> None:
    """Where there are fewer workers than accounts, the one whose last start is longest ago begins."""
    of = world(*numbered("account", 6))
    for age, name in enumerate(of.accounts):
        of.accounts[name] = replace(of.accounts[name], started_at=START - (age + 1) * INTERVAL_S)

    assert [f"account-{number}" for number in (5, 4, 3, 2)] == of.director().tick()


def test_silence_is_told_once_per_slot() -> None:
    """From the third slot without a success on; the sync that hangs is the reason, and it may be the first one."""
    of = world("hung", lasts_s={"hung": FOR_EVER})

    of.pass_time(of.director(), 10 * INTERVAL_S)

    slots = [facts["slots"] for facts in of.events("silent")]
    assert list(range(SILENT_SLOTS, SILENT_SLOTS + len(slots))) == slots
    assert 7 <= len(slots) <= 8


def test_a_pause_is_no_silence() -> None:
    """Neither while an account is paused nor when it has just woken up anything is told, and it is synced at once."""
    of = world("home", paused={"home"})
    director = of.director()
    of.pass_time(director, DAY_S)
    of.paused.clear()
    of.accounts["home"] = replace(of.accounts["home"], awake_since=of.now)

    of.pass_time(director, TICK_S)

    assert ([], 1) == (of.events("silent"), len(of.starts))


def test_a_failing_account_backs_off_and_comes_back() -> None:
    """Failures in a row space the tries out to six hours; the first success brings the usual slots back."""
    of = world("bad", fails={"bad"})
    director = of.director()
    of.pass_time(director, 2 * DAY_S)
    tries = of.starts_of("bad")
    of.fails.clear()
    of.pass_time(director, LONGEST_BACK_OFF_S + INTERVAL_S)
    before = len(of.starts_of("bad"))

    of.pass_time(director, 10 * INTERVAL_S)

    assert [2, 4, 8, 16, 32, 36, 36] == [round((later - at) / INTERVAL_S) for at, later in pairwise(tries)][1:8]
    assert 9 <= len(of.starts_of("bad")) - before <= 11


@pytest.mark.parametrize(("interval_s", "failures", "slots"), [(60.0, 99, 360), (600.0, 99, 36), (DAY_S, 99, 1)])
def test_a_failing_account_is_tried_every_six_hours(interval_s: float, failures: int, slots: int) -> None:
    """However short its interval, and however often it failed; or in each slot where those are longer."""
    assert slots == back_off_slots(Timetable(account="bad", interval_s=interval_s, failures=failures))


def test_of_two_triggers_one_leads() -> None:
    """A trigger that does not lead starts nothing, and takes over as soon as it does; both are told once."""
    of = world("work", leads=False)
    director = of.director()
    of.pass_time(director, DAY_S)
    idle = len(of.starts)
    of.leads = True

    of.pass_time(director, 2 * TICK_S)

    assert (0, 1) == (idle, len(of.starts))
    assert ["waits", "leads"] == [event for event, _ in of.told]


def test_a_start_that_the_store_refuses_is_none() -> None:
    """Where the lead is lost between the look and the start, nothing is started."""

    class Late(World):
        def start(self, account: str) -> bool:
            self.leads = False
            return super().start(account)

    of = Late(accounts={"work": timetable("work")})
    director = of.director()

    assert ([], {}) == (director.tick(), dict(director.at_work))


def test_who_is_to_stop_starts_nothing() -> None:
    """Once it is told to end, a tick that comes late starts nothing new."""
    of = world("work")

    assert [] == of.director(stopping=lambda: True).tick()


def test_accounts_do_not_all_begin_together() -> None:
    """The slots of different accounts begin at different moments."""
    slots = [timetable(f"account-{number}") for number in range(20)]

    begins = {next(at for at in range(600) if slot(one, START + at) > slot(one, START)) for one in slots}

    assert len(begins) > 15


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    """A start that lies a year ahead is of a clock that was wrong; one a second ahead, at a slot's edge, is not."""
    ahead = timetable("home", started_at=START + 365 * DAY_S)
    edge = of_begin(timetable("home"), START)

    assert is_due(ahead, START)
    assert not is_due(timetable("home", started_at=edge + 1), edge - 1)


@pytest.mark.parametrize(
    ("leader", "started_at", "silent"),
    [
        (None, None, {}),
        (Leader(holder="a", lasts_s=-9.0), None, {}),
        (Leader(holder="a", lasts_s=9.0), None, {"home": 6}),
        (None, START, {"home": 6}),
    ],
)
def test_whose_silence_it_is(leader: Leader | None, started_at: float | None, silent: dict[str, int]) -> None:
    """Who syncs by hand is not called silent; who had a trigger is, also when that died."""
    one = replace(timetable("home"), started_at=started_at)

    assert silent == state_of(leader, Outlook(at=START + 6 * INTERVAL_S, accounts=[one])).silent
    assert 0 == silent_slots(one, START + INTERVAL_S)


def test_a_crowd_is_told_now_and_then() -> None:
    """As long as accounts wait for a worker it is told every ten minutes, not at every tick."""
    hung = numbered("hung", SIZE)
    of = world(*hung, "home", lasts_s=dict.fromkeys(hung, FOR_EVER))
    of.accounts["home"] = replace(of.accounts["home"], started_at=START - 1)

    of.pass_time(of.director(), INTERVAL_S + HUNG_AFTER_S)

    assert 1 <= len(of.events("crowded")) <= (INTERVAL_S + HUNG_AFTER_S) / AGAIN_S + 1
