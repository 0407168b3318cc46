"""Servers that lie, refuse, or change between two commands; what is left is counted on the server."""

from collections.abc import Callable

import pytest

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
FRIEND = b"From: d@friend.example\r\nSubject: hi\r\nMessage-ID: <1@friend.example>\r\n\r\n"
STRANGER = b"From: e@stranger.example\r\nSubject: oh\r\nMessage-ID: <2@stranger.example>\r\n\r\n"

AgentFor = Callable[[FakeMailServer, str], Agent]


@pytest.fixture
def server() -> FakeMailServer:
    made = FakeMailServer()
    made.create("News")
    made.can_move = False
    for number in (1, 2):
        made.deliver("INBOX", f"letter {number}", LETTER % number)
    made.deliver("INBOX", "friend", FRIEND)
    return made


def flags(server: FakeMailServer, mailbox: str) -> list[list[str]]:
    return [sorted(message.flags) for message in server.mailboxes[mailbox].messages.values()]


def test_a_copy_that_is_not_there_keeps_its_source(server: FakeMailServer, agent_for: AgentFor) -> None:
    """COPYUID alone is not believed before anything is expunged."""

    server.copies = False

    agent = agent_for(server, RULES)
    agent.sync()
    agent.sync()

    assert {"INBOX": ["friend", "letter 1", "letter 2"]} == server.census()
    assert [[], [], []] == flags(server, "INBOX")


def test_a_mailbox_replaced_between_copy_and_expunge_loses_nothing(server: FakeMailServer, agent_for: AgentFor) -> None:
    """While we look at the copies the source becomes another mailbox: its UIDs are other mails now."""

    def replace_inbox() -> None:
        server.create("INBOX")
        server.deliver("INBOX", "stranger 1", STRANGER)
        server.deliver("INBOX", "stranger 2", STRANGER)

    agent = agent_for(server, RULES)
    batch = agent.batch()
    agent.fetch(batch)
    agent.classify(batch)
    server.before["examine"] = replace_inbox
    agent.apply(batch)
    agent.tick()
    agent.sync()

    assert ["stranger 1", "stranger 2"] == server.census()["INBOX"]
    assert [[], []] == flags(server, "INBOX")


def test_a_target_deleted_between_copy_and_expunge_keeps_the_source(
    server: FakeMailServer, agent_for: AgentFor
) -> None:
    r"""The copies went with their mailbox: our `\Deleted` is taken off the sources, and the account goes on."""

    def die() -> None:
        raise PowerCut

    agent = agent_for(server, RULES)
    server.before["expunge"] = die
    with pytest.raises(PowerCut):
        agent.sync()
    assert ["\\Deleted"] in flags(server, "INBOX")
    del server.mailboxes["News"]
    for _ in range(3):
        agent.tick()
        agent.sync()

    assert {"INBOX": ["friend", "letter 1", "letter 2"]} == server.census()
    assert [[], [], []] == flags(server, "INBOX")


def test_attempts_do_not_end_between_copy_and_expunge(server: FakeMailServer, agent_for: AgentFor) -> None:
    r"""However often workers die there, our `\Deleted` is not left on the last copy of a mail."""

    def die() -> None:
        raise PowerCut

    agent = agent_for(server, RULES)
    for _ in range(6):
        server.before["expunge"] = die
        with pytest.raises(PowerCut):
            agent.sync()
        agent.tick()
    server.before.clear()
    assert ["\\Deleted"] in flags(server, "INBOX")
    del server.mailboxes["News"]
    for _ in range(3):
        agent.sync()
        agent.tick()

    assert {"INBOX": ["friend", "letter 1", "letter 2"]} == server.census()
    assert [[], [], []] == flags(server, "INBOX")


def test_a_server_that_refuses_to_expunge_is_not_left_with_our_mark(
    server: FakeMailServer, agent_for: AgentFor
) -> None:
    r"""Without the right to expunge the source stays, without `\Deleted`, and is not copied a second time."""

    server.expunges = False

    agent = agent_for(server, RULES)
    for _ in range(5):
        agent.sync()
        agent.tick()

    assert ["letter 1", "letter 2"] == server.census()["News"]
    assert [[], [], []] == flags(server, "INBOX")


@pytest.mark.parametrize("can_move", [True, False])
def test_half_a_copyuid_is_half_an_answer(can_move: bool, server: FakeMailServer, agent_for: AgentFor) -> None:
    """Mails that COPYUID does not tell of are looked for: they are applied, and undo brings all of them back."""

    server.can_move = can_move
    server.tells_of = lambda uid: uid % 2 == 0
    before = server.census()

    agent = agent_for(server, RULES)
    run = agent.sync().run
    if not can_move:
        agent.tick()
        agent.sync()
    assert {"INBOX": ["friend"], "News": ["letter 1", "letter 2"]} == server.census()
    if can_move:
        server.tells_of = lambda uid: True
        agent.undo(run)

        assert before == server.census()
