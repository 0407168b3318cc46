"""Secrets are files in one folder: never environment, never logged."""

import fcntl
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from shared.errors import Conflict, InvalidSettings

SIGNING_KEY = "function-signing-key"
FERNET_KEYS = "fernet-keys"
POSTGRES_URL = "postgres-url"
MAX_SECRET_BYTES = 64 * 1024
SIGNING_KEY_BYTES = 32
MIN_SIGNING_KEY_CHARACTERS = 16

GENERATORS: dict[str, Callable[[], str]] = {
    SIGNING_KEY: lambda: secrets.token_hex(SIGNING_KEY_BYTES),
    FERNET_KEYS: lambda: Fernet.generate_key().decode(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFiles:
    """The secret files of one folder; a trailing newline is not part of a secret."""

    folder: Path

    def signing_key(self) -> bytes:
        """The key that signs calls to the functions."""
        key = self._required(SIGNING_KEY)
        if len(key) < MIN_SIGNING_KEY_CHARACTERS:
            raise InvalidSettings(f"secret {SIGNING_KEY!r} must have at least {MIN_SIGNING_KEY_CHARACTERS} characters")
        return key.encode()

    def fernet_keys(self) -> list[str]:
        """The keys of the vault, newest first."""
        return self._required(FERNET_KEYS).split()

    def write_fernet_keys(self, keys: Sequence[str]) -> None:
        """Replace the keys of the vault: whoever reads the file meanwhile, or after a crash, finds old or new ones."""
        path = (self.folder / FERNET_KEYS).resolve()
        try:
            _replace(path, "".join(f"{key}\n" for key in keys))
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise InvalidSettings(f"secret {FERNET_KEYS!r} cannot be written in {path.parent}: {why}") from error

    @contextmanager
    def sealing(self) -> Iterator[None]:
        """Seal and store a password with keys that no rotation drops meanwhile; waits for one at work."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def rotating(self) -> Iterator[None]:
        """Be the only one who rotates keys or stores passwords, or raise Conflict."""
        with self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        try:
            handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise InvalidSettings(f"SECRETS_DIR ({self.folder}) cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(handle, how)
            yield
        except BlockingIOError as error:
            raise Conflict("somebody else rotates keys or stores a password: try again") from error
        finally:
            os.close(handle)

    def postgres_url(self) -> str | None:
        """Where PostgreSQL is, if a file says so."""
        return self._read(POSTGRES_URL)

    def create_missing(self) -> None:
        """Make the keys that do not exist yet, readable by their owner only; of two makers at once one wins."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, generate in GENERATORS.items():
                if not (self.folder / name).exists():
                    _write_once(self.folder / name, generate() + "\n")
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise InvalidSettings(f"secrets cannot be written to SECRETS_DIR ({self.folder}): {why}") from error

    def _required(self, name: str) -> str:
        value = self._read(name)
        if value is None:
            raise InvalidSettings(f"secret {name!r} is missing in SECRETS_DIR ({self.folder})")
        return value

    def _read(self, name: str) -> str | None:
        path = self.folder / name
        try:
            if path.stat().st_size > MAX_SECRET_BYTES:
                raise InvalidSettings(f"secret {name!r} is larger than {MAX_SECRET_BYTES} bytes")
            return path.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            what = f"secret {name!r} in SECRETS_DIR ({self.folder})"
            raise InvalidSettings(f"{what} cannot be read: {type(error).__name__}") from error


def _write_once(path: Path, content: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        os.link(temporary, path)  # atomic, and never over an existing secret
    except FileExistsError:
        return
    finally:
        temporary.unlink()


def _replace(path: Path, content: str) -> None:
    """Write a file anew under its owner's name, on the disk before it takes the old one's place."""
    before = path.stat()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, stat.S_IMODE(before.st_mode) & 0o660)  # the functions may read it as another user
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(handle, before.st_uid, before.st_gid)
            file.write(content)
            file.flush()
            os.fsync(handle)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    for leftover in path.parent.glob(f".{path.name}.*"):  # of a rotation that was killed: it may hold an old key
        leftover.unlink(missing_ok=True)
