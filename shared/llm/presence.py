"""Is the model there, and in memory? Loading one takes minutes on a slow disk: that goes on beside the calls."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from shared import clock
from shared.errors import EmailAgentError, LlmBusy, ModelMissing
from shared.llm.answers import Model
from shared.llm.breaker import Breaker


class Server(Protocol):
    """What is asked of a server before it is asked about mail."""

    def installed(self) -> Model | None:
        """Return the model as the server lists it; None if it is not there."""

    def loaded(self) -> Sequence[Model]:
        """Return the models in the server's memory."""

    def preload(self) -> None:
        """Load the model and keep it."""


@dataclass(slots=True, kw_only=True)
class Presence:
    """A model on a server. One load at a time: a client that hung up at its deadline would abort it, for ever."""

    server: Server
    model: str
    breaker: Breaker
    now: Callable[[], float] = clock.now
    _load: "_Load | None" = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, *, deadline: float) -> None:
        """Return when the model is in memory; ModelMissing, LlmBusy while it is loaded, or the server's trouble."""
        with self._lock:
            load = self._load
        if load is None:
            if self._look():
                return
            load = self._begin()
        if not load.done.wait(max(0.0, deadline - self.now())):
            raise LlmBusy("the language model is being loaded into its server's memory")
        with self._lock:
            self._load = None
        if load.error is not None:
            raise load.error

    def _look(self) -> bool:
        """Return whether the model is in memory. The breaker is not asked: who mended the server waits for this."""
        found = self.server.installed()
        if found is None:
            detail = f"the language model's server does not have the model {self.model!r}"
            raise ModelMissing(detail, hint=f"ollama pull {self.model}")
        is_loaded = any(model.name == found.name for model in self.server.loaded())
        self.breaker.seen_well()
        return is_loaded

    def _begin(self) -> "_Load":
        with self._lock:
            if self._load is None:
                self._load = _Load()
                threading.Thread(target=self._load.run, args=(self.server, self.breaker), daemon=True).start()
            return self._load


class _Load:
    """A load that goes on, and what came of it."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.error: EmailAgentError | None = None

    def run(self, server: Server, breaker: Breaker) -> None:
        """Load; whoever waits learns the error."""
        try:
            with breaker.call():
                server.preload()
        except EmailAgentError as error:
            self.error = error
        finally:
            self.done.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """How the model is doing. `fault`: why it cannot be asked, empty if it can; `version` is its server's."""

    url: str
    model: str
    slots: int
    version: str = ""
    is_installed: bool = False
    is_loaded: bool = False
    fault: str = ""
    hint: str = ""


class Informant(Server, Protocol):
    """A server that also tells its version."""

    def version(self) -> str:
        """Return the server's version."""


def state_of(server: Informant, known: ModelState) -> ModelState:
    """Ask a server how the model is doing; no fault of it is an error here."""
    try:
        known = replace(known, version=server.version())
        found = server.installed()
        if found is None:
            return replace(known, fault=f"the model {known.model!r} is not there", hint=f"ollama pull {known.model}")
        is_loaded = any(model.name == found.name for model in server.loaded())
        return replace(known, is_installed=True, is_loaded=is_loaded)
    except EmailAgentError as error:
        return replace(known, fault=error.detail, hint=error.hint)
