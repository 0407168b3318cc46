"""The secret files: whether they are there, readable for us, and for nobody else."""

import stat
from collections.abc import Callable
from pathlib import Path

from shared.cli.doctor.check import Check, failed
from shared.errors import EmailAgentError, InvalidSettings
from shared.security.secret_files import FERNET_KEYS, POSTGRES_URL, SIGNING_KEY, SecretFiles
from shared.security.vault import Vault
from shared.settings import Settings

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def secret_checks(settings: Settings) -> list[Check]:
    """Look at each secret; where PostgreSQL is may stand in a secret, and need not."""
    files = SecretFiles(folder=settings.places.secrets_dir)
    checks = [
        _secret("signing key", files.folder / SIGNING_KEY, lambda: f"{len(files.signing_key())} characters"),
        _secret("fernet keys", files.folder / FERNET_KEYS, lambda: _keys(files.fernet_keys())),
    ]
    if (files.folder / POSTGRES_URL).exists():
        url = _secret("postgres url", files.folder / POSTGRES_URL, lambda: "there" if files.postgres_url() else "empty")
        checks.append(url)
    return checks


def _keys(keys: list[str]) -> str:
    Vault(keys)  # raises where one is no key
    return "1 key" if len(keys) == 1 else f"{len(keys)} keys, the newest first"


def _secret(check: str, path: Path, read: Callable[[], str]) -> Check:
    try:
        found, mode = read(), stat.S_IMODE(path.stat().st_mode)
    except EmailAgentError as error:
        return failed(check, error, f"scripts/agent up makes what is missing in {path.parent}")
    except OSError as error:
        return failed(check, InvalidSettings(f"{path}: {error.strerror}"))
    if mode & OTHERS:
        return Check(check=check, ok=False, found=f"others can read it (mode {mode:04o})", hint=f"chmod 600 {path}")
    return Check(check=check, found=f"{found}, mode {mode:04o}")
