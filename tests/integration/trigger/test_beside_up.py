"""`agent up --trigger`: the whole stack left running, which ends as one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.store import PostgresStore
from shared.timetable import Leader
from tests.fixtures.dovecot import free_port
from tests.integration.trigger.scene import END_TIMEOUT_S, ROOT, wait


@pytest.fixture
def up(tmp_path: Path, database_url: str) -> "Iterator[subprocess.Popen[bytes]]":
    """The stack on this test's database."""
    environment = os.environ | {"AGENT_HOME": str(tmp_path), "DATABASE_URL": database_url}
    command = [sys.executable, "-m", "shared.cli", "up", "--trigger", "--port", str(free_port())]
    with (tmp_path / "up.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    yield process
    process.terminate()
    process.wait(END_TIMEOUT_S)


def leader_of(store: PostgresStore) -> Leader:
    """Who leads, once somebody does."""
    assert wait(lambda: store.schedule.leader() is not None)
    leader = store.schedule.leader()
    assert leader is not None
    return leader


def test_the_trigger_ends_with_the_stack(store: PostgresStore, up: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    """Ctrl-C ends the trigger in good order first: it has given up its lead."""
    assert leader_of(store).is_alive

    up.send_signal(signal.SIGINT)

    assert (0, None) == (up.wait(END_TIMEOUT_S), store.schedule.leader())
    assert '{"trigger": "ended", "left": []}' in (tmp_path / "up.log").read_text()


def test_a_trigger_that_dies_is_told(store: PostgresStore, up: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    """Without its trigger the stack does not go on in silence: it ends and says why."""
    os.kill(int(leader_of(store).holder.rpartition(":")[2]), signal.SIGKILL)

    assert 1 == up.wait(END_TIMEOUT_S)
    assert "the trigger ended by itself" in (tmp_path / "up.log").read_text()
