"""A real process that is killed, or stopped, while a real HTTP server thinks about a mail."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared.status import Status
from tests.fakes.language_model import FakeModel, verdict
from tests.fakes.ollama_server import Document, OllamaServer, chat_answer
from tests.integration.llm_chain.asker import Asker, deliver, mailbox

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60


@dataclass(kw_only=True)
class ThinkingOllama(OllamaServer):
    """A server that thinks about its second question until a test lets it answer."""

    asked: int = 0
    thinks: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def chat(self, document: Document) -> tuple[int, Document]:
        self.asked += 1
        if self.asked == 2:
            self.thinks.set()
            assert self.may_answer.wait(PATIENCE_S)
        return 200, chat_answer("A", shares={"A": 0.95, "B": 0.02})


@contextmanager
def worker(asker: Asker, url: str, ollama: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a slice in another process; it is dead when the context ends."""
    order = json.dumps({"url": url, "ollama": ollama, "account": asker.agent.account})
    command = [sys.executable, "-m", "tests.integration.llm_chain.worker", order]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def ollama() -> Iterator[ThinkingOllama]:
    with ThinkingOllama() as server:
        yield server
        server.may_answer.set()


@pytest.fixture
def asker(asker_for: Callable[..., Asker]) -> Asker:
    """Three mails whose texts are there; whoever takes over says bills."""
    server = mailbox()
    deliver(server, "one", "two", "three")
    asker = asker_for(server, FakeModel(says=lambda _email: verdict("bills")))
    asker.read_with_text()
    return asker


def test_a_kill_loses_the_question_at_hand_only(asker: Asker, ollama: ThinkingOllama, database_url: str) -> None:
    """What was answered before is recorded; the others are decided by whoever comes next, each once."""
    with worker(asker, database_url, ollama.url) as process:
        assert ollama.thinks.wait(PATIENCE_S)
        process.kill()
    asker.agent.tick()
    asker.sync()

    assert ["letters", "bills", "bills"] == [asker.mail(name).category for name in ("three", "two", "one")]
    assert ["two", "one"] == asker.model.subjects
    assert {Status.CLASSIFIED} == {asker.mail(name).status for name in ("one", "two", "three")}


def test_a_process_that_was_stopped_past_its_lease_changes_nothing(
    asker: Asker, ollama: ThinkingOllama, database_url: str
) -> None:
    """Somebody else decided meanwhile; when it wakes up, its answer comes too late."""
    with worker(asker, database_url, ollama.url) as process:
        assert ollama.thinks.wait(PATIENCE_S)
        process.send_signal(signal.SIGSTOP)
        asker.agent.tick()
        asker.sync()
        before = [asker.mail(name) for name in ("one", "two", "three")]
        ollama.may_answer.set()
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=PATIENCE_S)

    assert ("StaleClaim", before) == (said, [asker.mail(name) for name in ("one", "two", "three")])
    assert (2, ["two", "one"]) == (ollama.asked, asker.model.subjects)
