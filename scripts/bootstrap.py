"""Makes .venv on first use and whenever the requirements change; standard library only, quiet unless it fails."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".requirements"
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
OLDEST = (3, 11)
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")


def ensure_venv() -> Path:
    """Return the Python of a complete .venv; of several starts at once one makes it and the others wait."""
    wanted = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in REQUIREMENTS)).hexdigest()
    if _is_complete(wanted):
        return PYTHON
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_complete(wanted):
            _make()
            STAMP.write_text(wanted)
    return PYTHON


def _is_complete(wanted: str) -> bool:
    try:
        return PYTHON.exists() and STAMP.read_text() == wanted
    except OSError:
        return False


def _make() -> None:
    if sys.version_info < OLDEST:
        _start_again_with_a_newer_python()
    print("agent: installing what is needed into .venv (first use; this takes a minute)", file=sys.stderr, flush=True)
    if not _has_pip():
        _run([sys.executable, "-m", "venv", "--clear", str(VENV)], "python3 -m venv failed: is python3-venv installed?")
    install = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    hashed = ["--require-hashes", "-r", str(ROOT / REQUIREMENTS[-1])]  # this file pins all that the other one does
    _run([*install, *hashed], "pip install failed: is a package index reachable?")


def _has_pip() -> bool:
    """Whether an earlier start got as far as pip: one that was killed before leaves a folder that is no use."""
    if not PYTHON.exists():
        return False
    return not subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False).returncode


def _start_again_with_a_newer_python() -> None:
    newer = next((path for path in map(shutil.which, NEWER_NAMES) if path), None)
    if newer is None:
        sys.exit(f"agent: Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version.split()[0]}")
    os.execv(newer, [newer, *sys.argv])


def _run(command: list[str], complaint: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}agent: {complaint}")


if __name__ == "__main__":
    ensure_venv()
