"""docs/howto/back-up-and-restore.md, typed as written: PostgreSQL's own programs, a second server, another folder."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from shared.imap.mailbox import ImapSession, open_mailbox
from shared.records import Account, Mode, Tls
from shared.rules.load import load_rules
from shared.security.secret_files import SecretFiles
from shared.security.vault import Vault
from shared.store import migrate, open_store
from tests.fixtures.agent import LIMITS, Agent, StoreClock
from tests.fixtures.debian_postgres import debian_postgres
from tests.fixtures.dovecot import PASSWORD, DovecotUser
from tests.fixtures.messages import mail
from tests.fixtures.postgres import DEBIAN_BINARIES, database_of

pytestmark = pytest.mark.dovecot

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "back-up-and-restore.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
RULES = "version: 1\nrules:\n  - {name: letters, when: {from: {domain: news.example}}, then: [read, {move: News}]}\n"
LETTERS = 6
DATABASE = "email_agent"


class Machine:
    """A PostgreSQL and a folder of secrets."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.secrets = url, folder / "secrets"

    def type(self, commands: str, where: Path) -> None:
        """Run a block of the page as the administrator of this machine's PostgreSQL."""
        server = conninfo_to_dict(self.url)
        environment = {
            "PATH": f"{DEBIAN_BINARIES}:{os.environ['PATH']}",
            "PGHOST": str(server["host"]),
            "PGPORT": str(server["port"]),
            "PGUSER": str(server["user"]),
            "SECRETS_DIR": str(self.secrets),
        }
        subprocess.run(["bash", "-e", "-c", commands], cwd=where, env=environment, check=True)

    def create(self, user: DovecotUser) -> None:
        """Set up an account whose password only this machine's secrets open."""
        SecretFiles(folder=self.secrets).create_missing()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {DATABASE}")
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {DATABASE}")
        migrate(database_of(self.url, DATABASE))
        with self.agent() as agent:
            where = {"host": user.host, "port": user.port, "tls": Tls.NONE, "username": user.user}
            agent.store.accounts.create(name="work", mode=Mode.APPLY, secret=self.vault.seal(PASSWORD), **where)
            agent.store.rule_sets.push(RULES, RULES)

    @property
    def vault(self) -> Vault:
        return Vault(SecretFiles(folder=self.secrets).fernet_keys())

    @contextmanager
    def agent(self) -> Iterator[Agent]:
        """The program on this machine: it knows what the database and the secrets say, and nothing else."""
        clock = StoreClock()
        limits = {"takeover_grace_s": LIMITS.imap_timeout_s, "claim_timeout_s": LIMITS.claim_timeout_s}

        def connect(account: Account, lease_until: float) -> AbstractContextManager[ImapSession]:
            password = self.vault.open(account.secret)
            return open_mailbox(account, password, timeout_s=LIMITS.imap_timeout_s, lease_until=lease_until)

        with open_store(database_of(self.url, DATABASE), parse=load_rules, clock=clock, **limits) as store:
            yield Agent(store=store, open_mailbox=connect, clock=clock)


@pytest.fixture
def machines() -> Iterator[tuple[Machine, Machine]]:
    """The machine that is lost, and the new one."""
    with (
        tempfile.TemporaryDirectory(prefix="old-") as old,
        tempfile.TemporaryDirectory(prefix="new-") as new,
        debian_postgres(Path(old), "fsync = off\n") as old_url,
        debian_postgres(Path(new), "fsync = off\n") as new_url,
    ):
        yield Machine(old_url, Path(old)), Machine(new_url, Path(new))


def deliver(user: DovecotUser, *numbers: int) -> None:
    for number in numbers:
        user.deliver("INBOX", mail(number, sender="a@news.example"))


def test_restored_agent_changes_nothing_and_can_take_back(
    machines: tuple[Machine, Machine], dovecot: DovecotUser, tmp_path: Path
) -> None:
    """After a restore a sync finds all as it is; `undo` still takes back what the lost machine did."""
    old, new = machines
    backup, restore = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    old.create(dovecot)
    deliver(dovecot, *range(LETTERS))
    before = dovecot.census()
    with old.agent() as agent:
        run = agent.sync().run
    filed = dovecot.census()
    old.type(backup, tmp_path)

    new.type(restore, tmp_path)
    with new.agent() as agent:
        found = agent.sync().counts
        unchanged = dovecot.census()
        agent.undo(run)

    assert before != filed == unchanged
    assert (0, 0, 0) == (found["fetched"], found["applied"], found["vanished"])
    assert before == {name: mails for name, mails in dovecot.census().items() if mails or name in before}


def test_what_was_filed_after_the_dump_stays(
    machines: tuple[Machine, Machine], dovecot: DovecotUser, tmp_path: Path
) -> None:
    """Mail that the dump has as waiting, and mail it does not have, was filed since: it stays, once, where it is."""
    old, new = machines
    backup, restore = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    old.create(dovecot)
    deliver(dovecot, *range(LETTERS))
    with old.agent() as agent:
        batch = agent.batch()
        agent.fetch(batch)
        agent.classify(batch)
        old.type(backup, tmp_path)
        agent.apply(batch)
        deliver(dovecot, LETTERS, LETTERS + 1)
        agent.sync(run=batch.run)
    filed = dovecot.census()

    new.type(restore, tmp_path)
    with new.agent() as agent:
        agent.tick()  # the dump has a sync at work that nobody goes on with
        counts = agent.sync().counts

    assert LETTERS + 2 == len(filed["News"])
    assert filed == dovecot.census()
    assert (LETTERS, 0) == (counts["vanished"], counts["applied"])


def test_backup_is_for_its_owner_only(machines: tuple[Machine, Machine], dovecot: DovecotUser, tmp_path: Path) -> None:
    """Nobody else can read the dump or the secrets."""
    old, _ = machines
    old.create(dovecot)

    old.type(BLOCK.findall(PAGE.read_text(encoding="utf-8"))[0], tmp_path)

    assert [0o600, 0o600] == [path.stat().st_mode & 0o777 for path in tmp_path.iterdir() if path.is_file()]
