"""The embedded PostgreSQL: there with its owner, gone with its owner, however the owner ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from shared.embedded import postgres
from shared.embedded.postgres import embedded_postgres
from shared.errors import InvalidSettings

OWNER = """
import sys, time
from pathlib import Path
from shared.embedded.postgres import embedded_postgres
with embedded_postgres(Path(sys.argv[1]), durable=False) as url:
    print(url, flush=True)
    time.sleep(60)
"""
GONE_WITHIN_S = 10.0


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns the server in `tmp_path`."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def servers(home: Path) -> list[int]:
    """The servers that were started on the data folder in `home`; a child looks like its server until it is named."""
    found: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if os.fsencode(home / "postgres") in words and words[0].endswith(b"postgres"):
            found[int(folder.name)] = parent
    return [process for process, parent in found.items() if parent not in found]


def gone(home: Path) -> bool:
    """Whether no server of `home` runs, or soon none does."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while servers(home) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not servers(home)


def numbers(url: str) -> list[tuple[int, ...]]:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS numbers (n integer)")
        connection.execute("INSERT INTO numbers SELECT count(*) FROM numbers")
        return connection.execute("SELECT n FROM numbers ORDER BY n").fetchall()


def test_data_outlives_the_server(tmp_path: Path) -> None:
    """What was committed is there at the next start, and nothing runs in between."""
    with embedded_postgres(tmp_path) as url:
        first = numbers(url)
    between = servers(tmp_path)
    with embedded_postgres(tmp_path) as url:
        second = numbers(url)

    assert (first, between, second, servers(tmp_path)) == ([(0,)], [], [(0,), (1,)], [])


def test_nobody_else_can_look_in(tmp_path: Path) -> None:
    """Data, log and socket are open to their owner alone, and no port is."""
    home = tmp_path / "home"
    with embedded_postgres(home, durable=False) as url, psycopg.connect(url) as connection:
        addresses = connection.execute("SHOW listen_addresses").fetchone()
        names = ("", "postgres", "postgres.log", postgres.SOCKET_NAME)
        modes = [(home / name).stat().st_mode & 0o077 for name in names]

    assert (addresses, modes) == (("",), [0, 0, 0, 0])


def test_a_guest_does_not_stop_the_server(tmp_path: Path) -> None:
    """Who enters while it runs gets the same server and leaves it running."""
    with embedded_postgres(tmp_path, durable=False) as url:
        with embedded_postgres(tmp_path, durable=False) as guest_url:
            pass
        assert (guest_url, numbers(url)) == (url, [(0,)])


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    """Where the folder's path is too long for a socket, a private temporary one holds it, and is removed."""
    home = tmp_path / ("deep" * 20) / ("deeper" * 10)
    with embedded_postgres(home, durable=False) as url:
        sockets = Path((home / "postgres.owner").read_text())
        facts = (sockets.stat().st_mode & 0o777, numbers(url), sockets == home)

    assert (facts, sockets.exists()) == ((0o700, [(0,)], False), False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_owner_is_killed(
    tmp_path: Path, owner: subprocess.Popen[str], number: signal.Signals
) -> None:
    """Whatever ends the owner ends the server, and the next start works."""
    running = servers(tmp_path)
    owner.send_signal(number)
    owner.wait(timeout=GONE_WITHIN_S)

    assert (len(running), gone(tmp_path)) == (1, True)
    with embedded_postgres(tmp_path, durable=False) as url:
        assert numbers(url) == [(0,)]


def test_an_orphan_is_stopped(tmp_path: Path) -> None:
    """A server that survived its owner is stopped at the next start, which then has its own."""
    with embedded_postgres(tmp_path, durable=False):
        pass
    command = [str(postgres.bundled_binaries() / "postgres"), "-D", str(tmp_path / "postgres")]
    command += ["-c", "listen_addresses=", "-c", f"unix_socket_directories={tmp_path}"]
    wrapped = postgres._wrapped(command)
    unbound = [word for word in wrapped if word not in ("--pdeathsig", "SIGINT")]
    orphan = subprocess.Popen(unbound, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + GONE_WITHIN_S
    while not (tmp_path / postgres.SOCKET_NAME).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    with embedded_postgres(tmp_path, durable=False) as url:
        facts = (orphan.wait(timeout=GONE_WITHIN_S), numbers(url))

    assert facts == (0, [(0,)])


def test_an_interrupted_initdb_is_repeated(tmp_path: Path) -> None:
    """A half-made data folder is thrown away, never used."""
    (tmp_path / "postgres.unfinished").mkdir()
    (tmp_path / "postgres.unfinished" / "PG_VERSION").write_text("18")

    with embedded_postgres(tmp_path, durable=False) as url:
        assert numbers(url) == [(0,)]


def test_another_program_with_the_old_pid_is_left_alone(tmp_path: Path) -> None:
    """After a power cut the pid file may name a stranger: it is not signalled."""
    with embedded_postgres(tmp_path, durable=False):
        pass
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (tmp_path / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n{tmp_path}/postgres\n0\n5432\n\n\n\n\n")
        with embedded_postgres(tmp_path, durable=False) as url:
            facts = (numbers(url), stranger.poll())
        stranger.kill()

    assert facts == ([(0,)], None)


def test_root_without_user_namespaces_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PostgreSQL cannot run, the error says what its owner can do."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(InvalidSettings) as caught:
        postgres._wrapped(["postgres"])
    assert "DATABASE_URL" in caught.value.hint
