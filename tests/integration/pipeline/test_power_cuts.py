"""Kill the worker before and after every single touch of the server and of the action log: nothing is lost or doubled.

The mail server is the one in memory, so that every point can be visited in seconds; PostgreSQL is real. The same on a
real server, with a killed process, is tests/integration/crash.
"""

from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.fakes.fused_store import FusedStore
from tests.fakes.mail_server import FakeMailServer, PowerCut
from tests.fixtures.agent import Agent

COMMITS = ("claim", "claim_undo", "advance", "finish")
RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{keyword: $News}, read, {move: News}]
  - name: bills
    when: {subject: {contains: invoice}}
    then: [{move: Bills}]
  - name: alerts
    when: {subject: {contains: alert}}
    then: [flag]
  - name: plans
    when: {from: {domain: plans.example}}
    then: [read, {copy: [Reading, Projects]}, {move: News}]
  - name: recipes
    when: {from: {domain: kitchen.example}}
    then: [{copy: Reading}]
"""

LETTER = b"From: a@news.example\r\nSubject: hello\r\nMessage-ID: <%d@news.example>\r\n\r\n"
BILL = b"From: b@shop.example\r\nSubject: invoice\r\nMessage-ID: <%d@shop.example>\r\n\r\n"
ALERT = b"From: c@shop.example\r\nSubject: alert\r\nMessage-ID: <%d@shop.example>\r\n\r\n"
PLAN = b"From: e@plans.example\r\nSubject: plan\r\nMessage-ID: <%d@plans.example>\r\n\r\n"
RECIPE = b"From: f@kitchen.example\r\nSubject: recipe\r\nMessage-ID: <%d@kitchen.example>\r\n\r\n"
FRIEND = b"From: d@friend.example\r\nSubject: hi\r\nMessage-ID: <1@friend.example>\r\n\r\n"

FILED = {
    "INBOX": ["alert", "friend", "recipe", "recipe"],
    "News": ["letter", "old", "plan", "twin", "twin"],
    "Bills": ["bill"],
    "Reading": ["plan", "recipe", "recipe"],
    "Projects": ["plan"],
}
"""`old` is a twin of `letter` that was in the target before; the two recipes are twins."""

COPIES = {"Reading", "Projects"}
"""Mailboxes that only copies are put into."""

MOST_TOUCHES = 60


def mailbox(server: FakeMailServer) -> None:
    server.create("News")
    server.create("Bills")
    server.deliver("News", "old", LETTER % 1)
    server.deliver("INBOX", "letter", LETTER % 1, ["\\Flagged"])
    server.deliver("INBOX", "twin", LETTER % 2)
    server.deliver("INBOX", "twin", LETTER % 2)
    server.deliver("INBOX", "bill", BILL % 1)
    server.deliver("INBOX", "alert", ALERT % 1)
    server.deliver("INBOX", "plan", PLAN % 1)
    server.deliver("INBOX", "recipe", RECIPE % 1)
    server.deliver("INBOX", "recipe", RECIPE % 1)
    server.deliver("INBOX", "friend", FRIEND)


def by_move(server: FakeMailServer) -> None:
    server.can_move = True


def by_move_without_copyuid(server: FakeMailServer) -> None:
    server.can_uidplus = server.tells_copyuid = False


def by_copy(server: FakeMailServer) -> None:
    server.can_move = False


def by_copy_without_copyuid(server: FakeMailServer) -> None:
    server.can_move = server.tells_copyuid = False


WAYS = [by_move, by_move_without_copyuid, by_copy, by_copy_without_copyuid]


@contextmanager
def cut(server: FakeMailServer, touches: int, after: bool) -> Any:
    """Let the worker die at this touch; `survived` is set where there were fewer touches."""
    server.fuse.touches, server.fuse.after, server.fuse.seen = touches, after, 0
    with suppress(PowerCut):
        yield
    server.fuse.touches = None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("mailboxes", [("INBOX",), ("INBOX", "Reading")], ids=["", "reading the copies"])
@pytest.mark.parametrize("way", WAYS)
def test_a_worker_that_dies_anywhere_loses_and_doubles_nothing(
    way: Callable[[FakeMailServer], None], mailboxes: tuple[str, ...], after: bool, agent_for: Callable[..., Agent]
) -> None:
    """For every touch: die there, let the next syncs repair it; each mail is exactly once where it belongs."""

    touches = 0
    while touches < MOST_TOUCHES:
        touches += 1
        server = FakeMailServer()
        mailbox(server)
        way(server)
        agent = agent_for(server, RULES, mailboxes=mailboxes)
        agent.store = FusedStore(agent.store, server.fuse, "actions", COMMITS)
        with cut(server, touches, after):
            agent.sync()
        if server.fuse.seen < touches:
            break
        agent.tick()
        for _ in range(3):
            agent.sync()

        assert filed(server) == server.census(), f"touch {touches}"
        assert_flags(server)
    assert 5 < touches < MOST_TOUCHES


def filed(server: FakeMailServer) -> dict[str, list[str]]:
    """Where COPYUID cannot be had no copy is made: it could not be told from new mail."""
    return {name: mails for name, mails in FILED.items() if server.can_uidplus or name not in COPIES}


def assert_flags(server: FakeMailServer) -> None:
    flags = {
        message.serial: message.flags
        for box in server.mailboxes.values()
        for message in box.messages.values()
        if message.serial != "old"
    }
    expected = {
        "letter": {"$News", "\\Seen", "\\Flagged"},
        "twin": {"$News", "\\Seen"},
        "bill": set(),
        "alert": {"\\Flagged"},
        "plan": {"\\Seen"},
        "recipe": set(),
        "friend": set(),
    }
    assert expected == flags


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("way", WAYS)
def test_an_undo_that_dies_anywhere_is_finished_by_the_next(
    way: Callable[[FakeMailServer], None], after: bool, agent_for: Callable[[FakeMailServer, str], Agent]
) -> None:
    """For every touch of an undo: die there, undo again; mailboxes and flags are as before the run, copies stay."""

    touches = 0
    while touches < MOST_TOUCHES:
        touches += 1
        server = FakeMailServer()
        mailbox(server)
        way(server)
        before = snapshot(server)
        agent = agent_for(server, RULES)
        run = agent.sync().run
        agent.undo(agent.sync().run)  # without COPYUID a second run moves what was copied
        agent.store = FusedStore(agent.store, server.fuse, "actions", COMMITS)
        with cut(server, touches, after):
            agent.undo(run)
        if server.fuse.seen < touches:
            break
        agent.tick()
        agent.undo(run)
        agent.sync()
        agent.sync()

        now = snapshot(server)
        assert before == {name: mails for name, mails in now.items() if name not in COPIES}, f"touch {touches}"
        copies = {name: [serial for serial, _ in now[name]] for name in COPIES if now.get(name)}
        assert {name: FILED[name] for name in COPIES if server.can_uidplus} == copies, f"touch {touches}"
    assert 5 < touches < MOST_TOUCHES


def snapshot(server: FakeMailServer) -> dict[str, list[tuple[str, list[str]]]]:
    return {
        name: sorted((message.serial, sorted(message.flags)) for message in box.messages.values())
        for name, box in server.mailboxes.items()
    }
