"""`agent doctor` on a real database, with functions that answer as they are told."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shared.records import Mode
from shared.store.queries import queries
from shared.wiring import wiring
from tests.fixtures.dovecot import free_port
from tests.integration.cli.conftest import Desk

ROOT = Path(__file__).parents[3]
RULES = "rules: [{name: all, when: always, then: keep, tests: []}]"
FUNCTIONS = {"fetch-batch", "classify-rules", "classify-llm", "apply-actions"}
ANSWERS = {"health": (200, {"status": "ok"}), "ready": (200, {"ready": True, "needs": {"postgres": "ok"}})}


class Functions(ThreadingHTTPServer):
    """A gateway; `answers` by function and path, else what a healthy function answers."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.clock_s: float | None = None
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Functions
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        _, _, name, _, path = self.path.split("/")
        status, document = self.server.answers.get((name, path), ANSWERS[path])
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.server.clock_s if timestamp is None else timestamp, usegmt=True)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    with Functions() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("AGENT_GATEWAY_URL", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


Doctor = Callable[[], dict[str, dict[str, Any]]]


@pytest.fixture
def doctor(desk: Desk) -> Doctor:
    """The rows of the doctor by their name."""

    def look() -> dict[str, dict[str, Any]]:
        _, out, _ = desk.run("doctor", "--json")
        rows = json.loads(out)
        assert len({row["check"] for row in rows}) == len(rows)
        return {row["check"]: row for row in rows}

    return look


def test_rows_have_exactly_these_fields(doctor: Doctor, functions: Functions) -> None:
    """`doctor --json` has the documented shape."""
    assert {("check", "ok", "found", "hint")} == {tuple(row) for row in doctor().values()}


def test_functions_are_timed_and_asked(doctor: Doctor, functions: Functions) -> None:
    """Each function has a row with the time that it took to say it is healthy."""
    rows = doctor()

    assert set(rows) >= FUNCTIONS
    assert all(rows[name]["ok"] and " ms (median of 5), ready" in rows[name]["found"] for name in FUNCTIONS)


@pytest.mark.parametrize(
    ("path", "answer", "expected"),
    [
        ("health", (404, {}), "the gateway answers 404"),
        ("health", (500, {}), "the gateway answers 500"),
        ("ready", (503, {"ready": False, "needs": {"postgres": "gone", "secrets": "ok"}}), "not ready: postgres: gone"),
        ("ready", (200, ["nonsense"]), "something else than readiness"),
        ("ready", (200, {"needs": ["nonsense"]}), "something else than readiness"),
    ],
)
def test_a_function_that_cannot_work_is_not_ok(
    doctor: Doctor, functions: Functions, path: str, answer: tuple[int, Any], expected: str
) -> None:
    """What it answered is said, of this function alone."""
    functions.answers["classify-rules", path] = answer

    rows = doctor()

    assert {"classify-rules"} == {name for name in FUNCTIONS if not rows[name]["ok"]}
    assert expected in rows["classify-rules"]["found"]


def test_a_gateway_with_another_time_is_not_ok(doctor: Doctor, functions: Functions) -> None:
    """It would refuse our calls as too old."""
    functions.clock_s = 0.0

    assert not doctor()["gateway"]["ok"]


def test_without_a_gateway_there_is_one_row(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four functions behind a gateway that is not there are no news."""
    monkeypatch.setenv("AGENT_GATEWAY_URL", f"http://127.0.0.1:{free_port()}")

    rows = doctor()

    assert (False, "start it with: scripts/agent up") == (rows["gateway"]["ok"], rows["gateway"]["hint"])
    assert set() == FUNCTIONS & set(rows)


def test_a_stranger_at_the_gateways_address_is_told(desk: Desk, doctor: Doctor, functions: Functions) -> None:
    """Something else that answers there is no gateway of ours: one row of the doctor, and exit code 4 of a sync."""
    functions.answers["fetch-batch", "health"] = (404, {})

    rows = doctor()
    code, _, err = desk.run("sync", "work")

    assert (False, set()) == (rows["gateway"]["ok"], FUNCTIONS & set(rows))
    assert 4 == code
    assert "does not know our functions" in err


def test_what_waits_for_a_person_names_its_command(desk: Desk, doctor: Doctor, functions: Functions) -> None:
    """Mail that nothing decided keeps nobody's mail from being sorted: a note, not a fault."""
    desk.run("rules", "push", desk.rules("rules: [{name: r, when: {subject: {is: x}}, then: keep, tests: []}]"))
    desk.add("one", "two")
    desk.classify()

    row = doctor()["uncertain mail"]

    assert (True, "2 mails", "scripts/agent review list --waits-for uncertain") == (
        row["ok"],
        row["found"],
        row["hint"],
    )
    assert 0 == desk.run(*row["hint"].split()[1:])[0]


def test_sorted_mail_is_counted_and_timed(desk: Desk, doctor: Doctor, functions: Functions) -> None:
    """The design's two monitoring queries are asked as they were written."""
    desk.run("rules", "push", desk.rules(RULES))
    desk.add("one", "two", "three")
    desk.classify()

    rows = doctor()

    assert "3 mails" == rows["sorted mail"]["found"]
    assert rows["processing time"]["found"].endswith("ms a mail in the last hour")
    assert "SELECT COUNT(*) FROM emails WHERE status='classified';" == queries()["count_classified"]
    assert (
        "SELECT AVG(processing_time_ms) FROM emails WHERE processed_at > NOW() - INTERVAL '1 hour';"
        == queries()["average_processing_time"]
    )


def test_an_account_that_fails_is_not_ok(desk: Desk, doctor: Doctor, functions: Functions) -> None:
    """Its last error and the command that tries it are said; the next success clears it."""
    desk.store.accounts.record_failure(desk.account.id, "LoginRefused: no")
    failing = doctor()["account work"]
    desk.store.accounts.record_success(desk.account.id)
    well = doctor()["account work"]

    assert (False, "scripts/agent accounts test work") == (failing["ok"], failing["hint"])
    assert "LoginRefused: no" in failing["found"]
    assert (True, "") == (well["ok"], well["hint"])


def test_a_paused_account_is_its_owners_word(desk: Desk, doctor: Doctor, functions: Functions) -> None:
    """What the owner stopped is no fault; the way back is said."""
    desk.store.accounts.set_mode(desk.account.id, Mode.PAUSED)
    desk.run("pause")

    rows = doctor()

    assert (True, "scripts/agent resume") == (rows["pause"]["ok"], rows["pause"]["hint"])
    assert (True, "scripts/agent accounts mode work observe") == (
        rows["account work"]["ok"],
        rows["account work"]["hint"],
    )


def test_missing_rules_are_a_fault_where_there_is_an_account(desk: Desk, doctor: Doctor, functions: Functions) -> None:
    """Nothing is sorted without rules, but a machine that nobody uses yet is not ill."""
    with_account = doctor()["rules"]
    desk.store.accounts.delete("work")
    without = doctor()

    assert (False, True, True) == (with_account["ok"], without["rules"]["ok"], without["accounts"]["ok"])
    assert "scripts/agent accounts add" == without["accounts"]["hint"]


def test_a_database_that_forgets_is_not_ok(desk: Desk, doctor: Doctor, functions: Functions) -> None:
    """The log of intentions must outlive a crash: the tests' own server, which need not, is told apart."""
    facts = wiring().store.monitoring.server()

    assert (not facts.may_forget) == doctor()["durability"]["ok"]


def test_a_dead_database_is_one_row(tmp_path: Path) -> None:
    """The doctor says so, looks at all the rest, and leaves with 1."""
    url = f"postgresql://u:hush-hush@127.0.0.1:{free_port()}/d"
    environment = os.environ | {"DATABASE_URL": url, "AGENT_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "shared.cli", "doctor", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    rows = {row["check"]: row["ok"] for row in json.loads(done.stdout)}
    assert (1, False, True) == (done.returncode, rows["postgres"], rows["signing key"])
    assert "hush" not in done.stdout + done.stderr


def test_a_person_sees_groups_and_words(desk: Desk, functions: Functions) -> None:
    """Each group under its heading; yes, note or no before each row, and what to do below it."""
    _, out, _ = desk.run("doctor")

    lines = [line.rstrip() for line in out.splitlines()]
    headings = [line for line in lines if not line.startswith(" ")]
    assert ["machine", "installation", "functions", "database", "mail", "optional parts"] == headings
    assert any(line.startswith("  no   rules") for line in lines)
    assert any(line.endswith("→ push a rule set: scripts/agent rules push") for line in lines)
