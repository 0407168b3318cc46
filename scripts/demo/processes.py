"""Children of the demo: they end with it, also when it is killed, and what an earlier demo left is ended first."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2): the signal a child gets when its parent dies
STOP_TIMEOUT_S = 60.0  # more than `up` takes to stop its own children in order
POLL_S = 0.05
LOG_TAIL_LINES = 12
PROC = Path("/proc")
MARK = "EMAIL_AGENT_DEMO_HOME"


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to look at."""


@contextmanager
def child(command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a long-lived command in its own session and stop it, with all of its children, on the way out."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the demo, which then stops its children in order
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - the demo has one thread
        )
    try:
        yield process
    finally:
        _stop_session(process)


def end_with_parent() -> Callable[[], None] | None:
    """Return what a child calls before exec so that the kernel ends it with the demo (Linux only)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop_session(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(is_ready: Callable[[], bool], *, process: subprocess.Popen[bytes], log: Path, timeout_s: float) -> None:
    """Wait for a child to be ready.

    Raises
    ------
    DemoError
        It ended or took too long; with the last lines of its log.

    """
    deadline = time.monotonic() + timeout_s
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:])
            raise DemoError(f"{log.stem} did not start:\n{tail}")
        time.sleep(POLL_S)


def listens(port: int) -> bool:
    """Tell whether somebody answers on this loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Return a loopback port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def leftovers(home: Path) -> list[int]:
    """Return the processes of the demo in this home, known by a variable that nobody else sets."""
    mark = f"{MARK}={home}".encode()
    found = []
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or it is somebody else's
            variables = (entry / "environ").read_bytes().split(b"\0")
            is_alive = b"\nState:\tZ" not in (entry / "status").read_bytes()
            if mark in variables and is_alive:
                found.append(int(entry.name))
    return found


def end_leftovers(home: Path) -> int:
    """End what a killed demo left running in this home, and return how many processes that were."""
    found = leftovers(home)
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL):
        for pid in leftovers(home):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if gone(home, timeout_s=5.0):
            break
    return len(found)


def gone(home: Path, *, timeout_s: float) -> bool:
    """Wait a little for the last process of this home to end."""
    deadline = time.monotonic() + timeout_s
    while leftovers(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
