"""Four processes at one mailbox of 5,000 mails, with claims that last a tenth of a second.

PostgreSQL and Dovecot are real; what was moved is counted on the wire and in the maildir files.
"""

import json
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shared.records import Mode
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.messages import bulk_mailbox, bulk_target, date_of

ROOT = Path(__file__).parents[3]
PROCESSES = 4
MAILS = 5000
CAREFUL_MAILS = 1000
PATIENCE_S = 90

RULES = """
version: 1
rules:
  - name: shop
    when: {from: {domain: shop.example}}
    then: [{move: Shop}]
  - name: developers
    when: {list-id: {contains: dev.lists.example}}
    then: [{move: Developers}]
  - name: invoices
    when: {subject: {contains: "[Invoice]"}}
    then: [{move: Invoices}]
  - name: others
    when: {subject: {exists: true}}
    then: [keep]
"""
FOLDERS = {"from": "Shop", "list": "Developers", "subject": "Invoices", "": "INBOX"}

DECIDED_TWICE = """
    SELECT count(*) FROM (
        SELECT email_id FROM email_events WHERE what = 'status' AND became = 'classified'
        GROUP BY email_id HAVING count(*) > 1
    ) AS twice
"""
DECIDED = "SELECT count(DISTINCT email_id) FROM email_events WHERE what = 'status' AND became = 'classified'"
FILED_TWICE = """
    SELECT count(*) FROM (
        SELECT email_id FROM email_events WHERE what = 'filing' AND became = 'applied'
        GROUP BY email_id HAVING count(*) > 1
    ) AS twice
"""


@pytest.fixture
def proxy(dovecot: DovecotUser) -> Iterator[WireProxy]:
    """The way to a mailbox of 5,000 mails on which every command is counted."""
    for number, raw in enumerate(bulk_mailbox(MAILS), 1):
        dovecot.deliver("INBOX", raw, "", date_of(number))
    with WireProxy(upstream=(dovecot.host, dovecot.port)) as between:
        yield between


@pytest.fixture
def agent(proxy: WireProxy, dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> Agent:
    """An account at that mailbox, in apply, all its moves approved."""
    agent = real_agent(dovecot, RULES, proxy=proxy)
    account = agent.store.accounts.get(agent.account)
    agent.store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=MAILS)
    return agent


class Crowd:
    """Processes that begin at one moment, when all of them stand ready."""

    def __init__(self, runs: list[uuid.UUID], **order: Any) -> None:
        self._runs = runs
        self._order = order

    def work(self) -> Counter[str]:
        """Let them work to the end; return what they met."""
        with ExitStack() as stack:
            processes = [stack.enter_context(self._start(run)) for run in self._runs]
            for process in processes:
                stack.callback(process.kill)
            assert ["ready\n"] * len(processes) == [process.stdout.readline() for process in processes]
            for process in processes:
                process.stdin.write("go\n")
                process.stdin.flush()
            said = [process.communicate(timeout=PATIENCE_S)[0] for process in processes]
            assert [0] * len(processes) == [process.returncode for process in processes]
        return sum((Counter(json.loads(line)) for line in said), Counter())

    def _start(self, run: uuid.UUID) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.integration.concurrency.crowd"]
        command.append(json.dumps(self._order | {"run": str(run)}))
        return subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def crowd(agent: Agent, url: str, password: str, runs: list[uuid.UUID], **order: Any) -> Crowd:
    usual = {"steps": ["fetch", "classify", "apply"], "limit": 1500, "careful": False, "slow_s": 0.0, "grace_s": 2.0}
    usual |= {"claim_timeout_s": 0.1, "url": url, "account": agent.account, "password": password}
    return Crowd(runs, **usual | order)


def count(url: str, query: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else -1


def runs_of(how: str) -> list[uuid.UUID]:
    return [uuid.uuid4()] * PROCESSES if how == "one run" else [uuid.uuid4() for _ in range(PROCESSES)]


@pytest.mark.parametrize("how", ["one run", "four runs"])
def test_each_mail_is_decided_once_and_moved_once(
    how: str, agent: Agent, proxy: WireProxy, dovecot: DovecotUser, database_url: str
) -> None:
    """Whoever wins a lease works, the others are told to wait; nothing is done twice, nothing is left out."""
    met = crowd(agent, database_url, dovecot.password, runs_of(how)).work()

    assert 0 == count(database_url, DECIDED_TWICE)
    assert MAILS == count(database_url, DECIDED)
    assert 0 == count(database_url, FILED_TWICE)
    assert {1: MAILS // 2} == dict(Counter(proxy.moved_uids().values()))
    assert places() == {name: len(mails) for name, mails in dovecot.census().items() if mails}
    assert met["LeaseHeld"]


def places() -> dict[str, int]:
    return dict(Counter(FOLDERS[bulk_target(number)] for number in range(1, MAILS + 1)))


def test_careful_claims_are_lost_and_taken_over_but_never_decided_twice(
    agent: Agent, dovecot: DovecotUser, database_url: str
) -> None:
    """Each worker believes the one before it died, and its decisions now and then outlast its claim."""
    agent.fetch(agent.batch(limit=CAREFUL_MAILS))
    agent.tick()
    met = crowd(
        agent, database_url, dovecot.password, runs_of("four runs"),
        steps=["classify"], careful=True, slow_s=0.15, grace_s=0.0,
    ).work()  # fmt: skip

    assert 0 == count(database_url, DECIDED_TWICE)
    assert CAREFUL_MAILS == count(database_url, DECIDED)
    assert met["StaleClaim"]
