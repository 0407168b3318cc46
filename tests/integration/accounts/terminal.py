"""A person at a terminal: a program on a pseudo-terminal of its own, and what is typed when it asks."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0


def converse(
    command: Sequence[str], answers: Sequence[tuple[str, str]], environment: Mapping[str, str]
) -> tuple[int, str]:
    """Run a command on a terminal; when each text appears type its answer. Return its exit code and all it showed."""
    ours, its = pty.openpty()
    shell = ["sh", "-c", 'exec "$@" <"$TTY" >"$TTY" 2>&1', "sh", *command]  # who opens it first has it as its terminal
    process = subprocess.Popen(
        shell, cwd=ROOT, env={**os.environ, **environment, "TTY": os.ttyname(its)}, start_new_session=True
    )
    waiting = list(answers)
    shown = ""
    seen = 0
    deadline = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.05)[0]:
                shown += os.read(ours, 4096).decode(errors="replace")
            elif process.poll() is not None:
                return process.returncode, shown
            if waiting and waiting[0][0] in shown[seen:]:
                seen = shown.index(waiting[0][0], seen) + len(waiting[0][0])
                os.write(ours, waiting.pop(0)[1].encode() + b"\n")
        raise TimeoutError(f"it waits for something else: {shown!r}")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(its)
