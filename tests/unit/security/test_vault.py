"""The vault: what is sealed opens again, with old keys too, and with no other."""

import pytest
from cryptography.fernet import Fernet

from shared.errors import InvalidSettings
from shared.security.vault import Vault

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def test_sealed_password_opens() -> None:
    """A password of any characters comes back as it was."""
    vault = Vault([NEW])

    assert "pä\N{SNOWMAN} " == vault.open(vault.seal("pä\N{SNOWMAN} "))


def test_older_key_still_opens() -> None:
    """After a rotation the newest key writes and all keys read."""
    assert "p" == Vault([NEW, OLD]).open(Vault([OLD]).seal("p"))


def test_other_key_opens_nothing() -> None:
    """A vault with other keys says so, and not what it saw."""
    with pytest.raises(InvalidSettings, match="fernet-keys"):
        Vault([OTHER]).open(Vault([NEW]).seal("p"))


@pytest.mark.parametrize("keys", [[], ["short"]])
def test_bad_keys_are_refused(keys: list[str]) -> None:
    """A file without a usable key is named."""
    with pytest.raises(InvalidSettings, match="fernet-keys"):
        Vault(keys)
