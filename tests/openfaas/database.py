"""Debian's PostgreSQL, where functions reach it: over TCP, with a password, on the machine's disk."""

import contextlib
import secrets
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.openfaas.faasd import HOST_SEEN_BY_FUNCTIONS
from tests.openfaas.machine import START_TIMEOUT_S, wait_until
from tests.openfaas.programs import POSTGRES

OWNER = "postgres"
PORT = 5432
SETTINGS = {"listen_addresses": "*", "fsync": "off", "max_connections": "100", "password_encryption": "scram-sha-256"}


@dataclass(kw_only=True)
class Database:
    """One server; its data outlives it."""

    folder: Path
    password: str = field(default_factory=lambda: secrets.token_hex(16))

    def create(self) -> None:
        """Make the data folder; functions come from the bridge's network, with a password."""
        self.folder.mkdir()
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        subprocess.run(["chown", "-R", OWNER, str(self.folder)], check=True)
        self._run("initdb", f"--pgdata={self.data}", f"--username={OWNER}", "--auth=scram-sha-256", "--locale=C",
                  "--encoding=UTF8", f"--pwfile={password_file}")  # fmt: skip
        with (self.data / "pg_hba.conf").open("a") as access:
            access.write("host all all 10.62.0.0/16 scram-sha-256\n")

    def start(self) -> None:
        """Start it and wait until it lets us in."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)  # a power cut leaves it, with a number that may be taken
        settings = SETTINGS | {"unix_socket_directories": str(self.folder)}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        log = self.folder / "log"
        with log.open("ab") as output:
            command = self._as_owner("postgres", "-D", str(self.data), *words)
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_until(self._lets_us_in, "PostgreSQL does not answer", log=log)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it; SIGQUIT is what a power cut comes to."""
        self.process.send_signal(number)
        self.process.wait(START_TIMEOUT_S)

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / "data"

    def url(self, host: str = "127.0.0.1") -> str:
        """Return where it is, seen from the machine."""
        return f"postgresql://{OWNER}:{self.password}@{host}:{PORT}/postgres"

    @property
    def url_for_functions(self) -> str:
        """Return where functions find it."""
        return self.url(HOST_SEEN_BY_FUNCTIONS)

    def _lets_us_in(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url(), connect_timeout=2):
            return True
        return False

    def _run(self, *words: str) -> None:
        subprocess.run(self._as_owner(*words), check=True, capture_output=True)

    def _as_owner(self, program: str, *words: str) -> list[str]:
        who = ["--reuid", OWNER, "--regid", OWNER, "--clear-groups", "--pdeathsig", "QUIT"]
        return ["setpriv", *who, "--", str(POSTGRES / program), *words]
