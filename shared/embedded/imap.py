"""A small IMAP server (pymap, mail in memory only) for the demo and for tests, as a child process on loopback."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from shared.errors import MailServerDown

HOST = "127.0.0.1"
DEMO_USER = "demo"
DEMO_PASSWORD = "demo"  # noqa: S105 - the mailbox lives in memory, on loopback, and holds invented mail
START_TIMEOUT_S = 20.0
POLL_S = 0.05
PR_SET_PDEATHSIG = 1  # prctl(2)
OTHER_SERVICES = ("admin", "managesieve", "swim")


def start_pymap(
    port: int, directory: Path, *, user: str = DEMO_USER, password: str = DEMO_PASSWORD
) -> "subprocess.Popen[bytes]":
    """Start pymap on a loopback port and return once it greets; its log and arguments are kept in `directory`.

    The server ends when the thread that called this function ends, even by SIGKILL (Linux only).
    """
    arguments = ["--no-tls", f"--host={HOST}", f"--port={port}", *(f"--no-service={name}" for name in OTHER_SERVICES)]
    arguments += ["dict", f"--demo-user={user}", f"--demo-password={password}"]
    file = directory / "pymap.args"  # a file, so that the password does not show in the list of processes
    file.touch(mode=0o600)
    file.write_text("\n".join(argument.replace("$", "$$") for argument in arguments))
    with (directory / "pymap.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(os.getpid()), f"@{file}"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    _wait_for_greeting(process, port)
    return process


def _wait_for_greeting(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((HOST, port), timeout=START_TIMEOUT_S) as sock:
                if sock.recv(4) == b"* OK" and process.poll() is None:
                    return
        except OSError:
            time.sleep(POLL_S)
    process.kill()
    process.wait()
    raise MailServerDown(f"The embedded IMAP server did not start on port {port}; see pymap.log")


def _die_with(parent: int) -> None:
    """Ask Linux to end this process when its parent dies, and end now if that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit("the parent process is gone")


def _serve(parent: int, arguments: str) -> None:
    from pymap.main import main  # noqa: PLC0415 - only the child needs it, and it is slow to import

    _die_with(parent)
    sys.argv = ["pymap", arguments]
    main()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
