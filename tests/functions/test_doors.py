"""The four doors: each calls its pipeline function with what wiring gives, and answers a Batch. And the gateway."""

import importlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from functions.gateway import NAMES, app
from shared.errors import NotFound
from shared.records import Account, Lease, Mode, Run, Tls
from shared.rules.load import load_rules
from shared.rules.rule_set import RuleSet
from shared.security.secret_files import SIGNING_KEY
from shared.security.signing import SIGNATURE_HEADER, sign
from shared.settings import Settings
from shared.wiring import Wiring, wired

KEY = "a key for tests only"
PAUSED = Account(
    id=1,
    name="work",
    host="127.0.0.1",
    port=1,
    tls=Tls.NONE,
    username="u",
    secret=b"",
    mode=Mode.PAUSED,
    mailboxes=("INBOX",),
    max_actions_per_hour=1,
    approved_moves=0,
    plaintext_allowed=False,
    copy_without_expunge=False,
)


class FakeAccounts:
    """One account, which is paused: every door must then answer without touching mail."""

    def get(self, name: str) -> Account:
        if name != PAUSED.name:
            raise NotFound("there is no such account")
        return PAUSED

    def paused(self) -> bool:
        return False


class FakeEmails:
    """Nothing waits, and nothing is classified."""

    def waiting(self, _account_id: int) -> dict[str, int]:
        return {"to_classify": 0, "wanted": 0, "uncertain": 0, "to_ask": 0, "to_apply": 0}

    def classify(self, *_arguments: object, **_named: object) -> dict[str, int]:
        return {"claimed": 0}

    def claim_careful(self, *_arguments: object) -> list[object]:
        return []

    def record_careful(self, *_arguments: object) -> dict[str, int]:
        return {}


class FakeRuns:
    """Every run is open."""

    def open(self, account_id: int, run: uuid.UUID, *, dry_run: bool) -> Run:
        return Run(id=run, account_id=account_id, dry_run=dry_run)

    def close(self, run: uuid.UUID, outcome: str) -> None: ...


class FakeLeases:
    """Every lease is free."""

    @contextmanager
    def hold(self, name: str, _holder: str, _seconds: float) -> Iterator[Lease]:
        yield Lease(name=name, token=uuid.UUID(int=1), expires_at=1e12)

    def renew(self, lease: Lease, _seconds: float) -> Lease:
        return lease


class FakeRuleSets:
    """Rules that say nothing."""

    def active(self) -> tuple[int, RuleSet]:
        return 1, load_rules("version: 1\n")


class FakeStore:
    """A store without a database."""

    accounts = FakeAccounts()
    emails = FakeEmails()
    runs = FakeRuns()
    leases = FakeLeases()
    rule_sets = FakeRuleSets()

    def close(self) -> None:
        """Nothing is open."""


class FakeWiring(Wiring):
    """The real wiring with another store."""

    store: Any = FakeStore()


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    (tmp_path / SIGNING_KEY).write_text(KEY)
    with wired(FakeWiring(Settings.from_environment())):
        yield Client(app)


def post(client: Client, path: str, document: object) -> Any:
    body = json.dumps(document).encode()
    return client.post(path, data=body, headers={SIGNATURE_HEADER: sign(KEY.encode(), body)})


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("name", NAMES)
def test_function_answers_with_and_without_slash(client: Client, name: str, slash: str) -> None:
    """Both spellings of a function's path answer without a redirect, with a Batch of that stage."""
    answer = post(client, f"/function/{name}{slash}", {"account": "work"})

    assert (200, name) == (answer.status_code, answer.json["stage"])


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_a_valid_request(client: Client, name: str) -> None:
    """What one function answers, the next accepts."""
    answer = post(client, f"/function/{NAMES[0]}", {"account": "work"}).json

    assert 200 == post(client, f"/function/{name}", answer).status_code


@pytest.mark.parametrize("name", NAMES)
def test_unknown_account_is_404(client: Client, name: str) -> None:
    """No door invents an account."""
    assert 404 == post(client, f"/function/{name}", {"account": "nobody"}).status_code


@pytest.mark.parametrize("name", NAMES)
def test_unsigned_call_is_401(client: Client, name: str) -> None:
    """No door is open to a stranger."""
    assert 401 == client.post(f"/function/{name}", data=b"{}").status_code


@pytest.mark.parametrize("name", NAMES)
def test_health_answers_behind_the_gateway(client: Client, name: str) -> None:
    """Each function says that it lives."""
    assert {"status": "ok"} == client.get(f"/function/{name}/_/health").json


@pytest.mark.parametrize("path", ["/", "/function", "/function/nothing", "/function/fetch-batch-2"])
def test_no_such_function_is_404_json(client: Client, path: str) -> None:
    """What is no function is said in JSON."""
    answer = client.get(path)

    assert (404, "NotFound") == (answer.status_code, answer.json["error"])


def test_doors_are_thin() -> None:
    """A handler has at most 25 lines, no try, and says first between which states it moves mail."""
    folder = Path(importlib.import_module("functions.gateway").__file__ or "").parent
    for name in NAMES:
        text = (folder / name / "handler.py").read_text()
        assert text.startswith(f'"""{name}: ')
        assert len(text.splitlines()) <= 25
        assert "try:" not in text
