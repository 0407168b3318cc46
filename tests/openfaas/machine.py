"""A machine inside this one: mounts, network and processes of its own, which all die at once in a power cut."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.openfaas.programs import PATHS

FIRST_PROCESS = Path(__file__).with_name("machine.sh")
CLONE_NEWNET = 0x40000000
START_TIMEOUT_S = 20.0
POLL_S = 0.005
NAMESPACES = ("--mount", "--net", "--pid", "--ipc", "--uts")


@dataclass(kw_only=True)
class Machine:
    """Its disk is a folder and outlives it; this thread is in its network while it runs."""

    disk: Path
    pid: int = 0
    boots: int = 0
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def boot(self) -> None:
        """Start it, and enter its network."""
        sign = self.disk / "is-up"
        sign.unlink(missing_ok=True)
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", *NAMESPACES, "--fork", "--mount-proc", "--kill-child"]
        command += ["--propagation", "private", "bash", str(FIRST_PROCESS), str(self.disk)]
        with (self.disk / "machine.log").open("ab") as log:
            self.shell = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(sign.exists, "the machine did not start", log=self.disk / "machine.log")
        self.pid = int(Path(f"/proc/{self.shell.pid}/task/{self.shell.pid}/children").read_text())
        self.boots += 1
        enter_network(Path(f"/proc/{self.pid}/ns/net"))

    def power_cut(self) -> None:
        """Kill all of its processes at once."""
        os.kill(self.pid, signal.SIGKILL)
        for process in (self.shell, *self.children):
            process.wait(START_TIMEOUT_S)
        self.children.clear()

    def command(self, *words: str) -> list[str]:
        """Return what runs these words inside."""
        return ["nsenter", "--target", str(self.pid), *NAMESPACES, "--", *words]

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command inside and return what it prints."""
        done = subprocess.run(
            self.command(*words), env=environment(), capture_output=True, text=True, check=False, timeout=180
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr}{done.stdout}")
        return done.stdout

    def spawn(self, *words: str, **variables: str) -> Path:
        """Start a long-lived command inside; return its log, on the machine's disk."""
        path = self.disk / f"{Path(words[0]).name}-{self.boots}.log"
        with path.open("ab") as log:
            command = self.command("env", *(f"{name}={value}" for name, value in variables.items()), *words)
            self.children.append(
                subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )
        return path


def environment() -> Mapping[str, str]:
    """Return a plain environment: neither proxies nor a CI's switches belong into the machine."""
    return {"PATH": PATHS, "HOME": "/root", "LANG": "C.UTF-8"}


@contextmanager
def back_outside() -> Iterator[None]:
    """Return to this machine's own network at the end."""
    handle = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        yield
    finally:
        _setns(handle)
        os.close(handle)


def enter_network(path: Path) -> None:
    """Move this thread into a network; the sockets and processes it makes from now on are there."""
    handle = os.open(path, os.O_RDONLY)
    try:
        _setns(handle)
    finally:
        os.close(handle)


def _setns(handle: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(handle, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def wait_until(
    is_so: Callable[[], bool], why: str, *, log: Path | None = None, timeout_s: float = START_TIMEOUT_S
) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"{why}\n{log.read_text(errors='replace')[-2000:] if log else ''}")
        time.sleep(POLL_S)
