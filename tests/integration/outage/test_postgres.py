"""Two days without PostgreSQL, then its loss in the middle of filing again and again: no mail is given up."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from shared.embedded.postgres import embedded_postgres
from shared.errors import DatabaseDown
from shared.imap.mailbox import open_mailbox
from shared.records import Mode, Tls
from shared.rules.load import load_rules
from shared.store import PostgresStore, migrate, open_store
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import LIMITS, Agent, StoreClock
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.messages import date_of, mail

MAILS = 5
SYNCS = 2 * 24 * 6
EVERY = dt.timedelta(minutes=10)
QUICKLY_S = 0.005
"""How long the store waits for a connection: a sync of the outage fails at once."""

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [flag, {move: News}]
"""


@pytest.fixture
def proxy(dovecot: DovecotUser) -> Iterator[WireProxy]:
    """A wire on which moves can be seen, to a mailbox with a few letters."""
    for number in range(1, MAILS + 1):
        dovecot.deliver("INBOX", mail(number, sender="Letters <letters@news.example>"), "", date_of(number))
    with WireProxy(upstream=(dovecot.host, dovecot.port)) as between:
        yield between


def agent_of(store: PostgresStore, clock: StoreClock, user: DovecotUser, port: int) -> Agent:
    account = store.accounts.create(
        name="work", host=user.host, port=port, tls=Tls.NONE, username=user.user, secret=b"-", mode=Mode.APPLY
    )
    store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=MAILS)
    store.rule_sets.push(RULES, RULES)

    def connect(account: object, lease_until: float) -> object:
        return open_mailbox(account, user.password, timeout_s=LIMITS.imap_timeout_s, lease_until=lease_until)

    return Agent(store=store, open_mailbox=connect, clock=clock, account="work")


def assert_all_is_filed_by_one_sync(agent: Agent, user: DovecotUser) -> None:
    agent.clock.offset += EVERY
    summary = agent.sync()

    assert (MAILS, 0) == (summary.counts["applied"], summary.counts["failed"])
    assert {"INBOX": 0, "News": MAILS} == places(user)


def test_two_days_without_postgres(
    tmp_path: Path, store_clock: StoreClock, proxy: WireProxy, dovecot: DovecotUser
) -> None:
    """Stopped with mail fetched and decided; the mail server hears nothing until it is back."""
    with ExitStack() as first:
        url = first.enter_context(embedded_postgres(tmp_path, durable=False))
        migrate(url)
        with open_store(
            url, parse=load_rules, clock=store_clock, pool_timeout_s=QUICKLY_S, claim_timeout_s=5.0,
            takeover_grace_s=LIMITS.imap_timeout_s,
        ) as store:  # fmt: skip
            agent = agent_of(store, store_clock, dovecot, proxy.port)
            batch = agent.batch()
            agent.fetch(batch)
            agent.classify(batch)
            first.close()
            proxy.reset()
            for _ in range(SYNCS):
                agent.clock.offset += EVERY
                with pytest.raises(DatabaseDown):
                    agent.sync()
            assert 0 == proxy.connections

            with embedded_postgres(tmp_path, durable=False):
                wait_until_back(store)
                assert {0} == attempts(store)
                assert_all_is_filed_by_one_sync(agent, dovecot)


def wait_until_back(store: PostgresStore) -> None:
    """The pool looks for the server again by itself, within seconds."""
    deadline = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=15)
    while True:
        try:
            return store.ping()
        except DatabaseDown:
            assert dt.datetime.now(dt.UTC) < deadline


MOMENT_S = 0.2
IMPATIENCE_S = 0.3
PATIENCE_S = 10.0
END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
IN_THE_MIDDLE = [
    ("STATUS", "before-send"),
    ("UID STORE", "after-last-byte"),
    ("UID MOVE", "mid-command"),
    ("UID MOVE", "before-tagged"),
]


class Door:
    """Closes a database to everybody but us: what is under way ends, and nobody comes in."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name

    def close(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            name = sql.Identifier(self._name)
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self._name]
            )

    def open(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            name = sql.Identifier(self._name)
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


@pytest.fixture
def door(postgres_url: str, database_url: str) -> Door:
    """The way to this test's database."""
    return Door(postgres_url, str(conninfo_to_dict(database_url)["dbname"]))


@pytest.fixture
def agent_waiting(
    database_url: str, store_clock: StoreClock, proxy: WireProxy, dovecot: DovecotUser
) -> Iterator[Callable[[float], Agent]]:
    """Make an agent whose store waits so many seconds for a connection."""
    with ExitStack() as stack:

        def make(seconds: float) -> Agent:
            store = open_store(
                database_url, parse=load_rules, clock=store_clock, pool_timeout_s=seconds, claim_timeout_s=5.0,
                takeover_grace_s=LIMITS.imap_timeout_s,
            )  # fmt: skip
            return agent_of(stack.enter_context(store), store_clock, dovecot, proxy.port)

        yield make


@pytest.mark.parametrize(("name", "when"), IN_THE_MIDDLE)
def test_postgres_lost_for_a_moment_in_the_middle_of_filing(
    name: str, when: Any, door: Door, agent_waiting: Callable[[float], Agent], proxy: WireProxy, dovecot: DovecotUser
) -> None:
    """A restart of PostgreSQL is waited for: the call goes on where it was."""

    def blink() -> None:
        door.close()
        threading.Timer(MOMENT_S, door.open).start()

    agent = agent_waiting(PATIENCE_S)
    proxy.on(name, when=when, do=blink)
    summary = agent.sync()

    assert MAILS == summary.counts["applied"]
    assert {"INBOX": 0, "News": MAILS} == places(dovecot)


@pytest.mark.parametrize(("name", "when"), IN_THE_MIDDLE)
def test_postgres_lost_for_long_in_the_middle_of_filing(
    name: str, when: Any, door: Door, agent_waiting: Callable[[float], Agent], proxy: WireProxy, dovecot: DovecotUser
) -> None:
    """The call fails; what the server did meanwhile is found done, what it did not is done later, each once."""
    agent = agent_waiting(IMPATIENCE_S)
    proxy.on(name, when=when, do=door.close)
    with pytest.raises(DatabaseDown):
        agent.sync()
    proxy.clear_faults()
    door.open()
    wait_until_back(agent.store)
    agent.clock.offset += EVERY
    agent.sync()

    assert {"INBOX": 0, "News": MAILS} == places(dovecot)
    assert 1 == max(proxy.moved_uids().values())
    [state] = agent.store.accounts.states()
    assert {"classified": MAILS, "filing:applied": MAILS} == dict(state.counts)


def places(user: DovecotUser) -> dict[str, int]:
    return {name: len(user.census()[name]) for name in ("INBOX", "News")}


def attempts(store: PostgresStore) -> set[int]:
    return {store.emails.get(f"<{number}@mail.example>").attempts for number in range(1, MAILS + 1)}
