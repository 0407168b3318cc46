"""Kill the worker before and after every touch of server and wishes: what hangs on parts is filed, and filed once."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.fakes.fused_store import FusedStore
from tests.fakes.mail_server import FakeMailServer, PowerCut
from tests.fixtures.agent import Agent

RULES = """
version: 1
rules:
  - name: bills
    when: {body: {contains: amount due}}
    then: [{keyword: $Bill}, {move: Bills}]
  - name: invitations
    when: {attachment: invite.ics}
    then: [{move: Calendar}]
"""
HEADER = b"From: a@shop.example\r\nSubject: hello\r\nMessage-ID: <%d@shop.example>\r\n"
INVITED = b'Content-Type: text/calendar; name="invite.ics"\r\nContent-Disposition: attachment\r\n'
FILED = {"INBOX": ["friend"], "Bills": ["bill", "bill"], "Calendar": ["meeting"]}
MOST_TOUCHES = 30


def mailbox() -> FakeMailServer:
    server = FakeMailServer()
    server.create("Bills")
    server.create("Calendar")
    for number in (1, 2):
        server.deliver("INBOX", "bill", HEADER % number + b"\r\n", body=b"The amount due is 12.00.\r\n")
    server.deliver("INBOX", "meeting", HEADER % 3 + INVITED + b"\r\n", body=b"BEGIN:VCALENDAR\r\n")
    server.deliver("INBOX", "friend", HEADER % 4 + b"\r\n", body=b"Hello\r\n")
    return server


def cut(agent: Agent, server: FakeMailServer, touches: int, *, after: bool) -> None:
    """Let the worker die at this touch, if there are so many."""
    server.fuse.touches, server.fuse.after, server.fuse.seen = touches, after, 0
    with suppress(PowerCut):
        agent.sync()
    server.fuse.touches = None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_worker_that_dies_anywhere_files_each_mail_once(after: bool, agent_for: Callable[..., Agent]) -> None:
    """For every touch: die there, let the next syncs repair it; each mail is exactly once where its text sends it."""

    touches = 0
    while touches < MOST_TOUCHES:
        touches += 1
        server = mailbox()
        agent = agent_for(server, RULES)
        agent.store = FusedStore(agent.store, server.fuse, "parts")
        cut(agent, server, touches, after=after)
        if server.fuse.seen < touches:
            break
        agent.tick()
        agent.sync()
        agent.sync()

        assert FILED == server.census(), f"touch {touches}"
    assert 5 < touches < MOST_TOUCHES
