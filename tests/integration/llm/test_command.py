"""`agent llm` before a server on a real connection: what a person reads, and how it leaves."""

import json
from collections.abc import Callable, Iterator

import pytest

from shared.cli.app import main
from tests.fakes.ollama_server import OllamaServer
from tests.fixtures.dovecot import free_port

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OllamaServer]:
    with OllamaServer() as running:
        monkeypatch.setenv("OLLAMA_HOST", running.url)
        monkeypatch.setenv("OLLAMA_MODEL", "tiny")
        yield running


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `agent llm`: exit code, stdout, stderr."""

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["llm", *words])
        written = capsys.readouterr()
        return int(left.value.code or 0), written.out, written.err

    return call


def test_a_model_that_is_well(server: OllamaServer, run: Run) -> None:
    """It says where the model is, how fast it reads and writes, and how many mails that makes in an hour."""
    code, out, _ = run()

    assert 0 == code
    for words in ("Ollama 0.24.0", "with probabilities", "a mail can write none of them", "mails an hour"):
        assert words in out


def test_for_programs(server: OllamaServer, run: Run) -> None:
    """With --json the same as one object."""
    code, out, _ = run("--json")
    found = json.loads(out)

    assert (0, "tiny", 13, False) == (code, found["model"], found["labels"], found["thinks"])
    assert found["speed"]["mails_per_hour"] > 0


def test_a_model_whose_tokens_a_mail_can_write(server: OllamaServer, run: Run) -> None:
    """That is told, without moving the cursor, and is exit code 1."""
    server.special = ("</s>", "sop", "e\x1bop")

    code, out, _ = run()

    assert (1, False) == (code, "\x1b" in out)
    assert "3 in its vocabulary, a mail can write sop" in out
    assert "Choose another model" in out


def test_a_model_that_thinks(server: OllamaServer, run: Run) -> None:
    """That is told."""
    server.capabilities = ("thinking",)

    assert "may think before it answers" in run()[1]


def test_a_model_that_is_missing(server: OllamaServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4, and the command that brings it."""
    monkeypatch.setenv("OLLAMA_MODEL", "other:7b")

    code, _, err = run()

    assert (4, True) == (code, "ollama pull other:7b" in err)


def test_a_model_in_a_cloud(server: OllamaServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything is sent: exit code 3."""
    monkeypatch.setenv("OLLAMA_MODEL", "large:cloud")

    code, _, err = run("--json")

    assert (3, "InvalidSettings") == (code, json.loads(err)["error"])
    assert [] == server.seen


def test_nobody_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4, and what to start."""
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{free_port()}")

    code, _, err = run()

    assert (4, True) == (code, "start Ollama" in err)
