"""A person corrects us with another mail program: recognised, written down, and left alone from then on."""

from collections.abc import Callable

import psycopg
import pytest

from shared.status import Filing
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.mailserver import DovecotPost, logged_in
from tests.fixtures.messages import date_of, mail

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{keyword: $News}, {move: News}]
"""

ways = pytest.mark.parametrize(
    "proxy", [(), ("MOVE",), ("UIDPLUS",)], ids=["all", "no-MOVE", "no-UIDPLUS"], indirect=True
)


@pytest.fixture
def agent(post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]) -> Agent:
    return real_agent(post.user, RULES, proxy=proxy)


def person_moves(post: DovecotPost, uids: str, source: str, target: str) -> None:
    with logged_in(post.user) as person:
        person.select(source)
        assert "OK" == person.uid("MOVE", uids, target)[0]


def corrections(url: str) -> list[tuple[str, str, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT what, was_mailbox, became_mailbox FROM corrections").fetchall()


@ways
def test_mail_moved_back_is_kept(post: DovecotPost, agent: Agent, database_url: str) -> None:
    """The mail stays where its owner put it; its twin and its neighbour stay filed."""
    for name, number in (("letter", 1), ("twin", 2), ("twin", 2), ("other", 3)):
        post.deliver(name, mail(number, sender="a@news.example"))
    agent.sync()
    person_moves(post, "1:2", "News", "INBOX")

    for _ in range(3):
        agent.sync()
        assert {"INBOX": ["letter $News", "twin $News"], "News": ["other $News", "twin $News"]} == post.found()
    letter = agent.store.emails.get("<1@mail.example>")
    assert (Filing.KEPT, "INBOX", "person") == (letter.filing, letter.ref.mailbox, letter.events[-1].by)
    assert [("moved back", "News", "INBOX")] * 2 == corrections(database_url)


@ways
def test_undo_after_a_person_moved_one_back(post: DovecotPost, agent: Agent, database_url: str) -> None:
    """Undo takes back the others; what is back already is left alone and known again by the next sync."""
    for number in (1, 2, 3):
        post.deliver(f"letter-{number}", mail(number, sender="a@news.example"))
    run = agent.sync().run
    person_moves(post, "1", "News", "INBOX")

    answer = agent.undo(run)

    expected = {"INBOX": ["letter-1 $News", "letter-2", "letter-3"]}
    assert (expected, 1) == (post.found(), answer.counts["left_alone"])
    for _ in range(2):
        agent.sync()
        assert expected == post.found()
    assert [("moved back", "News", "INBOX")] == corrections(database_url)


def test_mail_moved_on_by_its_owner_stays_there(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Moved to a third mailbox, then back to INBOX: nobody moves it again."""
    post.deliver("letter", mail(1, sender="a@news.example"))
    agent = real_agent(post.user, RULES)
    agent.sync()
    person_moves(post, "1", "News", "Archive")
    agent.sync()
    assert {"Archive": ["letter $News"]} == post.found()
    person_moves(post, "1", "Archive", "INBOX")

    for _ in range(2):
        agent.sync()
        assert {"INBOX": ["letter $News"]} == post.found()


def test_an_undone_mail_moved_by_its_owner_is_left_alone(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """After undo the person files the mail by hand and takes it back again: still nobody moves it."""
    post.deliver("letter", mail(1, sender="a@news.example"))
    agent = real_agent(post.user, RULES)
    agent.undo(agent.sync().run)
    person_moves(post, "1:*", "INBOX", "News")
    agent.sync()
    person_moves(post, "1:*", "News", "INBOX")

    for _ in range(2):
        agent.sync()
        assert {"INBOX": ["letter"]} == post.found()


def test_a_twin_of_a_kept_mail_is_filed(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Where the kept mail is still in its place, an identical one that arrives is another mail."""
    post.deliver("letter", mail(1, sender="a@news.example"), when=date_of(1))
    agent = real_agent(post.user, RULES)
    agent.undo(agent.sync().run)
    post.deliver("letter", mail(1, sender="a@news.example"), when=date_of(1))

    for _ in range(2):
        agent.sync()
        assert {"INBOX": ["letter"], "News": ["letter $News"]} == post.found()
