"""The servers that every conformance case runs on: the fake, and a real Ollama where there is one."""

from collections.abc import Iterator

import pytest

from shared import clock
from shared.llm.ollama import Answer, Ollama, OllamaSettings, Way
from shared.llm.prompt import Question
from tests.fakes.ollama_server import OllamaServer
from tests.fixtures.ollama import real_ollama
from tests.fixtures.tiny_model import MODEL

__all__ = ["real_ollama"]

LONG_S = 120.0


@pytest.fixture(params=["fake", "real"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each server in turn, with the tiny model."""
    if request.param == "real":
        yield request.getfixturevalue("real_ollama").url
        return
    with OllamaServer(model=f"{MODEL}:latest") as server:
        yield server.url


def client(url: str, *, model: str = MODEL, way: Way = Way.ENUM) -> Ollama:
    return Ollama.at(OllamaSettings(url=url, model=model, answer_timeout_s=LONG_S, way=way))


def ask(ollama: Ollama, question: Question) -> Answer:
    return ollama.chat(question, deadline=clock.now() + LONG_S)
