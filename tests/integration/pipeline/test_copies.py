"""Copies where the server's answer says little, or somebody else is at work: none is made twice, none is believed."""

from collections.abc import Callable

import pytest

from shared.records import ActionKind
from shared.status import ActionState, Filing
from tests.fakes.mail_server import FakeMailServer
from tests.fixtures.agent import Agent

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [flag, {copy: Reading}, {move: News}]
  - name: recipes
    when: {from: {domain: kitchen.example}}
    then: [{copy: Reading}]
"""
LETTER = b"From: a@news.example\r\nMessage-ID: <%d@news.example>\r\n\r\n"
RECIPE = b"From: f@kitchen.example\r\nMessage-ID: <%d@kitchen.example>\r\n\r\n"
READ = ("INBOX", "Reading")


@pytest.fixture
def server() -> FakeMailServer:
    """A server with a letter, and two recipes that are twins."""
    server = FakeMailServer()
    server.create("Reading")
    server.deliver("INBOX", "letter", LETTER % 1)
    server.deliver("INBOX", "recipe", RECIPE % 1)
    server.deliver("INBOX", "recipe", RECIPE % 1)
    return server


FILED = {"INBOX": ["recipe", "recipe"], "News": ["letter"], "Reading": ["letter", "recipe", "recipe"]}


def kept_for_good(agent: Agent, server: FakeMailServer) -> dict[str, list[str]]:
    """Sync until nothing changes any more, and once more."""
    for _ in range(4):
        agent.sync()
        agent.tick()
    census = server.census()
    agent.sync()
    assert census == server.census()
    return census


@pytest.mark.parametrize("untold", [{1}, {2}, {3}, {2, 3}, {1, 2, 3}])
def test_a_copy_that_the_answer_leaves_out_is_looked_for(
    untold: set[int], server: FakeMailServer, agent_for: Callable[..., Agent]
) -> None:
    """COPYUID names some, or none: the others are found in the target, each once, and nothing is copied again."""
    server.tells_of = lambda uid: uid not in untold
    agent = agent_for(server, RULES, mailboxes=READ)

    assert FILED == kept_for_good(agent, server)

    copies = [copy for mail_id in (1, 2, 3) for copy in copies_of(agent, mail_id)]
    assert [1, 2, 3] == sorted(uid for uid, _ in copies)
    assert {ActionState.DONE_SOURCE_LEFT} == {state for _, state in copies}


def copies_of(agent: Agent, mail_id: int) -> list[tuple[int | None, ActionState]]:
    actions = agent.store.emails.get(str(mail_id)).actions
    return [(action.target_uid, action.state) for action in actions if action.kind is ActionKind.COPY]


def test_one_that_is_refused_takes_no_other_down(server: FakeMailServer, agent_for: Callable[..., Agent]) -> None:
    """A COPY of several is refused because of one: later they come alone, and that one's copy is refused for good."""
    server.refusal = lambda uids: "too big" if 1 in uids else None
    agent = agent_for(server, RULES)
    for _ in range(8):
        agent.sync()
        agent.tick()

    assert FILED | {"Reading": ["recipe", "recipe"]} == server.census()
    letter = agent.store.emails.get("<1@news.example>")
    assert (Filing.APPLIED, [(None, ActionState.REFUSED)]) == (letter.filing, copies_of(agent, letter.email.id))


def test_a_twin_that_goes_before_the_copy(server: FakeMailServer, agent_for: Callable[..., Agent]) -> None:
    """Its owner is faster: it has vanished, and the other one has its one copy."""
    server.tells_copyuid = False
    server.before["copy"] = lambda: server.mailboxes["INBOX"].messages.pop(2) and None
    agent = agent_for(server, RULES, mailboxes=READ)

    assert FILED | {"INBOX": ["recipe"], "Reading": ["letter", "recipe"]} == kept_for_good(agent, server)


def test_a_copy_that_was_acknowledged_and_not_made(server: FakeMailServer, agent_for: Callable[..., Agent]) -> None:
    """Where neither COPYUID nor the target shows it, it is made by a later sync."""
    server.tells_copyuid = server.copies = False
    agent = agent_for(server, RULES)
    for _ in range(3):
        agent.sync()
    assert {"INBOX": ["letter", "recipe", "recipe"]} == server.census()

    agent.tick()
    server.copies = True

    assert FILED == kept_for_good(agent, server)


def test_a_move_that_is_refused_later_leaves_the_mail_applied(
    server: FakeMailServer, agent_for: Callable[..., Agent]
) -> None:
    """What an earlier attempt copied counts: the mail is applied, and an undo takes its flag back."""
    server.tells_of = lambda uid: False
    rules = "version: 1\nrules: [{name: l, when: {from: {domain: news.example}}, then: %s}]"
    agent = agent_for(server, rules % "[flag, {copy: Reading}, archive]")

    run = agent.sync().run

    letter = agent.store.emails.get("<1@news.example>")
    assert (Filing.APPLIED, "no mailbox here is marked \\Archive (RFC 6154)") == (letter.filing, letter.events[-1].why)
    answer = agent.undo(run)
    assert frozenset() == server.mailboxes["INBOX"].messages[1].flags
    assert (1, {"INBOX": ["letter", "recipe", "recipe"], "Reading": ["letter"]}) == (
        answer.counts["copies_left"],
        server.census(),
    )
