"""The wish to end: the first signal is a wish, the second one kills, and some time after the first we are gone."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from shared.chain.sync import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LAST_RESORT_S = 10.0


class Stopping:
    """Whether somebody wants us to end; handed to whoever works, and to whoever waits."""

    def __init__(self) -> None:
        self._wish = threading.Event()

    def __call__(self) -> bool:
        """Whether to start nothing new."""
        return self._wish.is_set()

    def wish(self) -> None:
        """Wish it."""
        self._wish.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the wish, at most so long; return whether it came."""
        return self._wish.wait(seconds)

    def sleep(self, seconds: float) -> None:
        """Sleep, unless the wish comes: then raise Stopped."""
        if self._wish.wait(seconds):
            raise Stopped

    @contextmanager
    def on_signals(self, *, longest_s: float) -> Iterator[None]:
        """Take SIGINT, SIGTERM and SIGHUP for the wish; if the way out is blocked, leave it soon after `longest_s`."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            leave = threading.Timer(longest_s + LAST_RESORT_S, os._exit, [0])
            leave.daemon = True
            leave.start()
            self.wish()

        for number in SIGNALS:
            signal.signal(number, stop)
        yield
