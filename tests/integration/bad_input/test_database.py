"""A database that is down or full: 503, the chain waits, nothing is lost."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from shared.batch import Batch
from shared.chain.answers import Summary
from shared.chain.sync import Sync
from shared.embedded.postgres import embedded_postgres
from shared.errors import DatabaseDown
from shared.imap.mailbox import open_mailbox
from shared.records import Account, Mode, Tls
from shared.rules.load import load_rules
from shared.store import migrate, open_store
from tests.fixtures.agent import LIMITS, Agent, StoreClock
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.messages import date_of, mail
from tests.fixtures.postgres import database_of
from tests.integration.bad_input.conftest import RULES
from tests.integration.bad_input.gateway import running

LETTERS = 4
DISK_BYTES = 48 * 1024 * 1024
MANY_LETTERS = 600


def letters(user: DovecotUser, count: int) -> None:
    for number in range(1, count + 1):
        user.deliver("INBOX", mail(number, sender="Letters <letters@news.example>"), "", date_of(number))


def places(user: DovecotUser) -> dict[str, int]:
    return {name: len(mails) for name, mails in user.census().items() if mails}


def test_a_database_that_is_down(tmp_path: Path, dovecot: DovecotUser) -> None:
    """503 with Retry-After while PostgreSQL is stopped; a sync begun meanwhile goes on when it is back."""
    letters(dovecot, LETTERS)
    with ExitStack() as postgres:
        url = postgres.enter_context(embedded_postgres(tmp_path / "pg", durable=False))
        migrate(url)
        with running(tmp_path, url) as gateway:
            gateway.store.rule_sets.push(RULES, RULES)
            gateway.account(dovecot, approve=LETTERS)
            postgres.close()
            answer = gateway.post("fetch-batch", gateway.body(dovecot.user))
            assert (503, "DatabaseDown") == (answer.status_code, answer.json()["error"])
            assert int(answer.headers["Retry-After"]) > 0

            done: list[Summary] = []
            sync = Sync(functions=gateway.client(), batch=Batch(account=dovecot.user))
            waiting = threading.Thread(target=lambda: done.append(sync.run()))
            waiting.start()
            time.sleep(1)
            with embedded_postgres(tmp_path / "pg", durable=False):
                waiting.join(60)
                assert [LETTERS] == [summary.counts["applied"] for summary in done]
                assert {"News": LETTERS} == places(dovecot)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes; only root can make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can only be mounted by root")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(path: Path) -> None:
    """Write zeros until nothing more fits."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(64 * 1024))
        except OSError:
            pass


@pytest.fixture
def full_agent(small_disk: Path, postgres_url: str, template_database: str, dovecot: DovecotUser) -> Iterator[Agent]:
    """An agent whose database lies on the small disk."""
    if os.environ.get("DATABASE_URL"):
        pytest.skip("the given PostgreSQL may be on another machine")
    folder = small_disk / "tablespace"
    folder.mkdir(mode=0o700)
    names = {"space": sql.Identifier("small"), "name": sql.Identifier("on_small_disk")}
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE TABLESPACE {space} LOCATION {at}").format(**names, at=str(folder)))
        create = sql.SQL("CREATE DATABASE {name} TEMPLATE {template} TABLESPACE {space}")
        connection.execute(create.format(**names, template=sql.Identifier(template_database)))
        clock = StoreClock()
        with open_store(
            database_of(postgres_url, "on_small_disk"), takeover_grace_s=2.0, claim_timeout_s=5.0,
            parse=load_rules, clock=clock,
        ) as store:  # fmt: skip
            store.rule_sets.push(RULES, RULES)
            account = store.accounts.create(
                name="work", host=dovecot.host, port=dovecot.port, tls=Tls.NONE, username=dovecot.user, secret=b"-"
            )
            store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=MANY_LETTERS)

            def connect(account: Account, lease_until: float) -> object:
                return open_mailbox(account, dovecot.password, timeout_s=LIMITS.imap_timeout_s, lease_until=lease_until)

            yield Agent(store=store, open_mailbox=connect, clock=clock)
        connection.execute(sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**names))
        connection.execute(sql.SQL("DROP TABLESPACE {space}").format(**names))


def test_a_disk_that_is_full(full_agent: Agent, small_disk: Path, dovecot: DovecotUser) -> None:
    """Whatever could not be written down is not done; with room again the next sync files all, each mail once."""
    letters(dovecot, MANY_LETTERS)
    fill(small_disk / "ballast")
    with pytest.raises(DatabaseDown, match="disk is full"):
        full_agent.sync()
    assert {"INBOX": MANY_LETTERS} == places(dovecot)

    (small_disk / "ballast").unlink()
    full_agent.tick()
    summary = full_agent.sync()

    assert (MANY_LETTERS, 0) == (summary.counts["applied"], summary.counts["failed"])
    assert {"News": MANY_LETTERS} == places(dovecot)
