"""Watch a mailbox being sorted by the real program: `make demo`, or python -m scripts.demo.run."""

import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from scripts.demo.agent import ROOT
from scripts.demo.processes import DemoError, end_leftovers, gone
from scripts.demo.seed import SeedError
from scripts.demo.show import Show
from scripts.demo.stage import Stage

HOME = ROOT / "var" / "demo"
REPORT = ROOT / "build" / "demo" / "report.json"
EXIT_FAILED = 1
EXIT_ALREADY_RUNNING = 6
SIGNAL_EXIT_BASE = 128
END_TIMEOUT_S = 10.0


class Interrupted(BaseException):
    """A person or the system wants the demo to end now."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main() -> int:
    """Run the demo and return the exit code; nothing it started is running any more then."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    show = Show(is_terminal=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    try:
        with _only_demo(HOME, show):
            _demo(show)
    except (DemoError, SeedError) as error:
        show.failure(f"{error}\n(logs are in {HOME.relative_to(ROOT)})")
        return EXIT_FAILED
    except BlockingIOError:
        show.failure("another demo is running in this folder")
        return EXIT_ALREADY_RUNNING
    except Interrupted as interruption:
        show.note("stopped, nothing is left running")
        return SIGNAL_EXIT_BASE + interruption.number
    return 0


def _demo(show: Show) -> None:
    started = time.monotonic()
    with ExitStack() as stack:
        stage = Stage(home=HOME, stack=stack, show=show)
        stage.open_mailbox()
        stage.start_functions()
        stage.add_account()
        stage.push_rules()
        stage.observe()
        stage.prove_untouched()
        stage.apply()
        stage.sync_again()
        stage.explain()
        report = stage.count()
        report.seconds["all"] = round(time.monotonic() - started, 2)
        report.write(REPORT)
        show.report(report)
        if os.environ.get("DEMO_HOLD", "0") not in {"", "0"}:
            _hold(stage)
    if not gone(HOME, timeout_s=END_TIMEOUT_S):
        raise DemoError(f"processes of {HOME} are still running")
    show.line(report.line)
    if report.faults:
        raise DemoError("; ".join(report.faults))


def _hold(stage: Stage) -> None:
    """Keep the mailbox open for a mail client until Ctrl-C."""
    stage.show.note(stage.invitation())
    try:
        while True:
            signal.pause()
    except Interrupted:
        _ignore_signals()


@contextmanager
def _only_demo(home: Path, show: Show) -> Iterator[None]:
    """Be the only demo of this folder, in a fresh home; the home stays for a look when the demo failed."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ended = end_leftovers(home)
        if ended:
            show.note(f"ended {ended} processes that an earlier, killed demo had left")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o700)
        try:
            yield
        finally:
            end_leftovers(home)
        shutil.rmtree(home, ignore_errors=True)


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave through the context managers once; a second Ctrl-C does not cut the tidying short."""
    _ignore_signals()
    raise Interrupted(number)


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
