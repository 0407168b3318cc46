"""The client of one Ollama server: what it is asked, how long that may take, when it is asked again."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from shared.errors import InvalidSettings, LlmBusy, LlmFailed
from shared.llm.answers import LENGTH, STOP, ChatAnswer, Details, Loaded, Model, Models, Read, Version, finished, read
from shared.llm.faults import refusal, too_long
from shared.llm.prompt import Question
from shared.llm.verdict import Choice, chosen_label, likeliest_label
from shared.llm.wire import Reply, Wire

QUICK_S = 10.0
"""For questions that need no model."""
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
TRIES_IF_BUSY = 5
TRIES_IF_FAILED = 2
TOP_LOGPROBS = 20
"""As many as a server gives."""
MAX_ANSWER_TOKENS = 16
"""A quote, a letter and a quote, in whatever tokens the model has, and some white space after them."""
MAX_DETAILS_BYTES = 64 * 1024 * 1024
"""A vocabulary of 256,000 tokens with its scores and merges is about 20 MB of JSON."""
SEED = 1
FOREVER = -1
NS_PER_S = 1e9


class Way(StrEnum):
    """How the model is held to a label: by a grammar (about three tokens), or by looking at one free token."""

    ENUM = "enum"
    FREE = "one-token"


@dataclass(frozen=True, slots=True, kw_only=True)
class OllamaSettings:
    """Where the server is, which model, and how long things may take."""

    url: str = "http://127.0.0.1:11434"
    model: str = "mistral"
    connect_timeout_s: float = 5.0
    answer_timeout_s: float = 150.0
    load_timeout_s: float = 1_800.0
    way: Way = Way.ENUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The label that was chosen, and what that cost; `prompt_s` is spent on what was not computed before."""

    choice: Choice
    prompt_tokens: int
    prompt_s: float = 0.0
    answer_tokens: int = 0
    answer_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ollama:
    """One server, one model. Its caller keeps to as many calls at once as the server has slots.

    No option that belongs to loading is ever sent (num_ctx, num_thread, num_batch …): one that differs from the loaded
    model's makes the server unload it and load it again, for minutes. They belong into the server's environment.
    """

    settings: OllamaSettings
    wire: Wire
    sleep: Callable[[float], None] = field(default=time.sleep)

    @classmethod
    def at(cls, settings: OllamaSettings) -> "Ollama":
        """Return the client of a server; nothing is sent yet. InvalidSettings for a model that is not the server's."""
        if _is_in_a_cloud(settings.model):
            raise _elsewhere(settings.model, "in a cloud")
        return cls(settings=settings, wire=Wire(url=settings.url, connect_timeout_s=settings.connect_timeout_s))

    def chat(self, question: Question, *, deadline: float) -> Answer:
        """Ask for one of the question's labels; whatever happens, and however often, ends at the deadline.

        Raise LlmDown (LlmBusy, LlmFailed, ModelMissing) or DeadlineExceeded for its trouble, PromptTooLong for
        the mail's, BadAnswer for what cannot be trusted.
        """
        ends = min(deadline, self.wire.now() + self.settings.answer_timeout_s)
        body = self._retrying(ends)(self._chat_once, question, ends)
        choose = chosen_label if self.settings.way is Way.ENUM else likeliest_label
        return Answer(
            choice=choose(body, question.labels),
            prompt_tokens=body.prompt_eval_count,
            prompt_s=body.prompt_eval_duration / NS_PER_S,
            answer_tokens=body.eval_count,
            answer_s=body.eval_duration / NS_PER_S,
        )

    def preload(self) -> None:
        """Load the model and keep it: with a long timeout, because a client that hangs up aborts the load.

        Raise InvalidSettings if the model is but a name for one on another server.
        """
        found = self.installed()
        if found is not None and found.remote_host:
            raise _elsewhere(self.settings.model, "on another server")
        ends = self.wire.now() + self.settings.load_timeout_s
        document = {"model": self.settings.model, "keep_alive": FOREVER, "stream": False}
        if not self._read(Loaded, self.wire.post("/api/generate", document, deadline=ends)).done:
            raise LlmFailed("the language model's server did not finish loading the model")

    def version(self) -> str:
        """Return the server's version."""
        return self._get(Version, "/api/version").version

    def has_model(self) -> bool:
        """Return whether the server has the model; `latest` is meant where no tag is named."""
        return self.installed() is not None

    def installed(self) -> Model | None:
        """Return the model as the server lists it; None if it is not there."""
        wanted = _tagged(self.settings.model)
        listed = self._get(Models, "/api/tags").models or ()
        return next((model for model in listed if _tagged(model.name) == wanted), None)

    def loaded(self) -> tuple[Model, ...]:
        """Return the models in the server's memory."""
        return self._get(Models, "/api/ps").models or ()

    def details(self) -> Details:
        """Return what the server tells of the model, with its whole vocabulary."""
        document = {"model": self.settings.model, "verbose": True}
        ends = self.wire.now() + self.settings.answer_timeout_s
        reply = self.wire.post("/api/show", document, deadline=ends, max_bytes=MAX_DETAILS_BYTES)
        return self._read(Details, reply)

    def _get(self, shape: type[Read], path: str) -> Read:
        return self._read(shape, self.wire.get(path, deadline=self.wire.now() + QUICK_S))

    def _retrying(self, ends: float) -> Retrying:
        """Ask a busy server again, with jitter, and once more one that broke down.

        Not when half of the time is gone: a call that is cut in the middle keeps the server busy all the same.
        """
        last_start = (self.wire.now() + ends) / 2

        def give_up(state: RetryCallState) -> bool:
            failure = state.outcome.exception() if state.outcome else None
            tries = TRIES_IF_BUSY if isinstance(failure, LlmBusy) else TRIES_IF_FAILED
            return state.attempt_number >= tries or self.wire.now() + state.upcoming_sleep > last_start

        return Retrying(
            retry=retry_if_exception_type((LlmBusy, LlmFailed)),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S),
            stop=give_up,
            sleep=self.sleep,
            reraise=True,
        )

    def _chat_once(self, question: Question, ends: float) -> ChatAnswer:
        reply = self.wire.post("/api/chat", self._document(question), deadline=ends)
        answer = self._read(ChatAnswer, reply)
        if self.settings.way is Way.FREE:
            return finished(answer, (STOP, LENGTH))
        if answer.done_reason == LENGTH and answer.eval_count < MAX_ANSWER_TOKENS:
            raise too_long()  # the prompt fits but for the last few tokens: there is none left for the answer
        return finished(answer, (STOP,))

    def _document(self, question: Question) -> dict[str, object]:
        by_grammar = self.settings.way is Way.ENUM
        options = {"temperature": 0, "seed": SEED, "num_predict": MAX_ANSWER_TOKENS if by_grammar else 1}
        document: dict[str, object] = {
            "model": self.settings.model,
            "messages": [dict(message) for message in question.messages],
            "stream": False,
            "think": False,
            "truncate": False,  # else a long prompt loses its instructions, with HTTP 200
            "shift": False,
            "keep_alive": FOREVER,
            "logprobs": True,
            "top_logprobs": TOP_LOGPROBS,
            "options": options,
        }
        if by_grammar:  # an object of one field would let a model spend its tokens on white space
            document["format"] = {"enum": list(question.labels)}
        return document

    def _read(self, shape: type[Read], reply: Reply) -> Read:
        if reply.status != HTTPStatus.OK:
            raise refusal(reply.status, reply.body, model=self.settings.model)
        return read(shape, reply.body)


def _tagged(name: str) -> str:
    """Return a model's name with its tag; names have no case."""
    return (name if ":" in name.rpartition("/")[2] else f"{name}:latest").lower()


def _is_in_a_cloud(name: str) -> bool:
    """Return whether a server sends the prompts for a model of this name to Ollama's cloud."""
    _, colon, tag = name.strip().lower().rpartition(":")
    return bool(colon) and (tag == "cloud" or ("/" not in tag and tag.endswith("-cloud")))


def _elsewhere(model: str, where: str) -> InvalidSettings:
    detail = f"the model {model!r} runs {where}: mail would leave the language model's server"
    return InvalidSettings(detail, hint="choose a model that `ollama list` shows with a size")
