"""Whether the model is there and in memory; a load that takes longer than a call goes on beside it."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from shared import clock
from shared.errors import LlmBusy, LlmDown, LlmFailed, ModelMissing
from shared.llm.answers import Model
from shared.llm.breaker import Breaker, State
from shared.llm.presence import ModelState, Presence, state_of

TINY = Model(name="tiny:latest")


@dataclass
class FakeServer:
    """A server whose model is where a test says; a load waits for `may_end`."""

    has: Model | None = TINY
    in_memory: list[Model] = field(default_factory=list)
    fault: Exception | None = None
    may_end: threading.Event = field(default_factory=threading.Event)
    loads: int = 0

    def version(self) -> str:
        if self.fault is not None:
            raise self.fault
        return "0.24.0"

    def installed(self) -> Model | None:
        return self.has

    def loaded(self) -> list[Model]:
        return self.in_memory

    def preload(self) -> None:
        self.loads += 1
        assert self.may_end.wait(30)
        if self.fault is not None:
            raise self.fault
        self.in_memory = [TINY]


def presence(server: FakeServer) -> Presence:
    return Presence(server=server, model="tiny", breaker=Breaker())


def soon(seconds: float = 0.02) -> float:
    return clock.now() + seconds


def test_a_model_in_memory_can_be_asked() -> None:
    """Nothing is loaded that is loaded already."""
    server = FakeServer(in_memory=[TINY])
    presence(server).check(deadline=soon())

    assert 0 == server.loads


def test_a_model_that_is_not_there_is_named() -> None:
    """The error says how to get it."""
    with pytest.raises(ModelMissing) as caught:
        presence(FakeServer(has=None)).check(deadline=soon())

    assert "ollama pull tiny" == caught.value.hint


def test_a_slow_load_is_begun_once_and_outlives_its_call() -> None:
    """Calls meanwhile are told to wait; when it is done the model can be asked."""
    server = FakeServer()
    model = presence(server)
    for _ in range(3):
        with pytest.raises(LlmBusy, match="being loaded"):
            model.check(deadline=soon())
    server.may_end.set()
    model.check(deadline=soon(30))
    model.check(deadline=soon())

    assert 1 == server.loads


def test_a_load_that_fails_is_told_and_tried_again() -> None:
    """Its error reaches who waits; three in a row and the server is left alone."""
    server = FakeServer(fault=LlmFailed("no memory"))
    server.may_end.set()
    model = presence(server)
    for message in (*["no memory"] * 3, "left alone"):
        with pytest.raises(LlmDown, match=message):
            model.check(deadline=soon(30))

    assert (State.OPEN, 3) == (model.breaker.state, server.loads)


def test_a_server_that_is_up_again_can_be_asked_at_once() -> None:
    """Who started it does not wait until the breaker would try; one that broke down over calls is still left alone."""
    for error, expected in ((LlmDown("refused"), State.CLOSED), (LlmFailed("oops"), State.OPEN)):
        model = presence(FakeServer(in_memory=[TINY]))
        for _ in range(3):
            with suppress(LlmDown), model.breaker.call():
                raise error
        model.check(deadline=soon())

        assert expected is model.breaker.state


KNOWN = ModelState(url="http://h:1", model="tiny", slots=2)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (FakeServer(in_memory=[TINY]), ("0.24.0", True, True, "", "")),
        (FakeServer(), ("0.24.0", True, False, "", "")),
        (FakeServer(has=None), ("0.24.0", False, False, "the model 'tiny' is not there", "ollama pull tiny")),
        (FakeServer(fault=LlmDown("nobody", hint="start it")), ("", False, False, "nobody", "start it")),
    ],
)
def test_a_person_is_told_how_it_is_doing(server: FakeServer, expected: tuple[object, ...]) -> None:
    """A fault is an answer, too, and comes with what to do."""
    state = state_of(server, KNOWN)

    assert expected == (state.version, state.is_installed, state.is_loaded, state.fault, state.hint)
