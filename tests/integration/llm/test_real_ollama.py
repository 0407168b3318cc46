"""A real Ollama that is slow, full, cut off or killed; and what of its answers the client takes for granted.

What it does when all is well, tests/conformance/llm holds it to, and the fake with it.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from shared import clock
from shared.errors import DeadlineExceeded, EmailAgentError, LlmDown
from shared.llm.breaker import FIRST_REST_S, Breaker
from shared.llm.classifier import Classifier
from shared.llm.faults import TOO_LONG
from shared.llm.ollama import TOP_LOGPROBS, Ollama, OllamaSettings
from shared.llm.prompt import Question, mail_block, menu
from shared.rules.rule_set import Category
from tests.fakes.mails import stored
from tests.fixtures.ollama import RealOllama, started, stopped
from tests.fixtures.tiny_model import CONTEXT, MODEL

CATEGORIES = tuple(Category(name=name, description=f"mail about {name}") for name in ("invoices", "dev", "family"))
QUESTION = menu(CATEGORIES).first_question(mail_block(stored()))
LONG = Question(messages=({"role": "user", "content": "x" * (CONTEXT - 100)},), labels=QUESTION.labels)
LONG_S = 120.0
SHORT_S = 1.0
HALF_A_SECOND = 0.5
POLL_S = 0.05


def client(server: RealOllama) -> Ollama:
    return Ollama.at(OllamaSettings(url=server.url, model=MODEL, answer_timeout_s=LONG_S))


def ask(server: RealOllama, question: Question = QUESTION, seconds: float = LONG_S) -> str:
    return client(server).chat(question, deadline=clock.now() + seconds).choice.label


def post(server: RealOllama, **changes: Any) -> requests.Response:
    """What the client would send, with changes."""
    document = {
        "model": MODEL, "messages": [dict(message) for message in QUESTION.messages], "stream": False, "think": False,
        "truncate": False, "options": {"temperature": 0, "num_predict": 16}, "logprobs": True,
        "top_logprobs": TOP_LOGPROBS, "format": {"enum": list(QUESTION.labels)},
    } | changes  # fmt: skip
    return requests.post(f"{server.url}/api/chat", json=document, timeout=LONG_S)


class Call(threading.Thread):
    """A question asked beside the test: its label, or the name of its error."""

    def __init__(
        self,
        server: RealOllama,
        question: Question = QUESTION,
        seconds: float = LONG_S,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()
        self.found = ""
        self._client = replace(client(server), sleep=sleep)
        self._question, self._deadline = question, clock.now() + seconds

    def run(self) -> None:
        """Ask."""
        try:
            self.found = self._client.chat(self._question, deadline=self._deadline).choice.label
        except EmailAgentError as error:
            self.found = type(error).__name__


@contextmanager
def asking(*calls: Call) -> Iterator[None]:
    """The calls are made meanwhile, and answered afterwards."""
    for call in calls:
        call.start()
    yield
    for call in calls:
        call.join(LONG_S)


# -- what the client takes for granted


def test_chat(real_ollama: RealOllama) -> None:
    """An answer is whole when it says `done` and `stop`; its numbers are tokens and nanoseconds."""
    answer = post(real_ollama).json()

    assert (True, "stop") == (answer["done"], answer["done_reason"])
    assert answer["prompt_eval_count"] > answer["eval_count"] > 0
    assert answer["total_duration"] > answer["prompt_eval_duration"] > 0


def test_enum(real_ollama: RealOllama) -> None:
    """A grammar of letters leaves nothing but a letter in quotes; without it the model says what it likes."""
    free = post(real_ollama, format=None, options={"temperature": 0, "num_predict": 3})

    assert post(real_ollama).json()["message"]["content"].strip() in {f'"{label}"' for label in QUESTION.labels}
    assert free.json()["message"]["content"].strip('" ') not in QUESTION.labels


def test_logprobs(real_ollama: RealOllama) -> None:
    """Each position has the 20 likeliest tokens as the model weighed them before the grammar: not only labels."""
    positions = post(real_ollama).json()["logprobs"]
    letter = next(one for one in positions if one["token"] in QUESTION.labels)

    assert {TOP_LOGPROBS} == {len(one["top_logprobs"]) for one in positions}
    assert any(other["token"] not in QUESTION.labels for other in letter["top_logprobs"])
    assert max(other["logprob"] for other in letter["top_logprobs"]) >= letter["logprob"]


def test_a_prompt_too_long(real_ollama: RealOllama) -> None:
    """With `truncate: false` a prompt over the context is refused, 400; without, it loses its beginning in silence."""
    long = [{"role": "user", "content": "x" * 2 * CONTEXT}]
    refused, cut = post(real_ollama, messages=long), post(real_ollama, messages=long, truncate=True, shift=True)

    assert 400 == refused.status_code
    assert any(sign in refused.json()["error"] for sign in TOO_LONG)
    assert (200, True) == (cut.status_code, cut.json()["prompt_eval_count"] <= CONTEXT)


def test_an_unknown_model(real_ollama: RealOllama) -> None:
    """A model that is not there is told, 404."""
    answer = post(real_ollama, model="no-such-model")

    assert (404, "model 'no-such-model' not found") == (answer.status_code, answer.json()["error"])


def test_a_model_that_cannot_think(real_ollama: RealOllama) -> None:
    """Thinking is asked for only where a model can: else 400; so the client always says no."""
    assert (400, 200) == (post(real_ollama, think=True).status_code, post(real_ollama, think=False).status_code)


# -- slow, full, cut off, killed


def test_a_slow_load(own_ollama: RealOllama) -> None:
    """A call that ends while the model loads makes the server give the load up; a preload, which waits, brings it."""
    first = Call(own_ollama, seconds=HALF_A_SECOND)
    with asking(first), stopped(own_ollama.engine()) as given_up:
        first.join(LONG_S)
        own_ollama.wait_for_end(given_up)
    preload = threading.Thread(target=client(own_ollama).preload)
    preload.start()
    with stopped(own_ollama.engine(), seconds=SHORT_S):
        pass
    preload.join(LONG_S)

    assert "DeadlineExceeded" == first.found
    assert [MODEL] == [model.name.removesuffix(":latest") for model in client(own_ollama).loaded()]
    assert ask(own_ollama) in QUESTION.labels


def test_a_full_queue(tmp_path: Path) -> None:
    """While a model loads, calls wait, as many as the server allows; one more is refused, waits, and is answered."""
    full, loaded = threading.Semaphore(0), threading.Event()

    def wait(_seconds: float) -> None:
        full.release()
        loaded.wait(LONG_S)
        time.sleep(SHORT_S)

    with started(tmp_path, OLLAMA_MAX_QUEUE="1") as server:
        server.create_model(tmp_path)
        calls = [Call(server, sleep=wait) for _ in range(4)]  # one loads the model, one waits in the queue
        with asking(*calls):
            with stopped(server.engine()):
                was_refused = full.acquire(timeout=LONG_S) and full.acquire(timeout=LONG_S)
            while not any(call.found for call in calls):  # each of them ends at its deadline
                time.sleep(POLL_S)
            loaded.set()

    assert was_refused
    assert {call.found for call in calls} <= set(QUESTION.labels)


def test_cancel(own_ollama: RealOllama) -> None:
    """A call that is cut in the middle frees its slot: as many as there are slots are cut, and all still answer."""
    ask(own_ollama)
    cut = [Call(own_ollama, LONG, SHORT_S) for _ in range(2)]
    with asking(*cut), stopped(own_ollama.engine()):
        for call in cut:
            call.join(LONG_S)
    again = [Call(own_ollama) for _ in range(2)]
    with asking(*again):
        pass

    assert ["DeadlineExceeded"] * 2 == [call.found for call in cut]
    assert {call.found for call in again} <= set(QUESTION.labels)


def test_a_server_that_stands_still(own_ollama: RealOllama) -> None:
    """A call ends at its deadline while the server accepts and says nothing; afterwards it answers again."""
    with stopped(own_ollama.pid), pytest.raises(DeadlineExceeded):
        ask(own_ollama, seconds=SHORT_S)

    assert ask(own_ollama) in QUESTION.labels


def test_killed_in_the_middle_of_an_answer(own_ollama: RealOllama) -> None:
    """A server that is killed while it owes an answer is down: the call says so, and does not wait for its deadline."""
    ask(own_ollama)
    started_at = time.monotonic()
    call = Call(own_ollama, LONG)
    with asking(call), stopped(own_ollama.engine(), seconds=SHORT_S):
        own_ollama.kill()

    assert "LlmDown" == call.found
    assert time.monotonic() - started_at < LONG_S / 2


def test_an_engine_killed_in_the_middle_of_an_answer(own_ollama: RealOllama) -> None:
    """The process with the model is killed, by a machine short of memory for instance: it is loaded anew and asked."""
    ask(own_ollama)
    engine = own_ollama.engine()
    call = Call(own_ollama)
    with asking(call), stopped(engine, seconds=SHORT_S):
        os.kill(engine, signal.SIGKILL)

    assert call.found in QUESTION.labels
    assert engine != own_ollama.engine()


def test_the_same_server_again(tmp_path: Path) -> None:
    """Where a server died the breaker lets one call in a while through, and once it is back it is asked again."""
    with started(tmp_path) as server:
        server.create_model(tmp_path)
        now = [0.0]
        classifier = Classifier(server=client(server), model=MODEL, breaker=Breaker(now=lambda: now[0]))
        server.kill()
        for expected in ("no language model answers", "left alone"):
            with pytest.raises(LlmDown) as caught:
                classifier.classify(stored(), CATEGORIES, deadline=clock.now() + LONG_S)
            assert expected in caught.value.detail
    now[0] += FIRST_REST_S
    with started(tmp_path, port=server.port):
        verdict = classifier.classify(stored(), CATEGORIES, deadline=clock.now() + LONG_S)

    assert {verdict.category} <= {"invoices", "dev", "family", None}
