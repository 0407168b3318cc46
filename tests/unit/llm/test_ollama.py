"""The client without a server: what it sends, when it asks again, how it names what went wrong."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from shared.errors import (
    BadAnswer,
    DeadlineExceeded,
    EmailAgentError,
    InvalidSettings,
    LlmBusy,
    LlmDown,
    LlmFailed,
    ModelMissing,
    PromptTooLong,
)
from shared.llm.ollama import MAX_ANSWER_TOKENS, TRIES_IF_BUSY, Ollama, OllamaSettings, Way
from shared.llm.prompt import Question
from shared.llm.wire import MAX_ANSWER_BYTES, Wire
from tests.fakes.ollama_server import PROMPT_TOKENS, chat_answer

LOAD_TIME = {"num_ctx", "num_batch", "num_gpu", "num_thread", "use_mmap", "main_gpu", "num_keep", "low_vram", "numa"}
QUESTION = Question(
    messages=({"role": "system", "content": "s"}, {"role": "user", "content": "u"}), labels=("A", "B", "U")
)
GOOD = (200, chat_answer("A"))
TOO_LONG_0_34 = json.dumps(
    {"error": {"code": 400, "message": "request (9 tokens) exceeds the available context size (5)"}}
)
Scripted = tuple[int, object] | Exception


@dataclass
class FakeTransport(BaseAdapter):
    """Answers from a script; the last line answers for ever."""

    script: list[Scripted]
    seen: list[requests.PreparedRequest] = field(default_factory=list)
    options: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    takes: Callable[[], None] = lambda: None

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.seen.append(request)
        self.options.append(options)
        self.takes()
        line = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(line, Exception):
            raise line
        response = requests.Response()
        response.status_code, document = line
        response.raw = io.BytesIO(document if isinstance(document, bytes) else json.dumps(document).encode())
        response.headers.update(self.headers)
        response.request = request
        return response

    def close(self) -> None:
        """Nothing is open."""

    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(request.body or b"{}") for request in self.seen]


@dataclass
class FakeTime:
    """A clock that only moves when somebody sleeps."""

    now_s: float = 1_000.0
    sleeps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now_s += seconds

    def __call__(self) -> float:
        return self.now_s


Made = tuple[Ollama, FakeTransport, FakeTime]


@pytest.fixture
def server() -> Callable[..., Made]:
    def make(*script: Scripted, way: Way = Way.ENUM, url: str = "http://model.example:11434") -> Made:
        transport, time = FakeTransport(list(script)), FakeTime()

        def session() -> requests.Session:
            made = requests.Session()
            made.mount("http://", transport)
            return made

        settings = OllamaSettings(url=url, model="mistral", way=way)
        wire = Wire(url=url, connect_timeout_s=5.0, now=time, session=session)
        return Ollama(settings=settings, wire=wire, sleep=time.sleep), transport, time

    return make


def ask(client: Ollama, seconds: float = 150.0) -> str:
    return client.chat(QUESTION, deadline=client.wire.now() + seconds).choice.label


def test_what_is_sent(server: Callable[..., Made]) -> None:
    """The call is whole and final: no stream, no thinking, nothing cut in silence, a grammar of the labels."""
    client, transport, _ = server(GOOD)

    answer = client.chat(QUESTION, deadline=2_000.0)

    assert ("A", PROMPT_TOKENS) == (answer.choice.label, answer.prompt_tokens)
    assert "http://model.example:11434/api/chat" == transport.seen[0].url
    assert {
        "model": "mistral", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "stream": False, "think": False, "truncate": False, "shift": False, "keep_alive": -1, "logprobs": True,
        "top_logprobs": 20, "format": {"enum": ["A", "B", "U"]},
        "options": {"temperature": 0, "seed": 1, "num_predict": MAX_ANSWER_TOKENS},
    } == transport.documents()[0]  # fmt: skip


def test_one_token_is_free(server: Callable[..., Made]) -> None:
    """In the way of one token there is no grammar, and no second token; it may end for its length."""
    client, transport, _ = server((200, chat_answer("A", done_reason="length")), way=Way.FREE)

    assert "A" == ask(client)
    assert ("format" not in transport.documents()[0], 1) == (True, transport.documents()[0]["options"]["num_predict"])


@pytest.mark.parametrize("way", Way)
def test_no_option_of_loading_is_ever_sent(server: Callable[..., Made], way: Way) -> None:
    """Options that make a server load its model anew are in no call, and preloading has none at all."""
    client, transport, _ = server(GOOD, way=way)
    ask(client)
    client.preload()

    assert set() == LOAD_TIME & {name for document in transport.documents() for name in document.get("options", {})}
    assert {"model": "mistral", "keep_alive": -1, "stream": False} == transport.documents()[-1]


def test_timeouts_end_with_the_deadline(server: Callable[..., Made]) -> None:
    """Connecting and waiting have timeouts, none of which reaches past the caller's deadline."""
    client, transport, _ = server(GOOD)
    ask(client, seconds=400)
    ask(client, seconds=3)

    assert [(5.0, 150.0), (3.0, 3.0)] == [options["timeout"] for options in transport.options]


def test_no_call_without_time(server: Callable[..., Made]) -> None:
    """When the deadline has come nothing is sent."""
    client, transport, _ = server(GOOD)

    with pytest.raises(DeadlineExceeded):
        ask(client, seconds=0)

    assert [] == transport.seen


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ((400, {"error": "the input length exceeds the context length"}), PromptTooLong),
        ((400, {"error": TOO_LONG_0_34}), PromptTooLong),
        ((400, {"error": '"mistral" does not support chat'}), BadAnswer),
        ((404, {"error": "model 'mistral' not found"}), ModelMissing),
        ((404, {"error": 'model "mistral" not found, try pulling it first'}), ModelMissing),
        ((404, b"404 page not found"), BadAnswer),
        ((302, b""), BadAnswer),
        ((401, {"error": "unauthorized"}), BadAnswer),
        ((502, b"<html>"), LlmDown),
        ((200, b"<html>"), BadAnswer),
        ((200, []), BadAnswer),
        ((200, b"[" * 100_000), BadAnswer),
        ((200, chat_answer("A", message={"content": 7})), BadAnswer),
        ((200, chat_answer("A", logprobs=[{"token": "A", "logprob": "x"}])), BadAnswer),
        ((200, chat_answer("A", prompt_eval_count=-1)), BadAnswer),
        ((200, chat_answer("Z")), BadAnswer),
        ((200, chat_answer("A", done_reason="length", eval_count=MAX_ANSWER_TOKENS)), BadAnswer),
        ((200, chat_answer("A", done_reason="length", eval_count=2)), PromptTooLong),
        ((200, chat_answer("A", remote_host="https://elsewhere.example")), LlmDown),
        ((200, chat_answer("A", done_reason="load")), BadAnswer),
        ((200, b" " * MAX_ANSWER_BYTES + json.dumps(GOOD[1]).encode()), BadAnswer),
        (requests.ConnectTimeout("late"), LlmDown),
        (requests.ReadTimeout("late"), DeadlineExceeded),
        (requests.exceptions.InvalidURL("what"), InvalidSettings),
    ],
)
def test_what_asking_again_does_not_help_is_told_at_once(
    server: Callable[..., Made], line: Scripted, kind: type[EmailAgentError]
) -> None:
    """Each trouble has its own name, and is asked about once."""
    client, transport, _ = server(line)

    with pytest.raises(kind) as caught:
        ask(client)

    assert (kind, 1) == (type(caught.value), len(transport.seen))


@pytest.mark.parametrize(
    "line",
    [
        (500, {"error": "llama runner process has terminated"}),
        (200, chat_answer("A", done=False)),
        (200, b""),
        requests.exceptions.ChunkedEncodingError("cut"),
        requests.ConnectionError("reset"),
    ],
)
def test_a_breakdown_is_asked_once_more(server: Callable[..., Made], line: Scripted) -> None:
    """A server that broke down over a call is given one more chance, and not a third."""
    client, transport, _ = server(line, GOOD)
    broken, seen, _ = server(line)

    assert ("A", 2) == (ask(client), len(transport.seen))
    with pytest.raises(LlmFailed):
        ask(broken)
    assert 2 == len(seen.seen)


def test_a_full_queue_is_waited_for(server: Callable[..., Made]) -> None:
    """503 is asked again after growing random waits, a bounded number of times."""
    client, transport, _ = server((503, {"error": "server busy"}), (503, {"error": "server busy"}), GOOD)
    full, seen, time = server((503, {"error": "server busy, please try again.  maximum pending requests exceeded"}))

    assert ("A", 3) == (ask(client), len(transport.seen))
    with pytest.raises(LlmBusy):
        ask(full)
    assert TRIES_IF_BUSY == len(seen.seen)
    assert len(set(time.sleeps)) == len(time.sleeps)


def test_no_try_begins_too_late(server: Callable[..., Made]) -> None:
    """When half of the time is gone nobody asks again: a call that is cut in the middle keeps the server busy."""
    client, transport, time = server((503, {"error": "server busy"}))
    late, seen, clock = server((500, {"error": "crashed"}), GOOD)
    seen.takes = lambda: clock.sleep(100.0)

    with pytest.raises(LlmBusy):
        ask(client, seconds=0.4)
    with pytest.raises(LlmFailed):
        ask(late)

    assert time.now_s <= 1_000.2
    assert (len(transport.seen) - 1, 1) == (len(time.sleeps), len(seen.seen))


@pytest.mark.parametrize(
    "line", [(200, {"done": False}), (500, {"error": "timed out waiting for llama runner to start"})]
)
def test_a_load_that_fails_is_told(server: Callable[..., Made], line: Scripted) -> None:
    """Preloading says so when the model is not in memory afterwards."""
    client, _, _ = server(line)

    with pytest.raises(LlmFailed):
        client.preload()


def test_a_missing_model_names_the_remedy(server: Callable[..., Made]) -> None:
    """The error says which command brings the model."""
    client, _, _ = server((404, {"error": "model 'mistral' not found"}))

    with pytest.raises(ModelMissing) as caught:
        ask(client)

    assert "ollama pull mistral" == caught.value.hint


def test_errors_are_short_and_printable(server: Callable[..., Made]) -> None:
    """Of a server's own words a line is shown, without control characters; of an answer, nothing."""
    client, _, _ = server((400, {"error": "no\x1b[31m\n" + "x" * 5_000}))
    leaking, _, _ = server((200, chat_answer("A", message={"content": "Dear Ann, your secret"})))

    with pytest.raises(BadAnswer) as caught:
        ask(client)
    with pytest.raises(BadAnswer) as silent:
        ask(leaking)

    assert caught.value.detail.isprintable() and len(caught.value.detail) < 250
    assert "secret" not in silent.value.detail


def test_errors_show_no_password(server: Callable[..., Made]) -> None:
    """A server behind a password is named without it."""
    client, _, _ = server(requests.ConnectionError("refused"), url="http://ann:secret@model.example:11434")

    with pytest.raises(LlmFailed) as caught:
        ask(client)

    assert "http://model.example:11434" in caught.value.detail


def test_a_compressed_answer_is_not_unpacked(server: Callable[..., Made]) -> None:
    """Nobody asked for compression: a few bytes that unfold to gigabytes are not unfolded."""
    client, transport, _ = server(GOOD)
    transport.headers = {"Content-Encoding": "gzip"}

    with pytest.raises(BadAnswer):
        ask(client)


@pytest.mark.parametrize(
    ("listed", "has"),
    [
        (["mistral:latest"], True),
        (["Mistral:latest"], True),
        (["mistral:7b"], False),
        (["registry.example:5000/x/mistral:latest"], False),
        ([], False),
    ],
)
def test_a_model_is_known_by_name_and_tag(server: Callable[..., Made], listed: list[str], has: bool) -> None:
    """A name without a tag means `latest`, as on the server."""
    client, _, _ = server((200, {"models": [{"name": name} for name in listed]}))

    assert has is client.has_model()


@pytest.mark.parametrize(
    ("name", "is_refused"),
    [
        ("gpt-oss:cloud", True),
        ("gpt-oss:120b-cloud", True),
        (" GPT-OSS:Cloud ", True),
        ("registry.example/x/y:20b-cloud", True),
        ("mistral:7b-instruct-q4_0", False),
        ("nimbus-cloud", False),
        ("cloud", False),
    ],
)
def test_no_model_in_a_cloud(name: str, is_refused: bool) -> None:
    """A name by which a server sends its prompts to a cloud is no model of its own: mail would go along."""
    try:
        Ollama.at(OllamaSettings(model=name))
        found = False
    except InvalidSettings:
        found = True

    assert is_refused is found


def test_no_model_on_another_server(server: Callable[..., Made]) -> None:
    """A model that is but a name for one on another server is not loaded."""
    listed = {"models": [{"name": "mistral:latest", "remote_host": "https://elsewhere.example"}]}
    client, transport, _ = server((200, listed), (200, {"done": True}))

    with pytest.raises(InvalidSettings):
        client.preload()

    assert ["http://model.example:11434/api/tags"] == [request.url for request in transport.seen]


def test_special_tokens(server: Callable[..., Made]) -> None:
    """Of a vocabulary those tokens are special that are found in any text: unknown, control and user-defined."""
    info = {
        "tokenizer.ggml.tokens": ["<unk>", "</s>", "a", "<0x0A>", "<tool>"],
        "tokenizer.ggml.token_type": [2, 3, 1, 6, 4],
    }
    client, transport, _ = server((200, {"model_info": info}))

    assert ("<unk>", "</s>", "<tool>") == client.details().special_tokens
    assert {"model": "mistral", "verbose": True} == transport.documents()[0]


def test_what_a_server_says_of_itself(server: Callable[..., Made]) -> None:
    """Version and loaded models are read; a server without models may say null."""

    assert "0.24.0" == server((200, {"version": "0.24.0"}))[0].version()
    assert () == server((200, {"models": None}))[0].loaded()
    loaded = server((200, {"models": [{"name": "mistral:latest", "size": 5, "context_length": 2048}]}))[0].loaded()
    assert [("mistral:latest", 2048)] == [(model.name, model.context_length) for model in loaded]
