"""A server with neither MOVE nor UIDPLUS: nothing can be moved safely, so nothing is."""

from collections.abc import Callable

import pytest

from shared.records import ActionKind
from shared.status import ActionState, Filing
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [read, {move: News}]
  - name: bills
    when: {subject: {is: bill}}
    then: [{move: Bills}]
"""

pytestmark = [
    pytest.mark.dovecot,
    pytest.mark.parametrize("proxy", [("MOVE", "UIDPLUS")], ids=["bare"], indirect=True),
]


def fill(post: DovecotPost) -> None:
    post.deliver("letter", mail(1, sender="a@news.example"))
    post.deliver("twin", mail(2, sender="a@news.example"))
    post.deliver("twin", mail(2, sender="a@news.example"))
    post.deliver("bill", mail(3, subject="bill"))
    post.deliver("deleted", mail(4), flags="T")


def test_the_mail_stays_and_says_why(post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]) -> None:
    """The move is refused with its reason, the flags are set; nothing is copied, deleted or expunged."""
    fill(post)
    agent = real_agent(post.user, RULES, proxy=proxy)

    run = agent.sync().run

    expected = {"INBOX": ["bill", "deleted T", "letter S", "twin S", "twin S"]}
    assert expected == post.found()
    assert {agent.account: 4} == agent.store.monitoring.refused_lately()
    letter, bill = (agent.store.emails.get(f"<{number}@mail.example>") for number in (1, 3))
    assert (Filing.APPLIED, Filing.KEPT) == (letter.filing, bill.filing)
    assert "neither MOVE (RFC 6851) nor UIDPLUS (RFC 4315)" in letter.events[-1].why
    assert (ActionKind.MOVE, ActionState.REFUSED) == (letter.actions[-1].kind, letter.actions[-1].state)
    for _ in range(2):
        agent.sync()
        assert expected == post.found()
    agent.undo(run)
    assert {"INBOX": ["bill", "deleted T", "letter", "twin", "twin"]} == post.found()


def test_with_the_owners_leave_it_is_copied_once(
    post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]
) -> None:
    """Three syncs: one copy of each in its target, the source left where it was."""
    fill(post)
    agent = real_agent(post.user, RULES, proxy=proxy, copy_without_expunge=True)

    for _ in range(3):
        agent.sync()
        assert {
            "INBOX": ["bill", "deleted T", "letter S", "twin S", "twin S"],
            "News": ["letter S", "twin S", "twin S"],
            "Bills": ["bill"],
        } == post.found()
    assert ActionState.DONE_SOURCE_LEFT == agent.store.emails.get("<3@mail.example>").actions[-1].state


def test_a_copy_in_a_mailbox_that_is_read_is_no_correction(
    post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]
) -> None:
    """Our own copy, met again in its target, is neither filed anew nor taken for a person's doing."""
    post.deliver("bill", mail(3, subject="bill"))
    post.deliver("old", mail(9), "Bills")
    account = {"copy_without_expunge": True, "mailboxes": ("INBOX", "Bills")}
    agent = real_agent(post.user, RULES, proxy=proxy, **account)

    for _ in range(3):
        agent.sync()
        assert {"INBOX": ["bill"], "Bills": ["bill", "old"]} == post.found()
    assert "person" not in {event.by for event in agent.store.emails.get("<3@mail.example>").events}
