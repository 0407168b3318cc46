"""Calls that come when their run is over, or beside another call of it."""

import uuid
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from shared.records import Mode
from tests.fakes.mail_server import FakeMailServer, PowerCut
from tests.fixtures.agent import Agent

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: {move: News}
"""
LETTER = b"From: a@news.example\r\nSubject: hello\r\nMessage-ID: <%d@news.example>\r\n\r\n"
MANY = 1_100

AgentFor = Callable[[FakeMailServer, str], Agent]


@pytest.fixture
def server() -> FakeMailServer:
    made = FakeMailServer()
    made.create("News")
    return made


def with_many_approved(agent: Agent, server: FakeMailServer) -> Agent:
    for number in range(MANY):
        server.deliver("INBOX", f"letter {number}", LETTER % number)
    account = agent.store.accounts.get(agent.account)
    agent.store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=MANY)
    return agent


def test_a_late_rules_call_keeps_no_other_run_waiting(server: FakeMailServer, agent_for: AgentFor) -> None:
    """It comes after a fetch has closed its run, and gives back the sync lease that it took."""
    agent = agent_for(server, RULES)
    batch = agent.batch()

    closed = agent.fetch(replace(batch, final=True))
    agent.classify(batch)
    other = agent.fetch(agent.batch(uuid.uuid4(), final=True))

    assert ["done", "done"] == [closed.outcome, other.outcome]


def test_many_moves_to_one_target_go_in_parts(server: FakeMailServer, agent_for: AgentFor) -> None:
    """Every mail arrives once, and the second sync finds nothing to do."""
    agent = with_many_approved(agent_for(server, RULES), server)

    first, second = agent.sync(), agent.sync()

    assert [MANY, 0] == [answer.counts["applied"] for answer in (first, second)]
    assert ([], sorted(f"letter {number}" for number in range(MANY))) == (
        server.census().get("INBOX", []),
        server.census()["News"],
    )


def test_what_was_not_sent_is_still_planned(server: FakeMailServer, agent_for: AgentFor, database_url: str) -> None:
    """A worker that dies at the first of three moves has committed only that one as sent; the next ends all of them."""
    agent = with_many_approved(agent_for(server, RULES), server)
    batch = agent.batch()
    agent.fetch(batch)
    agent.classify(batch)
    server.fuse.touches, server.fuse.seen = 1, 0
    with pytest.raises(PowerCut):
        agent.apply(batch)
    server.fuse.touches = None
    with psycopg.connect(database_url) as connection:
        states = dict(connection.execute("SELECT state::text, count(*) FROM actions GROUP BY state").fetchall())
    agent.tick()
    agent.sync()

    assert {"sent": 500, "planned": MANY - 500} == states
    assert sorted(f"letter {number}" for number in range(MANY)) == server.census()["News"]
