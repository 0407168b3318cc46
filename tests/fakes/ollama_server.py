"""A server on loopback that speaks Ollama's HTTP: it answers well, or as badly as a script says.

tests/conformance/llm holds it and a real Ollama to the same answers.
"""

import json
import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fixtures.control_tokens import CONTROL_TOKENS, OF_EVERY_MODEL
from tests.fixtures.tiny_model import CONTEXT, rendered, tokens_of

HOST = "127.0.0.1"
DRIP_PAUSE_S = 0.02
DRIPS = 400
"""Then even the slowest server is done: a test whose client does not hang up fails, and does not hang."""
STOP_TIMEOUT_S = 5
PROMPT_TOKENS = 150
NORMAL, CONTROL = 1, 3
LENGTH_ERROR = "the input length exceeds the context length"

Document = dict[str, Any]
Step = Callable[["Handler"], None]


def chat_answer(label: str = "A", *, shares: dict[str, float] | None = None, **changes: Any) -> Document:
    """Return what a real server answers where the grammar held a model to one letter."""
    shares = shares or {label: 0.7, " B": 0.2, "I": 0.05}
    quote = {"token": '"', "logprob": -2.0, "bytes": [34], "top_logprobs": tokens({"I": 0.5, "The": 0.3})}
    letter = {"token": label, "logprob": math.log(shares.get(label, 0.01)), "top_logprobs": tokens(shares)}
    return {
        "model": "tiny", "created_at": "2026-01-01T00:00:00Z", "done": True, "done_reason": "stop",
        "message": {"role": "assistant", "content": f'"{label}"'}, "logprobs": [quote, letter, quote],
        "prompt_eval_count": PROMPT_TOKENS, "prompt_eval_duration": 600_000, "eval_count": 4, "eval_duration": 300_000,
        "total_duration": 1_000_000,
    } | changes  # fmt: skip


def tokens(shares: dict[str, float]) -> list[Document]:
    """Return these probabilities as a list of the most likely tokens."""
    return [{"token": text, "logprob": math.log(share), "bytes": list(text.encode())} for text, share in shares.items()]


def vocabulary(special: tuple[str, ...]) -> Document:
    """Return what /api/show tells of the model's tokens."""
    texts = ("a", "b", *special)
    kinds = [NORMAL if len(text) == 1 else CONTROL for text in texts]
    return {"tokenizer.ggml.tokens": list(texts), "tokenizer.ggml.token_type": kinds}


def say(status: int, document: Any) -> Step:
    """Answer with a status and a body: bytes as they are, everything else as JSON."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    def step(handler: "Handler") -> None:
        handler.head(status, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        handler.wfile.write(body)

    return step


def send(octets: bytes) -> Step:
    """Write these bytes, headers and all, and hang up."""
    return lambda handler: handler.raw(octets)


def drip(octets: bytes) -> Step:
    """Write these bytes and then blanks, one by one, until the client hangs up."""

    def step(handler: "Handler") -> None:
        for octet in octets[:DRIPS].ljust(DRIPS):
            handler.raw(bytes([octet]))
            if handler.fake.stopping.wait(DRIP_PAUSE_S):
                return

    return step


def silence(handler: "Handler") -> None:
    """Say nothing, and keep the connection."""
    handler.fake.stopping.wait(DRIPS * DRIP_PAUSE_S)


@dataclass(kw_only=True)
class OllamaServer:
    """A server with one model. `script` says how the next calls are answered; then `label` says which letter.

    `seen` holds what was posted; `hung_up` is set when a client ends its connection before its answer is written.
    """

    script: list[Step] = field(default_factory=list)
    label: Callable[[Document], str] = lambda _document: "A"
    model: str = "tiny:latest"
    context: int = CONTEXT
    special: tuple[str, ...] = (*OF_EVERY_MODEL, *CONTROL_TOKENS)
    capabilities: tuple[str, ...] = ("completion",)
    is_loaded: bool = False
    port: int = 0
    seen: list[Document] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "OllamaServer":
        """Listen on a free port."""
        self._server = ThreadingHTTPServer((HOST, self.port), type("BoundHandler", (Handler,), {"fake": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """End what drips, and stop."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(STOP_TIMEOUT_S)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._server.server_port}"

    def will(self, *steps: Step) -> None:
        """Answer the next calls like this."""
        self.script.extend(steps)

    def answer(self, path: str, document: Document) -> tuple[int, Document]:
        """Return what a healthy server says."""
        if path == "/api/version":
            return 200, {"version": "0.24.0"}
        if path in {"/api/tags", "/api/ps"}:
            return 200, {"models": self.models(is_in_memory=path == "/api/ps")}
        if document.get("model") not in {self.model, self.model.removesuffix(":latest")}:
            return 404, {"error": f"model '{document.get('model')}' not found"}
        if path == "/api/show":
            return 200, {"model_info": vocabulary(self.special), "capabilities": self.capabilities}
        self.is_loaded = True
        if path == "/api/generate":
            return 200, {"model": self.model, "response": "", "done": True, "done_reason": "load"}
        return self.chat(document)

    def models(self, *, is_in_memory: bool) -> list[Document]:
        """Return the one model, as it is listed or as it is loaded."""
        listed = {"name": self.model, "size": 1_000_000}
        if not is_in_memory:
            return [listed]
        return [listed | {"context_length": self.context}] if self.is_loaded else []

    def chat(self, document: Document) -> tuple[int, Document]:
        """Return what the tiny model says: the label, as far as the context has room for it."""
        prompt_tokens = tokens_of(rendered(document["messages"]))
        if prompt_tokens > self.context:
            return 400, {"error": LENGTH_ERROR}
        answer = chat_answer(self.label(document), prompt_eval_count=prompt_tokens)
        room = min(document["options"]["num_predict"], self.context - prompt_tokens + 1)
        if "format" not in document:
            answer |= {"message": {"role": "assistant", "content": self.label(document)}, "done_reason": "length"}
            answer |= {"logprobs": answer["logprobs"][1:2], "eval_count": 1}
        elif room < answer["eval_count"]:
            said = answer["message"]["content"][: max(0, room)]
            answer |= {"message": {"role": "assistant", "content": said}, "done_reason": "length", "eval_count": room}
            answer["logprobs"] = answer["logprobs"][: len(said)]
        return 200, answer


class Handler(BaseHTTPRequestHandler):
    """One connection; HTTP/1.0, so that every answer ends it."""

    fake: OllamaServer

    def do_GET(self) -> None:
        self._handle({})

    def do_POST(self) -> None:
        self._handle(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _handle(self, document: Document) -> None:
        if document:
            self.fake.seen.append(document | {"path": self.path})
        step = self.fake.script.pop(0) if self.fake.script else say(*self.fake.answer(self.path, document))
        try:
            step(self)
        except (BrokenPipeError, ConnectionResetError):
            self.fake.hung_up.set()

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def raw(self, octets: bytes) -> None:
        self.wfile.write(octets)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def options_sent(seen: Iterable[Document]) -> set[str]:
    """Return the names of all options in these calls."""
    return {name for document in seen for name in document.get("options", {})}
