"""The functions as they run, in processes of their own: a language model that is down for a sync, then up."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.cli.app import main
from shared.errors import InvalidSettings
from shared.settings import Settings
from shared.status import Status
from shared.wiring import Wiring
from tests.fakes.ollama_server import Document, OllamaServer, chat_answer
from tests.fixtures.dovecot import DovecotUser, free_port
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail
from tests.integration.bad_input.gateway import Gateway, running
from tests.integration.llm_chain.asker import RULES

pytestmark = pytest.mark.dovecot

MAILS = 3


class SureOllama(OllamaServer):
    """A server whose model is sure of everything."""

    def chat(self, document: Document) -> tuple[int, Document]:
        return 200, chat_answer("A", shares={"A": 0.95, "B": 0.02})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """Where the functions look for the model."""
    number = free_port()
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{number}")
    monkeypatch.setenv("OLLAMA_MODEL", "tiny")
    monkeypatch.setenv("CLASSIFICATION_STRATEGY", "hybrid")
    return number


@pytest.fixture
def gateway(port: int, tmp_path: Path, database_url: str) -> Iterator[Gateway]:
    """The stack, as `agent up` starts it."""
    with running(tmp_path, database_url) as found:
        yield found


@pytest.fixture
def run(
    gateway: Gateway,
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    """Use the command line of that stack."""
    monkeypatch.setenv("AGENT_HOME", str(tmp_path))
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("AGENT_GATEWAY_URL", gateway.url)

    def command(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main(words)
        return int(left.value.code or 0), capsys.readouterr().out

    return command


def test_down_and_then_up(
    gateway: Gateway, port: int, dovecot: DovecotUser, run: Callable[..., tuple[int, str]]
) -> None:
    """Rules file their mail and exit code 0; the summary and `status` say who waits; the next sync catches up."""
    post = DovecotPost(user=dovecot)
    for number in range(1, MAILS + 1):
        post.deliver("letter", mail(number))
    post.deliver("parcel", mail(9, sender="a@shop.example"))
    gateway.store.rule_sets.push(RULES, "digest")
    gateway.account(dovecot, approve=100)
    code, out = run("sync", dovecot.user, "--json")
    down: dict[str, Any] = json.loads(out)

    assert (0, "done", "down", MAILS) == (code, down["outcome"], down["llm"]["state"], down["llm"]["waiting"])
    assert {"INBOX": ["letter"] * MAILS, "Shop": ["parcel"]} == post.found()
    assert f"{MAILS} mails wait for the language model: no language model answers at" in run("status")[1]
    assert f"{MAILS} mails wait for the language model" in run("sync", dovecot.user)[1]
    assert "llm" not in json.loads(run("sync", dovecot.user, "--llm", "no", "--json")[1])

    with SureOllama(port=port) as ollama:
        code, out = run("sync", dovecot.user, "--json")
        up = json.loads(out)
        assert (0, {"llm": MAILS}, None) == (code, up["decided_by"], up.get("llm"))
        assert MAILS == sum(document["path"] == "/api/chat" for document in ollama.seen)
        assert "wait for the language model" not in run("status")[1]
    assert {"Letters": MAILS, "Shop": 1} == {name: len(mails) for name, mails in post.found().items()}
    found = gateway.store.emails.get("<1@mail.example>")
    assert (Status.CLASSIFIED, "llm") == (found.status, found.decided_by)


def test_the_state_of_the_model_is_a_look(port: int) -> None:
    """A person learns where it is, whether it is there, and what to do; nothing raises."""
    root = Wiring(Settings.from_environment())
    seen = root.llm_state()

    assert (f"http://127.0.0.1:{port}", "tiny", 2, False) == (seen.url, seen.model, seen.slots, seen.is_installed)
    assert ("no language model answers" in seen.fault, bool(seen.hint)) == (True, True)


def test_a_model_in_a_cloud_is_refused_and_mail_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings by which mail would leave the server are no crash: the model just cannot be asked."""
    monkeypatch.setenv("OLLAMA_MODEL", "gpt-oss:120b-cloud")
    root = Wiring(Settings.from_environment())

    with pytest.raises(InvalidSettings, match="cloud"):
        root.language_model.check(deadline=1e12)
    assert "cloud" in root.llm_state().fault
