"""A dry run and an observed account change nothing on the server, where apply right after changes a lot."""

import re
from collections.abc import Callable

import pytest

from shared.records import Mode
from tests.fixtures.agent import Agent
from tests.fixtures.mailserver import DovecotPost, logged_in
from tests.fixtures.messages import mail

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{keyword: $News}, read, {move: News}]
  - name: alerts
    when: {subject: {contains: alert}}
    then: [flag]
"""
LETTERS, ALERTS, OTHERS, RECENT = 100, 20, 10, 20
FETCHED = re.compile(rb"\(UID (\d+) FLAGS \(([^)]*)\) MODSEQ \((\d+)\)")

Shown = list[tuple[bytes, ...]]


def fill(post: DovecotPost) -> None:
    """Deliver mail of which some were never seen by any mail program."""
    for number in range(LETTERS):
        post.deliver("letter", mail(number, sender="a@news.example"), flags="F" if number % 7 == 0 else "")
    for number in range(LETTERS, LETTERS + ALERTS):
        post.deliver("alert", mail(number, subject=f"alert {number}"), flags="S" if number % 3 == 0 else "")
    for number in range(200, 200 + OTHERS):
        post.deliver("other", mail(number))
    for number in range(300, 300 + RECENT):
        post.deliver_recent("recent", mail(number))


def shown(post: DovecotPost) -> Shown:
    """Return what the server says of each mail: UID, flags, MODSEQ (RFC 7162); looking changes nothing."""
    with logged_in(post.user) as client:
        client.select("INBOX", readonly=True)
        lines = client.uid("FETCH", "1:*", "(UID FLAGS MODSEQ)")[1]
        told = [status.split(b"(", 1)[1] for status in client.status("INBOX", "(MESSAGES UIDNEXT HIGHESTMODSEQ)")[1]]
    return [FETCHED.findall(line)[0] for line in lines] + [(line,) for line in told]


def recent(post: DovecotPost) -> int:
    """Open the mailbox as a person does: the first to do so is told how much is new."""
    with logged_in(post.user) as client:
        client.select("INBOX")
        return int(client.response("RECENT")[1][0])


@pytest.fixture
def agent(post: DovecotPost, real_agent: Callable[..., Agent]) -> Agent:
    fill(post)
    return real_agent(post.user, RULES, mode=Mode.OBSERVE)


def test_neither_observing_nor_a_dry_run_changes_anything(post: DovecotPost, agent: Agent) -> None:
    r"""Flags, UIDs, MODSEQ and message files are identical, `\Recent` survives; apply then moves and flags."""
    before = (post.files(), shown(post))

    agent.sync()
    assert before == (post.files(), shown(post))
    account = agent.store.accounts.get(agent.account)
    agent.store.accounts.set_mode(account.id, Mode.APPLY, approve="all")
    answer = agent.sync(dry_run=True)
    assert before == (post.files(), shown(post))
    assert LETTERS == sum(item["mails"] for item in answer.plan or () if item["action"] == "move")

    assert LETTERS + ALERTS + OTHERS + RECENT == recent(post)
    agent.sync()
    found = post.found()
    assert LETTERS == len([entry for entry in found["News"] if entry.startswith("letter $News ") and "S" in entry])
    assert ALERTS == len([entry for entry in found["INBOX"] if entry.startswith("alert F")])
    assert OTHERS + RECENT == len([entry for entry in found["INBOX"] if entry in ("other", "recent")])
