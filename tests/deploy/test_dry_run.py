"""What the deployment would do, command by command. Run this file to write the expected output anew."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.conftest import DEPLOY, ROOT

EXPECTED = Path(__file__).parent / "expected"
RUNS = {
    "aarch64.txt": [DEPLOY, "--dry-run", "--arch", "aarch64"],
    "x86_64-without-llm.txt": [DEPLOY, "--dry-run", "--arch", "x86_64", "--without-llm"],
    "uninstall.txt": [ROOT / "scripts" / "uninstall.sh", "--dry-run", "--purge"],
}


def _output(name: str) -> str:
    done = subprocess.run(RUNS[name], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.replace(str(ROOT), "CHECKOUT")


@pytest.mark.parametrize("name", RUNS)
def test_dry_run(name: str) -> None:
    """A dry run prints the commands that are written down here, on any machine, and runs none."""
    assert (EXPECTED / name).read_text() == _output(name)


@pytest.mark.parametrize("script", ["deploy-oracle-arm.sh", "uninstall.sh"])
def test_scripts_are_clean(script: str) -> None:
    """shellcheck finds nothing in the scripts and in what they read."""
    shellcheck = shutil.which("shellcheck")
    if not shellcheck:
        pytest.skip("shellcheck is not installed")

    done = subprocess.run([shellcheck, ROOT / "scripts" / script], capture_output=True, text=True, check=False)

    assert "" == done.stdout


def test_no_secret_is_shown() -> None:
    """What is written into files is never printed: a dry run names the files of the secrets only."""
    output = _output("aarch64.txt")

    assert output.count("write /etc/email-agent/secrets/") == 4
    assert "postgresql://email_agent:" not in output


@pytest.mark.parametrize("words", [["--model"], ["--arch", "riscv64"], ["--model", "tiny; reboot"], ["--nonsense"]])
def test_usage(words: list[str]) -> None:
    """Words that make no sense end with exit code 2 before anything is looked at."""
    done = subprocess.run([DEPLOY, *words], capture_output=True, text=True, check=False)

    assert (2, "") == (done.returncode, done.stdout)


if __name__ == "__main__":
    EXPECTED.mkdir(exist_ok=True)
    for name in RUNS:
        (EXPECTED / name).write_text(_output(name))
