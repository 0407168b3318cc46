"""One mail that kills whoever touches it: after a few restarts only that mail is given up."""

import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shared.records import Mode
from tests.fixtures.agent import Agent
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.messages import date_of, mail

ROOT = Path(__file__).parents[3]
DEATH_TIMEOUT_S = 30
MAILS = 250
MOST_RESTARTS = 6
EXPECTED_DEATHS = (3, 4)
"""Together with all, in small company, and alone until its attempts are used up."""

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{move: News}]
"""


def letter(number: int) -> bytes:
    return mail(number, sender="Letters <letters@news.example>")


@pytest.fixture
def agent(dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> Agent:
    """An agent of a mailbox with one mail that is not like the others."""
    for number in range(1, MAILS + 1):
        dovecot.deliver("INBOX", letter(number), "", date_of(number))
    agent = real_agent(dovecot, RULES)
    account = agent.store.accounts.get(agent.account)
    agent.store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=10_000)
    return agent


def start(agent: Agent, url: str, password: str, at: str) -> int:
    """Let a worker sync in a process of its own; return its exit code, with its leases run out."""
    order = {"url": url, "account": agent.account, "password": password, "at": at}
    order["ahead_s"] = agent.clock.offset.total_seconds()
    command = [sys.executable, "-m", "tests.integration.outage.poisoned", json.dumps(order)]
    code = subprocess.run(command, cwd=ROOT, timeout=DEATH_TIMEOUT_S, check=False).returncode
    agent.tick()
    return code


def deaths(agent: Agent, url: str, password: str, at: str) -> int:
    """Start workers, each after the one before has died, until one lives; count the dead."""
    codes = iter(lambda: start(agent, url, password, at), 0)
    died = list(itertools.islice(codes, MOST_RESTARTS))

    assert [-signal.SIGKILL] * len(died) == died
    return len(died)


def by_filing(agent: Agent) -> dict[str, int]:
    [state] = agent.store.accounts.states()
    return dict(state.counts)


def test_a_mail_that_kills_the_classifier_fails_alone(agent: Agent, dovecot: DovecotUser, database_url: str) -> None:
    """Its neighbours, claimed with it again and again, are classified and filed."""
    died = deaths(agent, database_url, dovecot.password, "classify")

    assert died in EXPECTED_DEATHS
    assert {"classified": MAILS - 1, "failed": 1, "filing:applied": MAILS - 1, "filing:none": 1} == by_filing(agent)
    assert {"INBOX": 1, "News": MAILS - 1} == sizes(dovecot)


def test_what_a_dead_worker_held_is_not_forgotten(agent: Agent, dovecot: DovecotUser, database_url: str) -> None:
    """A call that has not the time for all that a dead worker left in its hands leaves the rest to the next call."""
    for _ in range(2):
        assert -signal.SIGKILL == start(agent, database_url, dovecot.password, "classify")
    batch = agent.batch()
    agent.classify(replace(batch, limit=10))
    while agent.classify(batch).more:
        pass

    assert 0 == by_filing(agent).get("fetched", 0)


@pytest.mark.parametrize("at", ["claim", "advance"])
def test_a_mail_that_kills_the_filer_fails_alone(
    at: str, agent: Agent, dovecot: DovecotUser, database_url: str
) -> None:
    """Killed with the mail claimed, or with its move planned to be sent: the others are filed, it stays."""
    died = deaths(agent, database_url, dovecot.password, at)

    assert died in EXPECTED_DEATHS
    assert {"classified": MAILS, "filing:applied": MAILS - 1, "filing:failed": 1} == by_filing(agent)
    assert {"INBOX": 1, "News": MAILS - 1} == sizes(dovecot)


def sizes(dovecot: DovecotUser) -> dict[str, int]:
    return {name: len(mails) for name, mails in dovecot.census().items() if mails}
