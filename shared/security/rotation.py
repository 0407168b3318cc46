"""Rotation of the vault's keys, in steps after each of which every stored password can be opened (docs/adr/0020).

1. The new key is put in front of the file: from now on it seals, and all keys open.
2. Every password is sealed anew with it, in one transaction.
3. Once each of them opens with it alone, the other keys are dropped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.fernet import Fernet

from shared.errors import InvalidSettings
from shared.security.secret_files import SecretFiles
from shared.security.vault import Vault

MAX_KEYS = 100
"""Far under what a secret file may hold."""


class Sealed(Protocol):
    """The stored passwords, as they were sealed."""

    def secrets(self) -> Mapping[str, bytes]:
        """Each account's sealed password."""

    def reseal(self, change: Callable[[bytes], bytes]) -> int:
        """Change all of them in one transaction, or none: Conflict if one was changed by somebody else meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """How many keys there are, how many passwords the newest and only an older one opens, and whose none does."""

    keys: int
    newest: int
    older: int
    unreadable: tuple[str, ...]


def key_state(files: SecretFiles, sealed: Sealed) -> KeyState:
    """Look whether every stored password can be opened, and whether a rotation waits to be finished."""
    keys = files.fernet_keys()
    vault, newest = Vault(keys), Vault(keys[:1])
    secrets = sealed.secrets()
    new = sum(newest.opens(secret) for secret in secrets.values())
    unreadable = tuple(name for name, secret in secrets.items() if not vault.opens(secret))
    return KeyState(keys=len(keys), newest=new, older=len(secrets) - new - len(unreadable), unreadable=unreadable)


def add_key(files: SecretFiles) -> None:
    """Put a new key in front of the others; nothing is sealed with it yet, and the old ones still open."""
    with files.rotating():
        keys = files.fernet_keys()
        Vault(keys)  # a file with a broken line is not made worse
        if len(keys) >= MAX_KEYS:
            raise InvalidSettings(f"fernet-keys holds {len(keys)} keys", hint="drop the old ones: --drop-old")
        files.write_fernet_keys([Fernet.generate_key().decode(), *keys])


def drop_old_keys(files: SecretFiles, sealed: Sealed) -> int:
    """Seal every password with the newest key, then forget the other keys; return how many were sealed anew."""
    with files.rotating():
        keys = files.fernet_keys()
        vault, newest = Vault(keys), Vault(keys[:1])
        resealed = sealed.reseal(lambda secret: secret if newest.opens(secret) else vault.reseal(secret))
        for name, secret in sealed.secrets().items():
            if not newest.opens(secret):
                raise InvalidSettings(
                    f"the password of {name!r} was stored with another key meanwhile; all keys are kept",
                    hint="accounts rotate-key --drop-old goes on",
                )
        if len(keys) > 1:
            files.write_fernet_keys(keys[:1])
    return resealed
