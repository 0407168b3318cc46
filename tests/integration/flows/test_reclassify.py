"""Newer rules on mail that is already there: look at the difference, give it back, file it, take it back."""

from collections.abc import Callable

import pytest

from shared.cli.app import main
from shared.records import Mode
from shared.settings import Settings
from shared.status import Filing
from shared.wiring import wired
from tests.fakes.command_line import FakeWiring
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.mailserver import DovecotPost, logged_in
from tests.fixtures.messages import mail

pytestmark = pytest.mark.dovecot

OLD = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{move: News}]
"""
NEW = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{keyword: $News}, {move: Letters}]
  - name: bills
    when: {subject: {contains: invoice}}
    then: [{move: Bills}]
"""
MANY = 51
"""One more move than passes the anomaly stop in a small mailbox."""

ways = pytest.mark.parametrize("proxy", [(), ("MOVE",)], ids=["all", "no-MOVE"], indirect=True)


@pytest.fixture
def agent(post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]) -> Agent:
    return real_agent(post.user, OLD, proxy=proxy)


def command(agent: Agent, *words: str) -> int:
    """Run a command of the command line on this agent's store."""
    root = FakeWiring(Settings.from_environment())
    root.store = agent.store
    with wired(root), pytest.raises(SystemExit) as left:
        main(words)
    return int(left.value.code or 0)


def push(agent: Agent, rules: str) -> None:
    agent.store.rule_sets.push(rules, rules)


def person_moves(post: DovecotPost, uids: str, source: str, target: str) -> None:
    with logged_in(post.user) as person:
        person.select(source)
        assert "OK" == person.uid("MOVE", uids, target)[0]


@ways
def test_newer_rules_on_mail_that_is_there(post: DovecotPost, agent: Agent) -> None:
    """What no rule took is filed by the newer rules; what was filed only if asked; what a person moved back never."""
    for number in (1, 2, 3):
        post.deliver(f"letter-{number}", mail(number, sender="a@news.example"))
    post.deliver("bill", mail(4, subject="Your invoice"))
    first = agent.sync().run
    person_moves(post, "1", "News", "INBOX")
    agent.sync()
    filed = {"INBOX": ["bill", "letter-1"], "News": ["letter-2", "letter-3"]}
    assert filed == post.found()

    push(agent, NEW)
    assert 0 == command(agent, "reclassify", "--dry-run")
    assert 5 == command(agent, "reclassify")
    agent.sync()
    assert filed == post.found()

    assert 0 == command(agent, "reclassify", "--yes")
    agent.sync()
    assert {"INBOX": ["letter-1"], "News": ["letter-2", "letter-3"], "Bills": ["bill"]} == post.found()

    assert 0 == command(agent, "reclassify", "--filed", "--yes")
    second = agent.sync().run
    again = {"INBOX": ["letter-1"], "Letters": ["letter-2 $News", "letter-3 $News"], "Bills": ["bill"]}
    assert again == post.found()

    agent.undo(first)
    assert again == post.found()
    agent.undo(second)
    assert {"INBOX": ["letter-1"], "News": ["letter-2", "letter-3"], "Bills": ["bill"]} == post.found()
    for _ in range(2):
        agent.sync()
    assert Filing.KEPT is agent.store.emails.get("<2@mail.example>").filing
    assert {"INBOX": ["letter-1"], "News": ["letter-2", "letter-3"], "Bills": ["bill"]} == post.found()


def test_what_is_given_back_meets_the_anomaly_stop(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Newer rules do not move a mailbox away without a word of its owner."""
    for number in range(1, MANY + 1):
        post.deliver("bill", mail(number, subject="Your invoice"))
    agent = real_agent(post.user, OLD)
    agent.sync()
    push(agent, NEW)
    command(agent, "reclassify", "--yes")

    answer = agent.sync()

    assert ("held", MANY) == (answer.outcome, answer.counts["held"])
    assert {"INBOX": ["bill"] * MANY} == post.found()


def test_a_mail_its_owner_moved_after_it_was_given_back(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Between `reclassify` and the next sync the owner was faster: it stays where they put it."""
    post.deliver("letter", mail(1, sender="a@news.example"))
    agent = real_agent(post.user, OLD)
    agent.sync()
    push(agent, NEW)
    command(agent, "reclassify", "--filed", "--yes")
    person_moves(post, "1", "News", "INBOX")

    for _ in range(2):
        agent.sync()
        assert {"INBOX": ["letter"]} == post.found()


def test_a_mail_that_went_while_it_waited(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Given back, then deleted by its owner: it vanished, and nothing else is touched."""
    post.deliver("letter", mail(1, sender="a@news.example"))
    post.deliver("other", mail(2, subject="Your invoice"))
    agent = real_agent(post.user, OLD)
    agent.sync()
    push(agent, NEW)
    command(agent, "reclassify", "--filed", "--yes")
    person_moves(post, "1", "News", "Trash")

    agent.sync()

    assert {"Trash": ["letter"], "Bills": ["other"]} == post.found()
    assert Filing.VANISHED is agent.store.emails.get("<1@mail.example>").filing


def test_a_filed_mail_whose_mailbox_was_renumbered(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Nobody reads the mailbox that it was filed to, so nobody finds it again: it stays, and does not wait for ever."""
    post.deliver("letter", mail(1, sender="a@news.example"))
    agent = real_agent(post.user, OLD)
    agent.sync()
    push(agent, NEW)
    command(agent, "reclassify", "--filed", "--yes")
    post.user.bump_uidvalidity("News")

    agent.sync()

    assert {"News": ["letter"]} == post.found()
    assert Filing.KEPT is agent.store.emails.get("<1@mail.example>").filing


def test_a_person_decides(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """`review decide --category` files a mail that no rule took; its owner can take that back, and it stays."""
    post.deliver("hello", mail(1, subject="hello"))
    agent = real_agent(post.user, OLD)
    agent.sync()
    push(agent, "version: 1\ncategories: {people: {then: {move: People}}}\nrules: []\n")

    assert 0 == command(agent, "review", "decide", "<1@mail.example>", "--category", "people")
    run = agent.sync().run

    assert {"People": ["hello"]} == post.found()
    agent.undo(run)
    agent.sync()
    assert {"INBOX": ["hello"]} == post.found()


BODY = """
version: 1
rules:
  - name: sales
    when: {from: {domain: news.example}, body: everything must go}
    then: [{move: Sales}]
"""


def test_a_condition_on_the_text_added_later(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """It does not say false: the next sync fetches the text of exactly the mails that hang on it, and then decides."""
    post.deliver("sale", mail(1, sender="a@news.example", body="Everything must go!"))
    post.deliver("letter", mail(2, sender="a@news.example", body="Nothing new."))
    post.deliver("friend", mail(3, body="Everything must go!"))
    agent = real_agent(post.user, "version: 1\nrules: [{name: none, when: {subject: never}, then: keep}]")
    agent.sync()
    push(agent, BODY)
    assert 0 == command(agent, "reclassify", "--yes")

    agent.sync()

    assert {"INBOX": ["friend", "letter"], "Sales": ["sale"]} == post.found()
    assert 0 == command(agent, "reclassify")


def test_what_waits_is_filed_as_the_rules_of_today_say(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Decided in observe by older rules, filed in apply by the newer ones."""
    post.deliver("letter", mail(1, sender="a@news.example"))
    agent = real_agent(post.user, OLD)
    account = agent.store.accounts.get(agent.account)
    agent.store.accounts.set_mode(account.id, Mode.OBSERVE)
    agent.sync()
    push(agent, NEW)
    agent.store.accounts.set_mode(account.id, Mode.APPLY, approve="all")

    agent.sync()

    assert {"Letters": ["letter $News"]} == post.found()
