"""Where commands find the database: the one that is configured, or the embedded one, started for as long as needed."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from shared.embedded.postgres import embedded_postgres
from shared.errors import InvalidSettings, LeaseHeld
from shared.security.secret_files import SecretFiles
from shared.settings import Settings
from shared.wiring import Wiring, installed, wired

UP_LOCK = "up.lock"
USERS_LOCK = "postgres.users"


@contextmanager
def in_process() -> Iterator[Wiring]:
    """Yield the wiring of this command; an embedded PostgreSQL that it had to start ends with it."""
    root = installed()
    if root is not None:
        yield root
        return
    settings = Settings.from_environment()
    if is_database_given(settings):
        if settings.places.secrets_dir_or_none is None:
            SecretFiles(folder=settings.places.secrets_dir).create_missing()
        with wired(Wiring(settings)) as root:
            yield root
        return
    home = private_home(settings)
    SecretFiles(folder=settings.places.secrets_dir).create_missing()
    with _share_postgres(home), embedded_postgres(home) as url, wired(Wiring(settings, database_url=url)) as root:
        yield root


def is_database_given(settings: Settings) -> bool:
    """Whether a PostgreSQL is configured; else the embedded one serves."""
    secrets = SecretFiles(folder=settings.places.secrets_dir)
    return settings.places.database_url is not None or secrets.postgres_url() is not None


def private_home(settings: Settings) -> Path:
    """Return AGENT_HOME, made if need be, for its owner only."""
    try:
        home = settings.places.home.resolve()
        str(home).encode()  # PostgreSQL's tools print it
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError, UnicodeEncodeError) as error:  # RuntimeError: links that lead in a circle
        raise unusable_home(settings.places.home, error) from error
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise unusable_home(home, PermissionError())
    return home


def unusable_home(home: Path, error: Exception) -> InvalidSettings:
    """Return the error that names AGENT_HOME and what is wrong with it."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    shown = str(home).encode(errors="backslashreplace").decode()
    return InvalidSettings(f"AGENT_HOME ({shown}) cannot be used: {why}")


@contextmanager
def only_one_up(home: Path) -> Iterator[None]:
    """Be the one `up` of this AGENT_HOME, or raise LeaseHeld."""
    with _lock_file(home, UP_LOCK) as lock:
        if not _try_lock(lock):
            raise LeaseHeld("`up` runs already for this AGENT_HOME")
        yield


@contextmanager
def alone_with_postgres(home: Path) -> Iterator[None]:
    """Wait until no command uses an embedded PostgreSQL that it started itself, and keep new ones waiting."""
    with _lock_file(home, USERS_LOCK) as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        yield


@contextmanager
def _share_postgres(home: Path) -> Iterator[None]:
    """While `up` runs many commands may be its guests; without it one command at a time starts and stops the server."""
    with _lock_file(home, USERS_LOCK) as users:
        fcntl.flock(users, fcntl.LOCK_SH if _is_up(home) else fcntl.LOCK_EX)
        yield


def _is_up(home: Path) -> bool:
    with _lock_file(home, UP_LOCK) as lock:
        return not _try_lock(lock)


def _lock_file(home: Path, name: str) -> IO[str]:
    try:
        return (home / name).open("a")
    except OSError as error:
        raise unusable_home(home, error) from error


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
