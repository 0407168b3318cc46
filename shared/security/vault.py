"""The vault: account passwords encrypted with Fernet; the newest key writes, all keys read."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.errors import InvalidSettings


class Vault:
    """Encrypts and decrypts account passwords."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise InvalidSettings("fernet-keys: each line must be a key of 32 bytes in URL-safe base64") from error

    def seal(self, password: str) -> bytes:
        """Encrypt a password with the newest key."""
        return self._fernet.encrypt(password.encode())

    def reseal(self, secret: bytes) -> bytes:
        """Encrypt what any key wrote with the newest key."""
        return self.seal(self.open(secret))

    def opens(self, secret: bytes) -> bool:
        """Whether one of the keys wrote this."""
        try:
            self._fernet.decrypt(secret)
        except InvalidToken:
            return False
        return True

    def open(self, secret: bytes) -> str:
        """Decrypt a password with whichever key wrote it."""
        try:
            return self._fernet.decrypt(secret).decode()
        except InvalidToken as error:
            raise InvalidSettings("fernet-keys: no key opens the stored password; was the file replaced?") from error
