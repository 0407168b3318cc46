"""Rotation: a new key seals everything, and the old ones go last."""

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from shared.errors import Conflict, InvalidSettings
from shared.security.rotation import MAX_KEYS, KeyState, add_key, drop_old_keys, key_state
from shared.security.secret_files import FERNET_KEYS, SecretFiles
from shared.security.vault import Vault


@dataclass
class FakeSealed:
    """Sealed passwords in memory; `late` comes in after they were sealed anew."""

    stored: dict[str, bytes]
    late: bytes | None = None

    def secrets(self) -> Mapping[str, bytes]:
        return self.stored

    def reseal(self, change: Callable[[bytes], bytes]) -> int:
        before = dict(self.stored)
        self.stored = {name: change(secret) for name, secret in before.items()}
        if self.late is not None:
            self.stored["late"] = self.late
        return sum(self.stored[name] != secret for name, secret in before.items())


@pytest.fixture
def files(tmp_path: Path) -> SecretFiles:
    made = SecretFiles(folder=tmp_path)
    made.create_missing()
    return made


@pytest.fixture
def sealed(files: SecretFiles) -> FakeSealed:
    vault = Vault(files.fernet_keys())
    return FakeSealed({name: vault.seal(f"password of {name}") for name in ("home", "work")})


def opened(keys: list[str], sealed: FakeSealed) -> dict[str, str]:
    return {name: Vault(keys).open(secret) for name, secret in sealed.stored.items()}


def test_a_rotation_leaves_one_new_key(files: SecretFiles, sealed: FakeSealed) -> None:
    """Afterwards only the new key is there, and it opens everything."""
    (old,) = files.fernet_keys()

    add_key(files)
    resealed = drop_old_keys(files, sealed)

    (new,) = files.fernet_keys()
    assert (2, True) == (resealed, new != old)
    assert {"home": "password of home", "work": "password of work"} == opened([new], sealed)


def test_the_first_step_changes_no_password(files: SecretFiles, sealed: FakeSealed) -> None:
    """With the new key in front, whoever still has the old file can open everything."""
    (old,) = files.fernet_keys()

    add_key(files)

    assert [old] == files.fernet_keys()[1:]
    assert 2 == len(opened([old], sealed))


def test_an_interrupted_rotation_goes_on(files: SecretFiles, sealed: FakeSealed) -> None:
    """However many keys earlier attempts left, one remains; what the newest key sealed is left as it is."""
    for _ in range(3):
        add_key(files)

    assert (2, 0, 1) == (drop_old_keys(files, sealed), drop_old_keys(files, sealed), len(files.fernet_keys()))


def test_a_password_stored_meanwhile_keeps_all_keys(files: SecretFiles, sealed: FakeSealed) -> None:
    """A password that another machine sealed with an old key in the last moment can still be opened."""
    sealed.late = Vault(files.fernet_keys()).seal("late")
    add_key(files)

    with pytest.raises(InvalidSettings, match="late"):
        drop_old_keys(files, sealed)

    assert 2 == len(files.fernet_keys())
    assert "late" == opened(files.fernet_keys(), sealed)["late"]


def test_a_password_that_no_key_opens_stops_it(files: SecretFiles, sealed: FakeSealed) -> None:
    """Nothing is dropped while something cannot be opened."""
    sealed.stored["lost"] = Vault([Fernet.generate_key().decode()]).seal("lost")
    add_key(files)

    with pytest.raises(InvalidSettings, match="no key opens"):
        drop_old_keys(files, sealed)

    assert 2 == len(files.fernet_keys())


def test_a_broken_file_is_not_made_worse(files: SecretFiles) -> None:
    """A line that is no key is told before anything is written."""
    path = files.folder / FERNET_KEYS
    path.write_text("nonsense\n")

    with pytest.raises(InvalidSettings):
        add_key(files)

    assert "nonsense\n" == path.read_text()


def test_keys_do_not_pile_up_for_ever(files: SecretFiles) -> None:
    """Adding again and again, without ever dropping, ends before the file is too large to be read."""
    files.write_fernet_keys([Fernet.generate_key().decode() for _ in range(MAX_KEYS)])

    with pytest.raises(InvalidSettings, match="holds 100 keys"):
        add_key(files)


def test_the_new_file_is_as_private_as_the_old(files: SecretFiles) -> None:
    """Who could read the keys still can, and never others; nothing is left beside them."""
    path = files.folder / FERNET_KEYS
    modes = []
    for mode in (0o600, 0o640, 0o644):
        path.chmod(mode)
        add_key(files)
        modes.append(stat.S_IMODE(path.stat().st_mode))

    assert [0o600, 0o640, 0o640] == modes
    assert 2 == len(list(files.folder.iterdir()))


def test_leftovers_of_a_killed_rotation_go(files: SecretFiles) -> None:
    """A temporary file that a kill left holds keys: the next rotation removes it."""
    (files.folder / f".{FERNET_KEYS}.abc").write_text("an old key\n")

    add_key(files)

    assert [] == list(files.folder.glob(".*"))


def test_a_linked_file_is_replaced_where_it_is(files: SecretFiles, tmp_path: Path) -> None:
    """A symbolic link stays one; the file that it names is replaced."""
    path = files.folder / FERNET_KEYS
    real = tmp_path / "elsewhere"
    path.rename(real)
    path.symlink_to(real)

    add_key(files)

    assert (True, 2) == (path.is_symlink(), len(real.read_text().split()))


def test_the_state_of_the_keys(files: SecretFiles, sealed: FakeSealed) -> None:
    """What waits for the end of a rotation, and what no key opens, can be seen."""
    sealed.stored["lost"] = Vault([Fernet.generate_key().decode()]).seal("lost")
    before = key_state(files, sealed)
    add_key(files)

    assert KeyState(keys=1, newest=2, older=0, unreadable=("lost",)) == before
    assert KeyState(keys=2, newest=0, older=2, unreadable=("lost",)) == key_state(files, sealed)


def test_one_rotation_at_a_time(files: SecretFiles, sealed: FakeSealed) -> None:
    """While a password is being stored or another rotation works, none begins: a key would be lost."""
    with files.sealing(), pytest.raises(Conflict):
        add_key(files)
    with files.rotating(), pytest.raises(Conflict):
        drop_old_keys(files, sealed)
