"""The deployment script as a person runs it, on machines that are made up command by command."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "scripts" / "deploy-oracle-arm.sh"
GOOD = {
    "nproc": "echo 4",
    "free": "printf 'Mem: 24000 1 1\\nSwap: 2048 0 0\\n'",
    "df": "printf 'Avail\\n150000\\n'",
    "uname": "case $1 in -m) echo aarch64 ;; -r) echo 6.8.0-1010-oracle ;; esac",
    "ss": ":",
    "iptables": "echo '-P INPUT ACCEPT'",
    "timedatectl": "echo yes",
}
"""What the commands of a machine say that nothing is wrong with."""

Check = Callable[[Mapping[str, str]], subprocess.CompletedProcess[str]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Run `--check` on a machine whose commands answer as told; `os-release` is the content of that file."""

    def run(machine: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        answers = {"os-release": "ID=ubuntu\nVERSION_ID=24.04\n"} | GOOD | machine
        release = tmp_path / "os-release"
        release.write_text(answers.pop("os-release"))
        commands = tmp_path / "commands"
        commands.mkdir()
        for name, script in answers.items():
            (commands / name).write_text(f"#!/bin/sh\n{script}\n")
            (commands / name).chmod(0o755)
        path = f"{commands}:{os.environ['PATH']}"
        environment = {"PATH": path, "OS_RELEASE": str(release), "HOME": str(tmp_path)}
        return subprocess.run([DEPLOY, "--check"], env=environment, capture_output=True, text=True, check=False)

    return run
