"""Key rotation where it hurts: on a real database, killed at every step, and while mail is synced."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from shared.errors import Conflict
from shared.records import Account, Mode, Tls
from shared.security.rotation import add_key, drop_old_keys
from shared.security.secret_files import SecretFiles
from shared.security.vault import Vault
from shared.settings import Settings
from shared.store import PostgresStore
from shared.wiring import Wiring
from tests.fixtures.agent import LIMITS, Agent, StoreClock
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "correct horse"
TIMEOUT_S = 300
RULES = "version: 1\nrules:\n- {name: all, when: always, then: {move: Done}}\n"
NEWCOMERS = 40
SYNCS = 12
SYNC_S = 60


@pytest.fixture
def files(tmp_path: Path) -> SecretFiles:
    made = SecretFiles(folder=tmp_path / "secrets")
    made.create_missing()
    return made


def add(store: PostgresStore, files: SecretFiles, name: str) -> Account:
    secret = Vault(files.fernet_keys()).seal(PASSWORD)
    return store.accounts.create(name=name, host="mail.example", port=993, tls=Tls.TLS, username=name, secret=secret)


def test_a_rotation_may_die_anywhere(store: PostgresStore, files: SecretFiles, database_url: str) -> None:
    """Killed before every single line that it executes, a rotation leaves all passwords readable, and the next ends."""
    for name in ("home", "work"):
        add(store, files, name)
    order = {"url": database_url, "secrets": str(files.folder), "password": PASSWORD}
    command = [sys.executable, "-m", "tests.integration.accounts.mortal", json.dumps(order)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)

    assert 0 == done.returncode, done.stderr
    found = json.loads(done.stdout)
    assert (True, [], 1) == (found["died"] > 50, found["faults"], found["keys"])
    assert [] == list(files.folder.glob(".*"))


def test_all_passwords_or_none(store: PostgresStore, files: SecretFiles) -> None:
    """An account that is changed while passwords are sealed anew stops it, and no password was touched."""
    for name in ("home", "work"):
        add(store, files, name)
    before = dict(store.accounts.secrets())
    add_key(files)

    def meddle(secret: bytes) -> bytes:
        if secret == before["home"]:
            store.accounts.delete("work")
        return Vault(files.fernet_keys()).reseal(secret)

    with pytest.raises(Conflict):
        store.accounts.reseal(meddle)

    assert {"home": before["home"]} == store.accounts.secrets()


def test_versions_of_a_password_are_counted(store: PostgresStore, files: SecretFiles, database_url: str) -> None:
    """Nothing is written where the newest key sealed already."""
    add(store, files, "work")
    add_key(files)

    counts = [drop_old_keys(files, store.accounts) for _ in range(2)]

    assert [1, 0] == counts


@contextmanager
def rotating_all_the_time(files: SecretFiles, store: PostgresStore) -> Iterator[list[int]]:
    """Rotate in another thread, as fast as it goes."""
    rotations: list[int] = []
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            with suppress(Conflict):  # somebody is storing a password
                add_key(files)
                rotations.append(drop_old_keys(files, store.accounts))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield rotations
    finally:
        over.set()
        thread.join(SYNC_S)
        drop_old_keys(files, store.accounts)


def test_accounts_come_in_during_rotations(store: PostgresStore, files: SecretFiles) -> None:
    """Whatever key was the newest when a password was sealed: once it is stored it can be opened, for good."""

    def come(number: int) -> None:
        with files.sealing():
            add(store, files, f"account-{number}")

    with rotating_all_the_time(files, store) as rotations, ThreadPoolExecutor(3) as crowd:
        list(crowd.map(come, range(NEWCOMERS)))

    vault = Vault(files.fernet_keys())
    assert [PASSWORD] * NEWCOMERS == [vault.open(secret) for secret in store.accounts.secrets().values()]
    assert (True, 1) == (len(rotations) > 0, len(files.fernet_keys()))


@pytest.mark.dovecot
def test_syncs_go_on_during_rotations(
    ruled_store: PostgresStore,
    files: SecretFiles,
    database_url: str,
    dovecot: DovecotUser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Syncs that open the stored password while keys come and go never fail for it, and file all mail."""
    monkeypatch.setenv("SECRETS_DIR", str(files.folder))
    monkeypatch.setenv("IMAP_TIMEOUT", str(LIMITS.imap_timeout_s))
    root = Wiring(Settings.from_environment(), database_url=database_url)
    post = DovecotPost(user=dovecot)
    secret = Vault(files.fernet_keys()).seal(dovecot.password)
    where = {"host": dovecot.host, "port": dovecot.port, "tls": Tls.NONE, "username": dovecot.user}
    ruled_store.accounts.create(name="work", secret=secret, mode=Mode.APPLY, **where)  # type: ignore[arg-type]
    ruled_store.rule_sets.push(RULES, RULES)
    agent = Agent(store=ruled_store, open_mailbox=root.open_mailbox, clock=StoreClock(), limits=LIMITS)

    with rotating_all_the_time(files, ruled_store) as rotations:
        for number in range(SYNCS):
            post.deliver(f"mail {number}", mail(number))
            agent.sync()
    root.close()

    assert {"Done": sorted(f"mail {number}" for number in range(SYNCS))} == post.found()
    assert len(rotations) > SYNCS
    assert 0 == ruled_store.accounts.states()[0].consecutive_failures
