"""`scripts/agent up` as a process: it becomes ready, keeps a second one away, and leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
from psycopg.conninfo import make_conninfo

from shared.embedded.imap import start_pymap

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
STOP_S = 30.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "SECRETS_DIR"}}
    return clean | {
        "AGENT_HOME": str(tmp_path / "home"),
        "AGENT_GATEWAY_URL": f"http://127.0.0.1:{free_port()}",
        "PYTHONPATH": str(ROOT),
    }


def agent(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shared.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=START_S)


def wait(is_so: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)
    return is_so()


def is_ready(environment: dict[str, str]) -> bool:
    with suppress(requests.RequestException):
        url = f"{environment['AGENT_GATEWAY_URL']}/function/fetch-batch/_/ready"
        return requests.get(url, timeout=2).status_code == 200
    return False


def running(environment: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """The processes that carry this test's AGENT_HOME in their environment: their command lines and environments."""
    mark = f"AGENT_HOME={environment['AGENT_HOME']}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_alive = b"\nState:\tZ" not in (entry / "status").read_bytes()
            its_own = (entry / "environ").read_bytes()
            if mark in its_own.split(b"\0") and is_alive:
                yield (entry / "cmdline").read_text(), its_own


def left_running(environment: dict[str, str]) -> list[str]:
    return [command for command, _ in running(environment)]


@pytest.fixture
def up(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with started(environment, tmp_path) as process:
        yield process


@contextmanager
def started(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`up`, ready."""
    with (tmp_path / "up.log").open("wb") as log:
        command = [sys.executable, "-m", "shared.cli", "up"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        assert wait(lambda: is_ready(environment) or process.poll() is not None, START_S)
        assert process.poll() is None, (tmp_path / "up.log").read_text()
        yield process
    finally:
        process.terminate()
        process.wait(STOP_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_it(
    up: subprocess.Popen[bytes], environment: dict[str, str], number: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM are an orderly way out that leaves no process behind."""
    up.send_signal(number)

    assert 0 == up.wait(STOP_S)
    assert [] == left_running(environment)


def test_a_kill_leaves_nothing_behind(up: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
    """The kernel ends the functions and PostgreSQL when `up` is killed, and the next start is clean."""
    up.kill()
    up.wait()

    assert wait(lambda: not left_running(environment), STOP_S), left_running(environment)
    assert 0 == agent(environment, "status", "--json").returncode


def test_a_secret_url_is_in_no_environment(environment: dict[str, str], tmp_path: Path, database_url: str) -> None:
    """The functions find the URL of PostgreSQL, with its password, in the secret file; no process carries it about."""
    with_password = make_conninfo(database_url, password="hush-hush")
    secrets = Path(environment["AGENT_HOME"]) / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "postgres-url").write_text(with_password)

    with started(environment, tmp_path):
        carriers = [command for command, its_own in running(environment) if b"hush-hush" in its_own + command.encode()]
        processes = left_running(environment)

    assert [] == carriers
    assert any("gunicorn" in command for command in processes)


def test_commands_are_guests_of_up(up: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
    """A second `up` is exit code 6, and a command that comes and goes leaves the database running."""
    assert 6 == agent(environment, "up").returncode
    assert 0 == agent(environment, "status").returncode
    assert is_ready(environment)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mail_server(folder: Path, port: int, password: str) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    server = start_pymap(port, folder, user="me", password=password)
    try:
        yield
    finally:
        server.terminate()
        server.wait(STOP_S)


def add_account(environment: dict[str, str], folder: Path, name: str, port: int) -> None:
    (folder / "password").write_text("right")
    words = ["--name", name, "--host", "127.0.0.1", "--port", str(port), "--tls", "none", "--username", "me"]
    done = agent(environment, "accounts", "add", "--again", *words, "--password-file", str(folder / "password"))
    assert 0 == done.returncode, done.stderr


@pytest.mark.usefixtures("up")
def test_one_account_that_fails_does_not_stop_the_others(environment: dict[str, str], tmp_path: Path) -> None:
    """The sync of all goes on past a refused login, tells it in its place, and leaves with its exit code."""
    good, bad = free_port(), free_port()
    assert 0 == agent(environment, "rules", "push").returncode
    with mail_server(tmp_path / "good", good, "right"):
        with mail_server(tmp_path / "bad", bad, "right"):
            for name, port in (("a", good), ("b", bad), ("c", good)):
                add_account(environment, tmp_path, name, port)
        with mail_server(tmp_path / "bad", bad, "another"):
            of_all = agent(environment, "sync", "--json")
            of_one = agent(environment, "sync", "b", "--json")

    syncs = json.loads(of_all.stdout)["syncs"]
    assert [("a", "done"), ("b", "failed"), ("c", "done")] == [(sync["account"], sync["outcome"]) for sync in syncs]
    assert ("LoginRefused", 1, 1) == (syncs[1]["error"]["error"], of_all.returncode, of_one.returncode)
    assert ("LoginRefused", "") == (json.loads(of_one.stderr)["error"], of_one.stdout)
    assert json.loads(of_all.stderr)["detail"].startswith("b: ")


def test_sync_without_a_gateway_names_what_to_start(environment: dict[str, str]) -> None:
    """No gateway is exit code 4."""
    done = agent(environment, "sync", "work")

    assert 4 == done.returncode
    assert "scripts/agent up" in done.stderr
    assert [] == left_running(environment)


def test_taken_port_is_named(environment: dict[str, str]) -> None:
    """A port that somebody else listens on is told before anything is started."""
    port = int(environment["AGENT_GATEWAY_URL"].rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", port)):
        done = agent(environment, "up")

    assert 1 == done.returncode
    assert str(port) in done.stderr


def test_bad_setting_fails_at_start(environment: dict[str, str]) -> None:
    """`up` with a setting that makes no sense starts nothing and names it."""
    done = agent(environment | {"IMAP_TIMEOUT": "soon"}, "up")

    assert 3 == done.returncode
    assert "IMAP_TIMEOUT" in done.stderr


def test_too_large_bodies_are_413(up: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
    """With and without Content-Length, behind the real server."""
    url = f"{environment['AGENT_GATEWAY_URL']}/function/fetch-batch"
    body = b" " * (1024 * 1024 + 1)

    statuses = [requests.post(url, data=data, timeout=10).status_code for data in (body, iter([body[:500], body]))]

    assert [413, 413] == statuses
