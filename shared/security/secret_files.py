"""Secrets are files in one folder: never environment, never logged."""

import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from shared.errors import InvalidSettings

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
