"""`agent trigger`: syncs each account when it is due, until it is told to stop; tells it in JSON lines."""

import datetime as dt
import json
import logging
import os
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import suppress

import click
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from shared.chain.client import FunctionsClient, Patience, check_gateway
from shared.chain.schedule import Director, Ledger, is_due
from shared.chain.scheduled_sync import ScheduledSync
from shared.cli.ending import Stopping
from shared.cli.exits import Exit
from shared.cli.stack import in_process, is_database_given
from shared.cli.sync import ANSWER_MARGIN_S
from shared.errors import EmailAgentError, InvalidSettings, LeaseHeld
from shared.settings import Settings
from shared.store.schedule import Post, TriggerLedger
from shared.timetable import Ending, Outlook
from shared.wiring import Wiring

TICK_S = 10.0
LEASE_TICKS = 3
"""Ticks that a leader may miss before another one takes over, and before it counts as dead."""
STOP_TIMEOUT_S = 25.0
"""How long calls in flight are waited for: less than the 30 s that container platforms give."""
POLL_S = 0.05


@click.command()
@click.option("--once", is_flag=True, help="Sync what is due now, wait for it, and end: for cron.")
@click.option("--check", is_flag=True, help="Only say whether a trigger is at work: exit code 0, else 1.")
@click.option(
    "--tick",
    "tick_s",
    type=click.FloatRange(0.1, 60.0),
    default=TICK_S,
    show_default=True,
    help="Seconds between two looks at what is due; another trigger takes over after three.",
)
def trigger(*, once: bool, check: bool, tick_s: float) -> int:
    """Sync each account when it is due, until SIGTERM or Ctrl-C; a second signal ends it at once.

    Several may run: one leads, the others wait to take over. What it does it tells in JSON lines.
    """
    if check:
        return _check()
    settings = Settings.from_environment()
    if once:
        check_gateway(settings.places.gateway_url)
    elif not is_database_given(settings):
        hint = "leave both running with: scripts/agent up --trigger"
        raise InvalidSettings(
            "a trigger needs a database that is there before it and after it (DATABASE_URL)", hint=hint
        )
    with in_process() as root:
        post = Post(holder=_holder(), lease_s=LEASE_TICKS * tick_s, interval_s=root.settings.trigger.interval_s)
        work = Trigger(root, root.store.schedule.ledger(post), tick_s)
        return work.once() if once else work.run()


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _check() -> int:
    with in_process() as root:
        leader = root.store.schedule.leader()
    if leader is not None and leader.is_alive:
        click.echo(f"a trigger is at work: {leader.holder}")
        return Exit.OK
    last = f": {leader.holder} was the last, and has been silent for {-leader.lasts_s:.0f} s" if leader else ""
    click.echo(f"no trigger is at work{last}", err=True)
    return Exit.ERROR


class Log:
    """Writes one JSON line for each event, and counts how syncs ended; a log that is full stops no sync."""

    def __init__(self) -> None:
        self.endings: Counter[object] = Counter()
        self._writing = threading.Lock()

    def __call__(self, event: str, **facts: object) -> None:
        """Write a line."""
        with self._writing, suppress(OSError):
            if event == "sync":
                self.endings[facts["ending"]] += 1
            sys.stdout.write(json.dumps({"trigger": event, **facts}, default=str) + "\n")
            sys.stdout.flush()


class Trigger:
    """A trigger: ticks, workers, and one way to end."""

    def __init__(self, root: Wiring, ledger: TriggerLedger, tick_s: float) -> None:
        self.log = Log()
        self.stopping = Stopping()
        self._ledger = ledger
        self._tick_s = tick_s
        self._failing = ""
        work, key = root.settings.work, root.signing_key
        patience = Patience(sleep=self.stopping.sleep)
        self._syncs = ScheduledSync(
            functions=lambda: FunctionsClient(
                gateway_url=root.settings.places.gateway_url,
                key=key,
                answer_timeout_s=work.deadline_s + ANSWER_MARGIN_S,
                patience=patience,
            ),
            endings=ledger,
            tell=self.log,
            max_mails=root.settings.trigger.max_mails,
            stopping=self.stopping,
        )
        self._size = work.max_inflight

    def run(self) -> int:
        """Tick until a signal comes, then end in good order."""
        director = self._director(self._ledger)
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a tick that was skipped is no news
        scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone=dt.UTC)
        scheduler.add_job(
            lambda: self._tick(director),
            "interval",
            seconds=self._tick_s,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=max(1, round(self._tick_s)),
            next_run_time=dt.datetime.now(dt.UTC),
        )
        with self.stopping.on_signals(longest_s=STOP_TIMEOUT_S):
            scheduler.start()
            notify("READY=1")
            self.stopping.wait()
            notify("STOPPING=1")
            scheduler.shutdown(wait=False)
            self._end(director)
        return Exit.OK

    def once(self) -> int:
        """Sync what is due now; no more than the workers at once."""
        due = DueNow(self._ledger)
        director = self._director(due)
        with self.stopping.on_signals(longest_s=STOP_TIMEOUT_S):
            director.tick()
            if not director.leads:
                raise LeaseHeld("another trigger is at work", hint="it syncs what is due")
            ticked = time.monotonic()
            while (director.at_work or due.left) and not self.stopping.wait(POLL_S):
                if not director.at_work or time.monotonic() - ticked >= self._tick_s:
                    self._tick(director)
                    ticked = time.monotonic()
            self._end(director)
        bad = self.log.endings[Ending.FAILED] + self.log.endings[Ending.SPARED]
        return Exit.ERROR if bad else Exit.OK

    def _director(self, ledger: Ledger) -> Director:
        return Director(
            ledger=ledger,
            sync=self._syncs,
            submit=lambda work: threading.Thread(target=work, daemon=True).start(),
            tell=self.log,
            size=self._size,
            stopping=self.stopping,
        )

    def _tick(self, director: Director) -> None:
        """Tick; an error is told when it comes and when it goes, the next tick comes anyway."""
        try:
            director.tick()
            failure = ""
        except EmailAgentError as error:
            failure = f"{type(error).__name__}: {error.detail}"
        if failure != self._failing:
            self.log("tick fails" if failure else "tick works again", **({"error": failure} if failure else {}))
            self._failing = failure
        notify("WATCHDOG=1")

    def _end(self, director: Director) -> None:
        """Wait for the calls in flight, write down what does not end, and let another trigger lead."""
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while director.at_work and time.monotonic() < deadline:
            time.sleep(POLL_S)
        left = self._syncs.give_up()
        with suppress(EmailAgentError):  # then its lease ends by itself
            self._ledger.leave()
        self.log("ended", left=left)


class DueNow:
    """A ledger of what is due at its first beat; each of these accounts is started once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._first: frozenset[str] | None = None
        self._started: set[str] = set()
        self.left: frozenset[str] = frozenset()

    def beat(self) -> Outlook | None:
        """Look, at those that are left."""
        outlook = self._ledger.beat()
        if outlook is None:
            return None
        if self._first is None:
            self._first = frozenset(one.account for one in outlook.accounts if is_due(one, outlook.at))
        accounts = [one for one in outlook.accounts if one.account in self._first - self._started]
        self.left = frozenset(one.account for one in accounts)
        return Outlook(at=outlook.at, accounts=accounts)

    def start(self, account: str) -> bool:
        """Note the start; it is this account's only one."""
        self._started.add(account)
        self.left -= {account}
        return self._ledger.start(account)


def notify(state: str) -> None:
    """Tell systemd, if it started us and wants to know (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
            teller.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            teller.sendall(state.encode())
