"""The client against a server that misbehaves on a real connection: whatever it does, the call ends, and in time."""

import json
import threading
from collections.abc import Iterator

import pytest

from shared import clock
from shared.errors import (
    BadAnswer,
    DeadlineExceeded,
    EmailAgentError,
    InvalidSettings,
    LlmDown,
    LlmFailed,
    ModelMissing,
    PromptTooLong,
)
from shared.llm.classifier import Classifier
from shared.llm.ollama import Ollama, OllamaSettings
from shared.llm.prompt import mail_block, menu
from shared.llm.trial import try_out
from shared.llm.wire import MAX_ANSWER_BYTES
from shared.rules.rule_set import Category
from tests.fakes.mails import stored
from tests.fakes.ollama_server import OllamaServer, Step, chat_answer, drip, options_sent, say, send, silence
from tests.fixtures.dovecot import free_port

TWO = (Category(name="invoices"), Category(name="dev"))
QUESTION = menu(TWO).first_question(mail_block(stored()))
SHORT_S = 0.4
LONG_S = 30.0
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = json.dumps(chat_answer("A")).encode()


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer() as running:
        yield running


def client(url: str) -> Ollama:
    settings = OllamaSettings(
        url=url, model="tiny", connect_timeout_s=2.0, answer_timeout_s=LONG_S, load_timeout_s=LONG_S
    )
    return Ollama.at(settings)


def ask(server: OllamaServer, seconds: float = LONG_S) -> str:
    return client(server.url).chat(QUESTION, deadline=clock.now() + seconds).choice.label


def test_a_healthy_server(server: OllamaServer) -> None:
    """Version, models, preload and questions work over a real connection; no option of loading is sent."""
    ollama = client(server.url)
    ollama.preload()

    assert ("0.24.0", True, ["tiny:latest"]) == (
        ollama.version(), ollama.has_model(), [model.name for model in ollama.loaded()],
    )  # fmt: skip
    assert "A" == ask(server)
    assert ["/api/generate", "/api/chat"] == [document["path"] for document in server.seen]
    assert {"temperature", "seed", "num_predict"} == options_sent(server.seen)


def test_a_whole_classification(server: OllamaServer) -> None:
    """From a mail to a verdict: the letter that the server chose is a category, with its share of the probability."""
    server.label = lambda document: "A" if "invoice" in document["messages"][1]["content"] else "U"
    settings = OllamaSettings(url=server.url, model="tiny")

    verdict = Classifier.at(settings).classify(stored(), TWO, deadline=clock.now() + LONG_S)

    assert ("invoices", "tiny") == (verdict.category, verdict.model)
    assert verdict.confidence is not None and 0.7 < verdict.confidence < 0.8


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (say(404, {"error": "model 'tiny' not found"}), ModelMissing),
        (say(404, b"404 page not found"), BadAnswer),
        (say(400, {"error": "the input length exceeds the context length"}), PromptTooLong),
        (say(200, chat_answer("Z")), BadAnswer),
        (say(200, b"<html>hello</html>"), BadAnswer),
        (say(200, {"done": True}), BadAnswer),
        (send(b"\x00\xff\x16\x03 no HTTP at all\r\n\r\n"), LlmFailed),
        (send(HEAD + b"Content-Encoding: gzip\r\n\r\n" + b"\x1f\x8b" + b"x" * 100), BadAnswer),
        (send(HEAD + b"\r\n" + b" " * MAX_ANSWER_BYTES + WHOLE), BadAnswer),
        (send(HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n" + WHOLE), LlmFailed),
        (send(b"HTTP/1.0 307 Temporary Redirect\r\nLocation: /api/chat\r\nContent-Length: 0\r\n\r\n"), BadAnswer),
    ],
)
def test_each_misbehaviour_has_its_name(server: OllamaServer, step: Step, kind: type[EmailAgentError]) -> None:
    """A refusal, garbage, a flood or a wrong turn ends as its own error."""
    server.will(step, step)

    with pytest.raises(kind) as caught:
        ask(server)

    assert kind is type(caught.value)


@pytest.mark.parametrize(
    "step",
    [
        say(500, {"error": "llama runner process has terminated: exit status 2"}),
        say(200, chat_answer("A", done=False)),
        send(b""),
        send(HEAD[:20]),
        send(HEAD + b"Content-Length: 500\r\n\r\n" + WHOLE[:100]),
        send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n40\r\n" + WHOLE[:20]),
    ],
)
def test_a_cut_is_asked_once_more(server: OllamaServer, step: Step) -> None:
    """A server that breaks down, or hangs up in the middle of an answer, is asked once more, and not a third time."""
    server.will(step)
    again = ask(server)
    server.will(step, step, step)

    with pytest.raises(LlmFailed):
        ask(server)

    assert ("A", 4) == (again, len(server.seen))


def test_a_full_queue_is_waited_for(server: OllamaServer) -> None:
    """503 is asked again until there is room."""
    server.will(say(503, {"error": "server busy, please try again.  maximum pending requests exceeded"}))

    assert ("A", 2) == (ask(server), len(server.seen))


def test_no_probabilities(server: OllamaServer) -> None:
    """An answer without probabilities is a label of unknown confidence."""
    server.will(say(200, chat_answer("A", logprobs=None)))

    choice = client(server.url).chat(QUESTION, deadline=clock.now() + LONG_S).choice

    assert ("A", None, None) == (choice.label, choice.confidence, choice.margin)


@pytest.mark.parametrize(
    "step",
    [
        drip(HEAD + b"\r\n" + WHOLE),
        drip(b"HTTP/1.0 200 OK\r\n" + b"X-Header: y\r\n" * 10_000),
        drip(HEAD + b"Content-Length: 100000\r\n\r\n"),
        drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n10000\r\n"),
        drip(b""),
    ],
)
def test_no_drip_outlives_its_deadline(server: OllamaServer, step: Step) -> None:
    """Bytes that come one by one, in headers or body, end with the deadline: the server finds that nobody listens."""
    server.will(step)

    with pytest.raises(DeadlineExceeded):
        ask(server, SHORT_S)

    assert server.hung_up.wait(LONG_S)
    assert 1 == len(server.seen)


def test_silence_ends_with_the_deadline(server: OllamaServer) -> None:
    """A server that accepts and says nothing is not waited for longer than the deadline, and not asked again."""
    server.will(silence)

    with pytest.raises(DeadlineExceeded):
        ask(server, SHORT_S)

    assert 1 == len(server.seen)


def test_nothing_is_left_running(server: OllamaServer) -> None:
    """After a call, answered or cut, no thread of it is left."""
    before = threading.active_count()
    ask(server)
    server.will(silence)
    with pytest.raises(DeadlineExceeded):
        ask(server, SHORT_S)

    mine = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    for timer in mine:
        timer.join(SHORT_S)

    assert not any(timer.is_alive() for timer in mine)
    assert threading.active_count() <= before + 1  # the server's own, for the silent connection


def test_a_trial_asks_what_no_server_has_in_memory(server: OllamaServer) -> None:
    """Both questions of a trial begin with a word that is new, and are the same up to the mail."""
    try_out(client(server.url), TWO, nonce="new-word")

    asked = [document["messages"] for document in server.seen if document["path"] == "/api/chat"]
    assert [2, 1] == [len(asked), len({messages[0]["content"] for messages in asked})]
    assert asked[0][0]["content"].startswith("new-word\n")
    assert asked[0][1] != asked[1][1]


def test_a_trial_tells_what_a_mail_could_write(server: OllamaServer) -> None:
    """A control token without any bracket would come through: that is told, and no other."""
    server.special = ("<unk>", "sop", "[INST]")

    found = try_out(client(server.url), TWO, nonce="n")

    assert (3, ("sop",), False) == (found.special_tokens, found.writable, found.thinks)


def test_a_trial_tells_of_a_model_that_thinks(server: OllamaServer) -> None:
    """Such a model answers later, and on some servers without a grammar at first."""
    server.capabilities = ("completion", "thinking")

    assert try_out(client(server.url), TWO, nonce="n").thinks


def test_nobody_listens() -> None:
    """Where no server is, that is said at once, with what to do; the breaker spares the next mail the attempt."""
    classifier = Classifier.at(OllamaSettings(url=f"http://127.0.0.1:{free_port()}", model="tiny"))
    found = []
    for _ in range(2):
        with pytest.raises(LlmDown) as caught:
            classifier.classify(stored(), TWO, deadline=clock.now() + LONG_S)
        found.append((caught.value.hint, "left alone" in caught.value.detail))

    assert [("start Ollama, or correct its address", False), ("start Ollama, or correct its address", True)] == found


@pytest.mark.parametrize("url", ["127.0.0.1:11434", "http://", "ftp://x.example", "http://[::1", "http://a b/"])
def test_an_address_that_is_none(url: str) -> None:
    """A setting that is no URL is a wrong setting, and not a server that is down."""

    with pytest.raises(InvalidSettings):
        client(url).version()


def test_proxies_of_the_environment_get_no_mail(server: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy named in the environment is not asked: mail goes to the model's server and nowhere else."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert "A" == ask(server)
