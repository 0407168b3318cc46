"""The whole way on real servers: mail on Dovecot, PostgreSQL, a language model's server that speaks HTTP, or fails."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.llm.breaker import Breaker
from shared.llm.classifier import Classifier
from shared.llm.ollama import Ollama, OllamaSettings
from shared.llm.presence import Presence
from shared.status import Status
from tests.fakes.ollama_server import Document, OllamaServer, Step, chat_answer, drip, say
from tests.fixtures.agent import Agent
from tests.fixtures.dovecot import DovecotUser, free_port
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail
from tests.integration.llm_chain.asker import RULES, Asker

pytestmark = pytest.mark.dovecot

SURE = {"A": 0.9, "B": 0.05, "C": 0.02}
MAILS = 4


@dataclass(kw_only=True)
class ScriptedOllama(OllamaServer):
    """A server that is well but for how it answers questions about mail."""

    always: tuple[int, Any] | None = None

    def chat(self, document: Document) -> tuple[int, Document]:
        return self.always or (200, chat_answer("A", shares=SURE))

    @property
    def questions(self) -> list[Document]:
        return [document for document in self.seen if document["path"] == "/api/chat"]


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    with ScriptedOllama() as server:
        yield server


@pytest.fixture
def post(dovecot: DovecotUser) -> DovecotPost:
    """Four letters, and two parcels that a rule files."""
    post = DovecotPost(user=dovecot)
    for number in range(1, MAILS + 1):
        post.deliver(f"letter-{number}", mail(number, body=f"Dear reader, this is letter {number}.\n"))
    for number in (8, 9):
        post.deliver("parcel", mail(number, sender="a@shop.example"))
    return post


def classifier(url: str, *, model: str = "tiny", timeout_s: float = 5.0) -> Classifier:
    """Return a client as wiring makes it, that asks a busy server again without waiting."""
    settings = OllamaSettings(url=url, model=model, connect_timeout_s=2.0, answer_timeout_s=timeout_s)
    server, breaker = Ollama(settings=settings, wire=Ollama.at(settings).wire, sleep=lambda _s: None), Breaker()
    presence = Presence(server=server, model=model, breaker=breaker)
    return Classifier(server=server, model=model, breaker=breaker, presence=presence)


@pytest.fixture
def asker_at(post: DovecotPost, real_agent: Callable[..., Agent]) -> Callable[..., Asker]:
    """Make an agent of that mailbox whose model is at a URL."""

    def make(url: str, **settings: Any) -> Asker:
        return Asker(agent=real_agent(post.user, RULES), model=classifier(url, **settings))

    return make


def filed(post: DovecotPost) -> dict[str, int]:
    return {name: len(mails) for name, mails in post.found().items()}


def statuses(asker: Asker) -> list[tuple[Status, int]]:
    store = asker.agent.store
    found = [store.emails.get(f"<{number}@mail.example>") for number in range(1, MAILS + 1)]
    return [(history.status, history.attempts) for history in found]


def test_a_healthy_server_decides_what_no_rule_does(
    post: DovecotPost, ollama: ScriptedOllama, asker_at: Callable[..., Asker]
) -> None:
    """One question for each letter, with its text; none for what a rule files; a second sync asks nothing."""
    asker = asker_at(ollama.url)
    summary = asker.sync()
    asker.sync()

    assert {"Letters": MAILS, "Shop": 2} == filed(post)
    assert {"llm": MAILS, "rule:shop": 2} == summary.decided_by
    told = [document["messages"][1]["content"] for document in ollama.questions]
    assert [f"letter {number}." for number in range(MAILS, 0, -1)] == [
        next(word for word in (f"letter {number}." for number in range(1, 9)) if word in prompt) for prompt in told
    ]


def test_a_server_that_is_down_for_a_whole_sync(
    post: DovecotPost, ollama: ScriptedOllama, asker_at: Callable[..., Asker]
) -> None:
    """Rules file their mail, letters wait unread by anybody, nothing failed; when it is up again all is caught up."""
    asker = asker_at(f"http://127.0.0.1:{free_port()}")
    summary = asker.sync()

    assert {"INBOX": MAILS, "Shop": 2} == filed(post)
    assert ("done", "down", MAILS) == (summary.outcome, summary.llm["state"], summary.llm["waiting"])  # type: ignore[index]
    assert "no language model answers at http://127.0.0.1:" in summary.llm["detail"]  # type: ignore[index]
    assert [(Status.UNCERTAIN, 0)] * MAILS == statuses(asker)
    assert asker.agent.store.emails.get("<1@mail.example>").email.text is None

    asker.model = classifier(ollama.url)
    assert MAILS == asker.sync().counts["applied"]
    assert {"Letters": MAILS, "Shop": 2} == filed(post)


@pytest.mark.parametrize(
    ("chat", "state"),
    [((503, {"error": "server busy"}), "busy"), ((502, {"error": "bad gateway"}), "down")],
)
def test_a_server_in_trouble_fails_no_mail(
    chat: Any, state: str, post: DovecotPost, ollama: ScriptedOllama, asker_at: Callable[..., Asker]
) -> None:
    """Its queue is full, or a proxy cannot reach it: the mail waits, no attempt counts, rules go on."""
    ollama.always = chat
    asker = asker_at(ollama.url)
    summary = asker.sync()

    assert ({"INBOX": MAILS, "Shop": 2}, state) == (filed(post), summary.llm["state"])  # type: ignore[index]
    assert [(Status.UNCERTAIN, 0)] * MAILS == statuses(asker)


def test_a_server_without_the_model_says_what_to_pull(
    post: DovecotPost, ollama: ScriptedOllama, asker_at: Callable[..., Asker]
) -> None:
    """No mail is sent to it, and the summary names the command."""
    summary = asker_at(ollama.url, model="other:7b").sync()

    assert ("missing", "ollama pull other:7b") == (summary.llm["state"], summary.llm["hint"])  # type: ignore[index]
    assert ([], {"INBOX": MAILS, "Shop": 2}) == (ollama.questions, filed(post))


@pytest.mark.parametrize(
    "chat",
    [(200, chat_answer("Z")), (200, chat_answer("A", done=False)), (200, {"nonsense": 1}), (500, {"error": "oops"})],
    ids=["unknown-label", "not-done", "garbage", "500"],
)
def test_answers_of_no_use_move_nothing(
    chat: Any, post: DovecotPost, ollama: ScriptedOllama, asker_at: Callable[..., Asker]
) -> None:
    """The mail stays and is tried again later; three in a row and the server is left alone."""
    ollama.always = chat
    asker = asker_at(ollama.url)
    summary = asker.sync()

    assert ({"INBOX": MAILS, "Shop": 2}, "down") == (filed(post), summary.llm["state"])  # type: ignore[index]
    assert [(Status.UNCERTAIN, 0), *[(Status.UNCERTAIN, 1)] * 3] == statuses(asker)


def test_an_answer_without_probabilities_waits_for_a_person(
    post: DovecotPost, ollama: ScriptedOllama, asker_at: Callable[..., Asker]
) -> None:
    """Nobody knows how sure it was: nothing is moved."""
    ollama.always = (200, chat_answer("A", logprobs=None))
    asker = asker_at(ollama.url)
    asker.sync()

    assert ({"INBOX": MAILS, "Shop": 2}, [(Status.REVIEW, 0)] * MAILS) == (filed(post), statuses(asker))


def test_a_server_that_drips_is_cut_off(
    post: DovecotPost, ollama: ScriptedOllama, asker_at: Callable[..., Asker]
) -> None:
    """At the call's deadline it is cut, whatever comes byte by byte; the mail waits, and others go first next time."""
    asker = asker_at(ollama.url)
    asker.read_with_text()
    asker.model = classifier(ollama.url, timeout_s=0.5)
    well: list[Step] = [say(*ollama.answer(path, {})) for path in ("/api/tags", "/api/ps")]
    ollama.will(*well, drip(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"))
    answer = asker.ask()

    assert ("llm slow", [(Status.UNCERTAIN, 0)] * MAILS) == (answer.outcome, statuses(asker))
    assert ollama.hung_up.wait(10)
    asker.sync()
    assert {"INBOX": 1, "Letters": MAILS - 1, "Shop": 2} == filed(post)
