"""The program as a person runs it, `up` and its commands, with real mail servers and a real Ollama."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail
from tests.fixtures.ollama import RealOllama, real_ollama
from tests.fixtures.tiny_model import MODEL
from tests.integration.test_up import agent, environment, started

__all__ = ["environment", "real_ollama"]

LETTERS = 5
RULES = """
version: 1
categories:
  nothing: {description: What stays, then: keep}
  bills: {description: What is to be paid, then: {move: Bills}}
  letters: {description: What people write, then: {move: Letters}}
rules:
  - {name: shop, when: {from: {domain: shop.example}}, then: [{move: Shop}]}
"""


@pytest.fixture
def with_model(environment: dict[str, str], real_ollama: RealOllama) -> dict[str, str]:
    """The environment of commands that find a model."""
    return environment | {"OLLAMA_HOST": real_ollama.url, "OLLAMA_MODEL": MODEL}


@pytest.fixture
def running(with_model: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """The same, where `up` runs."""
    with started(with_model, tmp_path):
        yield with_model


def done(environment: dict[str, str], *words: str) -> str:
    result = agent(environment, *words)
    assert 0 == result.returncode, result.stderr
    return result.stdout


@pytest.mark.dovecot
def test_from_the_mailbox_to_the_mailbox(running: dict[str, str], dovecot: DovecotUser, tmp_path: Path) -> None:
    """Added, ruled, switched on and synced: each letter is filed or waits for a person, the parcel is filed by rule."""
    post = DovecotPost(user=dovecot)
    for number in range(LETTERS):
        post.deliver(f"letter-{number}", mail(number, body=f"Dear reader, this is letter {number}.\n" * 3**number))
    post.deliver("parcel", mail(LETTERS, sender="a@shop.example"))
    (tmp_path / "password").write_text(dovecot.password)
    (tmp_path / "rules.yml").write_text(RULES)
    account = ["--name", "work", "--host", dovecot.host, "--port", str(dovecot.port), "--username", dovecot.user]
    done(running, "accounts", "add", *account, "--tls", "none", "--password-file", str(tmp_path / "password"))
    done(running, "rules", "push", str(tmp_path / "rules.yml"))
    done(running, "accounts", "mode", "work", "apply", "--approve", "all")

    summary = json.loads(done(running, "sync", "work", "--json"))
    counts = json.loads(done(running, "status", "--json"))["accounts"][0]["counts"]

    assert ("done", LETTERS) == (summary["outcome"], counts.get("review", 0) + counts["classified"] - 1)
    assert not {"uncertain", "failed"} & set(counts)
    assert LETTERS + 1 == sum(len(mails) for mails in post.found().values())
    assert ["parcel"] == post.found()["Shop"]


def test_a_trial_of_the_model(with_model: dict[str, str]) -> None:
    """`agent llm` finds the model and says what a mail costs."""
    found = json.loads(done(with_model, "llm", "--json"))

    assert (MODEL, True, []) == (found["model"], found["has_probabilities"], found["writable"])
    assert found["speed"]["mails_per_hour"] > 0
    assert "tokens a second" in done(with_model, "llm")


def test_a_trial_without_a_model(environment: dict[str, str]) -> None:
    """Where no model is there `agent llm` is exit code 4, and names what to do."""
    result = agent(environment | {"OLLAMA_HOST": "127.0.0.1:1"}, "llm")

    assert 4 == result.returncode
    assert "start Ollama" in result.stderr
