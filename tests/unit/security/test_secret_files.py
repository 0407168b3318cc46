"""Secret files: private, made once, read without their newline."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.errors import InvalidSettings
from shared.security.secret_files import FERNET_KEYS, SIGNING_KEY, SecretFiles


def test_made_secrets_are_private(tmp_path: Path) -> None:
    """Only the owner may read what is made."""
    files = SecretFiles(folder=tmp_path / "secrets")

    files.create_missing()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files.folder.iterdir()}
    assert {SIGNING_KEY: 0o600, FERNET_KEYS: 0o600} == modes
    assert 0o700 == stat.S_IMODE(files.folder.stat().st_mode)


def test_existing_secret_stays(tmp_path: Path) -> None:
    """A second start reads the same keys."""
    files = SecretFiles(folder=tmp_path)
    files.create_missing()
    first = (files.signing_key(), files.fernet_keys())

    files.create_missing()

    assert first == (files.signing_key(), files.fernet_keys())


def test_of_two_makers_one_wins(tmp_path: Path) -> None:
    """Starts at the same time agree on one key."""
    files = SecretFiles(folder=tmp_path)

    def make(_: int) -> bytes:
        files.create_missing()
        return files.signing_key()

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(make, range(8)))

    assert 1 == len(keys)


def test_missing_secret_names_itself(tmp_path: Path) -> None:
    """What is missing is said, with where it was looked for."""
    with pytest.raises(InvalidSettings, match=SIGNING_KEY):
        SecretFiles(folder=tmp_path).signing_key()


def test_trailing_newline_is_not_part_of_a_secret(tmp_path: Path) -> None:
    """An editor's newline changes no key."""
    (tmp_path / SIGNING_KEY).write_text("0123456789abcdef\n")

    assert b"0123456789abcdef" == SecretFiles(folder=tmp_path).signing_key()


def test_short_signing_key_is_refused(tmp_path: Path) -> None:
    """A key that can be guessed is none."""
    (tmp_path / SIGNING_KEY).write_text("short\n")

    with pytest.raises(InvalidSettings, match="16 characters"):
        SecretFiles(folder=tmp_path).signing_key()


def test_absent_postgres_url_is_none(tmp_path: Path) -> None:
    """Without the file the embedded database serves."""
    assert SecretFiles(folder=tmp_path).postgres_url() is None


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Secrets below a file are a wrong setting."""
    (tmp_path / "file").touch()

    with pytest.raises(InvalidSettings, match="SECRETS_DIR"):
        SecretFiles(folder=tmp_path / "file" / "secrets").create_missing()
