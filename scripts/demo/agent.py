"""The program under demonstration, used as a person uses it: through its command line."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.demo.processes import MARK, DemoError, end_with_parent

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, str(ROOT / "scripts" / "agent"))
COMMAND_TIMEOUT_S = 300
READY_TIMEOUT_S = 2
INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "TERM", "COLUMNS", "NO_COLOR", "PIP_INDEX_URL")


def agent_environment(home: Path, port: int) -> dict[str, str]:
    """Return a clean environment: a person's own settings, database and language model have no place in the demo."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    ours = {"AGENT_HOME": str(home), "AGENT_GATEWAY_URL": f"http://127.0.0.1:{port}", MARK: str(home)}
    return inherited | ours | {"CLASSIFICATION_STRATEGY": "rules"}


@dataclass(frozen=True, kw_only=True)
class Agent:
    """The command line with the demo's environment."""

    environment: Mapping[str, str]

    def run(self, *words: str) -> str:
        """Run one command and return what it printed.

        Raises
        ------
        DemoError
            It did not exit with 0.

        """
        done = subprocess.run(
            (*COMMAND, *words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )
        if done.returncode != 0:
            raise DemoError(
                f"scripts/agent {' '.join(words)}: exit {done.returncode}\n{done.stderr}{done.stdout}".rstrip()
            )
        return done.stdout

    def ask(self, *words: str) -> dict[str, Any]:
        """Run one command with --json and return its object."""
        answer: dict[str, Any] = json.loads(self.run(*words, "--json"))
        return answer

    def is_ready(self) -> bool:
        """Tell whether the functions can work."""
        url = f"{self.environment['AGENT_GATEWAY_URL']}/function/fetch-batch/_/ready"
        try:
            with urllib.request.urlopen(url, timeout=READY_TIMEOUT_S) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
