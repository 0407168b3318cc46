"""imapfilter, the peer: one whole process per run, with the Lua files beside this one."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.errors import BenchError
from scripts.bench.figures import Run
from scripts.bench.ways import Way
from tests.fixtures.dovecot import PASSWORD

NAME = "imapfilter"
LUA = Path(__file__).parent / "imapfilter"
TIMEOUT_S = 120


class PeerError(BenchError):
    """imapfilter ended with an error."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Runs imapfilter on a user's mail."""

    home: Path

    def sort(self, user: str, way: Way, rules: str) -> Run:
        """Do what the rules say; the time is that of the process, from its start to its end."""
        return self._run(user, way, rules, "-c")

    def search(self, user: str, way: Way, rules: str) -> Run:
        """Do its searches but no move (its own dry run), which fills the server's cache with what it asks for."""
        return self._run(user, way, rules, "-nc")

    def _run(self, user: str, way: Way, rules: str, options: str) -> Run:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.home),
            "BENCH_PORT": str(way.port),
            "BENCH_USER": user,
            "BENCH_PASSWORD": PASSWORD,
        }
        command = [NAME, options, str(LUA / f"{rules}.lua")]
        way.begin()
        started = time.perf_counter()
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            said, _ = process.communicate(timeout=TIMEOUT_S)
        seconds = time.perf_counter() - started
        if process.returncode != 0:
            raise PeerError(f"{' '.join(command)}: exit {process.returncode}\n{said.decode(errors='replace')}")
        return Run(seconds=seconds, commands=way.commands())
