"""The circuit breaker: when calls are made, when they are refused, when one tries."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from shared.errors import (
    BadAnswer,
    DeadlineExceeded,
    EmailAgentError,
    LlmBusy,
    LlmDown,
    LlmFailed,
    ModelMissing,
    PromptTooLong,
)
from shared.llm.breaker import LONGEST_REST_S, TOLERATED_IN_A_ROW, Breaker, State


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(now=clock, first_rest_s=30)


def attempt(breaker: Breaker, error: BaseException | None = None, *, takes: Callable[[], None] = lambda: None) -> bool:
    """Make a call that ends like this; return whether it was let through."""
    entered = False
    with suppress(EmailAgentError), breaker.call():
        entered = True
        takes()
        if error is not None:
            raise error
    return entered


@pytest.mark.parametrize("error", [LlmDown(), LlmBusy(), ModelMissing()])
def test_a_dead_server_costs_one_call(breaker: Breaker, error: EmailAgentError) -> None:
    """Of a hundred mails one finds out; the others are refused without a word to the server."""

    assert [True] + [False] * 99 == [attempt(breaker, error) for _ in range(100)]


def test_a_silent_server_costs_one_call(breaker: Breaker, clock: Clock) -> None:
    """A server that is waited for in vain is left alone by the next mail."""

    calls = [attempt(breaker, DeadlineExceeded(), takes=lambda: clock.pass_by(150)) for _ in range(2)]

    assert [True, False] == calls


@pytest.mark.parametrize("error", [LlmFailed(), BadAnswer(), DeadlineExceeded()])
def test_a_few_breakdowns_are_tolerated(breaker: Breaker, error: EmailAgentError) -> None:
    """One call may break the server down, get nonsense or have no time; so many in a row are the server's trouble."""

    assert [True] * TOLERATED_IN_A_ROW + [False] == [attempt(breaker, error) for _ in range(TOLERATED_IN_A_ROW + 1)]


def test_an_answer_forgives_breakdowns(breaker: Breaker) -> None:
    """Breakdowns with answers between them are not in a row."""

    calls = [attempt(breaker, error) for error in [LlmFailed(), None] * TOLERATED_IN_A_ROW]

    assert all(calls)
    assert State.CLOSED is breaker.state


def test_a_mail_too_long_is_an_answer(breaker: Breaker) -> None:
    """A server that refuses a prompt is alive."""

    assert [True] * 10 == [attempt(breaker, PromptTooLong()) for _ in range(10)]


def test_after_a_rest_one_call_tries(breaker: Breaker, clock: Clock) -> None:
    """When the rest is over one call is let through, and nobody else while it lasts."""
    attempt(breaker, LlmDown())
    clock.now += 29.9
    too_early = attempt(breaker)
    clock.now += 0.1

    with breaker.call():
        others = [attempt(breaker) for _ in range(3)]

    assert (False, [False] * 3, State.CLOSED) == (too_early, others, breaker.state)


def test_rests_grow_and_end(breaker: Breaker, clock: Clock) -> None:
    """Each try that fails doubles the rest, up to a bound; an answer starts anew."""
    rests = []
    for _ in range(7):
        attempt(breaker, LlmDown())
        began = clock.now
        while not attempt(breaker, LlmDown()) and clock.now < began + 2 * LONGEST_REST_S:
            clock.now += 5
        rests.append(clock.now - began)
        clock.now += LONGEST_REST_S

    assert attempt(breaker)
    attempt(breaker, LlmDown())
    clock.now += 30

    assert [30, 120, 480, 600, 600, 600, 600] == rests
    assert attempt(breaker)


def test_a_breakdown_of_the_one_that_tries_is_enough(breaker: Breaker, clock: Clock) -> None:
    """A server that breaks down over the first call after a rest rests again, and not for ever."""
    attempt(breaker, LlmDown())
    clock.now += 30
    calls = [attempt(breaker, LlmFailed()), attempt(breaker)]
    clock.now += 60

    assert [True, False, True] == [*calls, attempt(breaker)]


def test_calls_that_fail_together_are_one_failure(breaker: Breaker, clock: Clock) -> None:
    """Two slots that lose the server at once do not rest twice as long."""
    with suppress(LlmDown), breaker.call():
        attempt(breaker, LlmDown())
        raise LlmDown
    clock.now += 30

    assert attempt(breaker)


def test_whoever_breaks_off_leaves_the_try_to_others(breaker: Breaker, clock: Clock) -> None:
    """A try that is broken off from outside says nothing, and blocks nobody."""
    attempt(breaker, LlmDown())
    clock.now += 30
    with pytest.raises(KeyboardInterrupt):
        attempt(breaker, KeyboardInterrupt())

    assert attempt(breaker)


def test_a_refusal_says_why_and_until_when(breaker: Breaker, clock: Clock) -> None:
    """Whoever is refused learns what happened, what helps, and when to come back."""
    attempt(breaker, ModelMissing("the model 'x' is not there", hint="ollama pull x"))
    clock.now += 10

    with pytest.raises(LlmDown) as caught, breaker.call():
        pass

    assert "the model 'x' is not there" in caught.value.detail
    assert ("ollama pull x", 20) == (caught.value.hint, caught.value.retry_after_s)
