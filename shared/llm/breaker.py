"""A circuit breaker: a dead language model costs one probe now and then, not a timeout for each mail."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from shared import clock
from shared.errors import BadAnswer, DeadlineExceeded, EmailAgentError, LlmDown, LlmFailed

FIRST_REST_S = 30.0
LONGEST_REST_S = 600.0
PATIENCE_S = 30.0
"""Silence for that long is the server's; a shorter call was cut by its caller's own deadline, and says little."""
TOLERATED_IN_A_ROW = 3
"""Breakdowns and answers of no use: one may be a mail's own fault, as many without an answer between them are not."""


class State(StrEnum):
    """What becomes of a call: it is made, refused, or made as the one that tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Opens when the server is down, lets one call through after a rest, and rests longer each time that fails.

    Threads may share it. It forgets with its process: that costs one probe, and is never wrong.
    """

    def __init__(self, *, now: Callable[[], float] = clock.now, first_rest_s: float = FIRST_REST_S) -> None:
        self._now = now
        self._first_rest_s = first_rest_s
        self._rest_s = 0.0
        self._opened_at = 0.0
        self._in_a_row = 0
        self._state = State.CLOSED
        self._why: EmailAgentError | None = None
        self._lock = threading.Lock()

    @property
    def state(self) -> State:
        """Whether calls are made at the moment."""
        return self._state

    @contextmanager
    def call(self) -> Iterator[None]:
        """Make a call within; LlmDown if it is too early for one. What the call raises decides what comes next."""
        is_probe = self._admit()
        began = self._now()
        try:
            yield
        except (LlmDown, DeadlineExceeded, BadAnswer) as error:
            is_silence = isinstance(error, DeadlineExceeded) and self._now() - began >= PATIENCE_S
            is_down = isinstance(error, LlmDown) and not isinstance(error, LlmFailed)
            if is_silence or is_down:
                self._open(error)
            else:
                self._tolerate(error)
            raise
        except Exception:
            self._close()  # the server answered, whatever it was
            raise
        except BaseException:
            self._give_up(is_probe)
            raise
        else:
            self._close()

    def seen_well(self) -> None:
        """The server answered a question that needs no model: if it could not be reached before, now it can."""
        was_down = isinstance(self._why, LlmDown) and not isinstance(self._why, LlmFailed)
        if self._state is State.OPEN and was_down:
            self._close()

    def _admit(self) -> bool:
        """Return whether this call is the one that tries; raise LlmDown if it may not be made."""
        with self._lock:
            if self._state is State.CLOSED:
                return False
            left_s = self._opened_at + self._rest_s - self._now()
            if self._state is State.HALF_OPEN or left_s > 0:
                raise self._too_early(left_s)
            self._state = State.HALF_OPEN
            return True

    def _too_early(self, left_s: float) -> LlmDown:
        why, hint = (self._why.detail, self._why.hint) if self._why else ("", "")
        error = LlmDown(f"the language model is left alone after a failure: {why}", hint=hint)
        error.retry_after_s = max(1, round(left_s))
        return error

    def _close(self) -> None:
        with self._lock:
            self._state, self._in_a_row, self._rest_s = State.CLOSED, 0, 0.0

    def _tolerate(self, error: EmailAgentError) -> None:
        with self._lock:
            self._in_a_row += 1
            too_many = self._in_a_row >= TOLERATED_IN_A_ROW or self._state is State.HALF_OPEN
        if too_many:
            self._open(error)

    def _open(self, error: EmailAgentError) -> None:
        with self._lock:
            if self._state is State.OPEN:  # of calls that failed together, the first says how long to rest
                return
            self._why = error
            self._rest_s = min(max(2 * self._rest_s, self._first_rest_s), LONGEST_REST_S)
            self._opened_at = self._now()
            self._state = State.OPEN

    def _give_up(self, is_probe: bool) -> None:
        """The call was broken off from outside: nothing is known, the next one may try."""
        with self._lock:
            if is_probe:
                self._state = State.OPEN
