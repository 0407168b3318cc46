"""docs/howto/call-the-functions.md, typed as it is written: curl and faas-cli against the functions as they run."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.records import Mode
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.messages import date_of, mail
from tests.integration.bad_input.gateway import Gateway, running

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "call-the-functions.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
PLACES, CURL, ONE_CALL, FAAS_CLI, PIPE, ALIVE = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
RULES = "version: 1\nrules: [{name: letters, when: {from: {domain: news.example}}, then: {move: News}, tests: []}]"
LETTERS = 3

needs_openssl = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="no curl, no openssl")
needs_faas_cli = pytest.mark.skipif(not shutil.which("faas-cli"), reason="faas-cli is not installed")
ways = pytest.mark.parametrize(
    "call",
    [pytest.param(CURL, marks=needs_openssl, id="curl"), pytest.param(FAAS_CLI, marks=needs_faas_cli, id="faas-cli")],
)


@pytest.fixture
def gateway(tmp_path: Path, database_url: str) -> Iterator[Gateway]:
    with running(tmp_path, database_url) as gateway:
        gateway.store.rule_sets.push(RULES, RULES)
        yield gateway


@pytest.fixture
def letters(dovecot: DovecotUser) -> DovecotUser:
    """A mailbox with letters to file and a mail to leave."""
    for number in range(1, LETTERS + 1):
        dovecot.deliver("INBOX", mail(number, sender="Letters <letters@news.example>"), "", date_of(number))
    dovecot.deliver("INBOX", mail(99), "S", date_of(99))
    return dovecot


class Shell:
    """A person's shell, in which the page's blocks are typed; only places and the account's name are others."""

    def __init__(self, gateway: Gateway, folder: Path, account: str) -> None:
        self.gateway, self.folder, self.account = gateway, folder, account

    def type(self, *blocks: str) -> subprocess.CompletedProcess[str]:
        places = PLACES.replace("http://127.0.0.1:8080", self.gateway.url).replace("var/", f"{self.folder}/")
        script = "".join(("set -o pipefail\n", places, *blocks)).replace('"work"', json.dumps(self.account))
        command = ["bash", "-c", script]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120)

    def answer(self, *blocks: str) -> dict[str, Any]:
        done = self.type(*blocks)
        assert 0 == done.returncode, done.stdout + done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


@ways
def test_one_call(gateway: Gateway, letters: DovecotUser, tmp_path: Path, call: str) -> None:
    """A signed call is taken, and answered with what was read."""
    gateway.account(letters)

    answer = Shell(gateway, tmp_path, letters.user).answer(call, ONE_CALL)

    assert ("fetch-batch", LETTERS + 1) == (answer["stage"], answer["counts"]["fetched"])


@ways
def test_piped_dry_run_shows_the_plan(gateway: Gateway, letters: DovecotUser, tmp_path: Path, call: str) -> None:
    """Each function's answer is the next one's request; the last says what would be done, and nothing is."""
    gateway.account(letters, mode=Mode.OBSERVE)

    answer = Shell(gateway, tmp_path, letters.user).answer(call, PIPE)

    assert [{"mailbox": "INBOX", "action": "move", "target": "News", "mails": LETTERS}] == answer["plan"]
    assert ["INBOX"] == [name for name, mails in letters.census().items() if mails]


@ways
def test_piped_run_files_and_closes(gateway: Gateway, letters: DovecotUser, tmp_path: Path, call: str) -> None:
    """Without `dry_run` mail is filed, and as the run is closed the next one need not wait."""
    gateway.account(letters, approve=10)
    shell = Shell(gateway, tmp_path, letters.user)

    first = shell.answer(call, PIPE.replace(', "dry_run": true', ""))
    second = shell.answer(call, PIPE.replace(', "dry_run": true', ""))

    assert ("done", LETTERS, "done") == (first["outcome"], first["counts"]["applied"], second["outcome"])
    assert {"INBOX": 1, "News": LETTERS} == {name: len(mails) for name, mails in letters.census().items() if mails}


@ways
def test_wrong_key_is_refused(gateway: Gateway, letters: DovecotUser, tmp_path: Path, call: str) -> None:
    """The first call of a pipe with another key fails, and so does the pipe."""
    gateway.account(letters)
    (tmp_path / "another").write_text("another key altogether\n")

    done = Shell(gateway, tmp_path, letters.user).type(f"key={tmp_path}/another\n", call, ONE_CALL)

    assert 0 != done.returncode
    assert "401" in done.stdout + done.stderr


def test_a_function_has_its_name_in_the_namespace_too(gateway: Gateway) -> None:
    """faas-cli calls NAME.openfaas-fn, with and without a slash; another namespace is not ours."""
    names = ("classify-rules.openfaas-fn", "classify-rules.openfaas-fn/", "classify-rules.elsewhere")

    answers = [requests.post(f"{gateway.url}/function/{name}", data=b"", timeout=30).status_code for name in names]

    assert [401, 401, 404] == answers


@needs_openssl
def test_health_needs_no_signature(gateway: Gateway, tmp_path: Path) -> None:
    """Anybody may ask whether a function lives, and what it needs."""
    done = Shell(gateway, tmp_path, "-").type(ALIVE)

    health, ready = (json.loads(line) for line in done.stdout.splitlines())
    assert ("ok", True) == (health["status"], ready["ready"])
