"""Children of the demo end with it, and what a killed demo left is found."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.demo.processes import MARK, DemoError, child, end_leftovers, gone, leftovers, wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], MARK: str(home)}


def test_a_child_ends_with_its_block(tmp_path: Path) -> None:
    """A child is found while it runs and gone after its block."""
    with child(SLEEP, environment=environment(tmp_path), log=tmp_path / "log") as process:
        wait_until(lambda: leftovers(tmp_path) == [process.pid], process=process, log=tmp_path / "log", timeout_s=10)

    assert gone(tmp_path, timeout_s=5)


def test_another_home_is_left_alone(tmp_path: Path) -> None:
    """Only processes of this very home are found, not those of a home whose name begins the same."""
    with child(SLEEP, environment=environment(tmp_path / "demo-2"), log=tmp_path / "log"):
        assert [] == leftovers(tmp_path / "demo")


def test_leftovers_are_ended(tmp_path: Path) -> None:
    """What still runs in a home is ended and counted."""
    with ExitStack() as stack:
        process = stack.enter_context(child(SLEEP, environment=environment(tmp_path), log=tmp_path / "log"))
        wait_until(lambda: leftovers(tmp_path) == [process.pid], process=process, log=tmp_path / "log", timeout_s=10)

        assert 1 == end_leftovers(tmp_path)
        assert [] == leftovers(tmp_path)


def test_a_child_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    """The last lines of the log are in the error."""
    log = tmp_path / "server.log"
    with (
        child([sys.executable, "-c", "print('no licence')"], environment=environment(tmp_path), log=log) as process,
        pytest.raises(DemoError, match=r"(?s)server did not start.*no licence"),
    ):
        wait_until(lambda: False, process=process, log=log, timeout_s=10)
