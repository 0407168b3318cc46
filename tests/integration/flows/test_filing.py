"""The base flow on real servers with all abilities, and without each of those we can use.

Look, dry run, file, explain, undo: what happened is counted on the server.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from shared.records import ActionKind, Mode
from shared.status import ActionState, Filing
from tests.faults.masks import Keywords
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.mailserver import DovecotPost, Found, Post, PymapPost, logged_in
from tests.fixtures.messages import mail

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{keyword: $News}, read, {move: Lists/News}]
  - name: bills
    when: {subject: {contains: invoice}}
    then: [{move: Bills}]
  - name: alerts
    when: {subject: {contains: alert}}
    then: [flag]
  - name: old
    when: {subject: {contains: done with}}
    then: [archive]
"""

BEFORE: Found = {
    "INBOX": ["alert", "bill", "friend F R", "letter F", "old S", "twin", "twin"],
    "Archive": ["ancient"],
}
AFTER: Found = {
    "INBOX": ["alert F", "friend F R"],
    "Lists/News": ["letter $News F S", "twin $News S", "twin $News S"],
    "Bills": ["bill"],
    "Archive": ["ancient", "old S"],
}
WITHOUT_KEYWORD: Found = AFTER | {"Lists/News": ["letter F S", "twin S", "twin S"]}


def fill(post: Post) -> None:
    news = "News <a@news.example>"
    post.deliver("ancient", mail(9, subject="ancient"), "Archive")
    post.deliver("letter", mail(1, sender=news), flags="F")
    post.deliver("twin", mail(2, sender=news))
    post.deliver("twin", mail(2, sender=news))
    post.deliver("bill", mail(3, subject="Your invoice"))
    post.deliver("alert", mail(4, subject="alert!"))
    post.deliver("old", mail(5, subject="I am done with it"), flags="S")
    post.deliver("friend", mail(6), flags="FR")


@dataclass(frozen=True, kw_only=True)
class Way:
    """A server, what its proxy hides, and how filing ends there: for the keyword's action, and for the keyword."""

    name: str
    mask: tuple[str, ...] = ()
    keywords: Keywords = ""
    keyword_action: ActionState = ActionState.DONE
    after: Mapping[str, Sequence[str]] = field(default_factory=lambda: AFTER)


REFUSED = ActionState.REFUSED
WAYS = [
    Way(name="all"),
    Way(name="no-MOVE", mask=("MOVE",)),
    Way(name="no-UIDPLUS", mask=("UIDPLUS",)),
    Way(name="no-CONDSTORE", mask=("CONDSTORE",)),
    Way(name="no-SPECIAL-USE", mask=("SPECIAL-USE",)),
    Way(name="keywords-NO", keywords="no", keyword_action=REFUSED, after=WITHOUT_KEYWORD),
    Way(name="keywords-silent", keywords="silent", keyword_action=REFUSED, after=WITHOUT_KEYWORD),
    Way(name="keywords-dropped", keywords="dropped", after=WITHOUT_KEYWORD),
    Way(name="bare", mask=("UIDPLUS", "CONDSTORE", "SPECIAL-USE", "ESEARCH", "LIST-EXTENDED", "NAMESPACE", "LITERAL+")),
    Way(name="pymap", keyword_action=REFUSED, after=WITHOUT_KEYWORD),
]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A filled mailbox on one of the servers, and the agent that will sort it."""

    way: Way
    post: Post
    agent: Agent


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def flow(request: pytest.FixtureRequest, real_agent: Callable[..., Agent]) -> Iterator[Flow]:
    way: Way = request.param
    if way.name == "pymap":
        server = request.getfixturevalue("pymap_server")
        with logged_in(server) as client:
            pymap = PymapPost(user=server, client=client)
            fill(pymap)
            yield Flow(way=way, post=pymap, agent=real_agent(server, RULES))
        return
    dovecot = DovecotPost(user=request.getfixturevalue("dovecot"))
    fill(dovecot)
    at = (dovecot.user.host, dovecot.user.port)
    with WireProxy(upstream=at, mask=way.mask, keywords=way.keywords) as proxy:
        yield Flow(way=way, post=dovecot, agent=real_agent(dovecot.user, RULES, proxy=proxy))


def test_the_whole_flow(flow: Flow) -> None:
    """Dry run, observe, file, explain, undo: what each does, and does not do, is seen on the server."""

    assert_dry_run_only_plans(flow)
    assert_observing_only_decides(flow)
    run = assert_filed_once(flow)
    assert_explained(flow, run)
    assert_undo_restores(flow, run)


def assert_dry_run_only_plans(flow: Flow) -> None:
    """The plan names action, target and number."""
    answer = flow.agent.sync(dry_run=True)

    assert BEFORE == flow.post.found()
    plan = {(item["action"], item["target"]): item["mails"] for item in answer.plan or ()}
    moves = {("move", "Lists/News"): 3, ("move", "Bills"): 1, ("move", "\\Archive"): 1}
    assert moves | {("flag", "$News"): 3, ("flag", "\\Seen"): 3, ("flag", "\\Flagged"): 1} == plan


def assert_observing_only_decides(flow: Flow) -> None:
    """Decided mail waits for its owner."""
    accounts = flow.agent.store.accounts
    account = accounts.get(flow.agent.account)
    accounts.set_mode(account.id, Mode.OBSERVE)
    flow.agent.sync()

    assert BEFORE == flow.post.found()
    assert 6 == accounts.states()[0].counts["filing:pending"]
    accounts.set_mode(account.id, Mode.APPLY)


def assert_filed_once(flow: Flow) -> uuid.UUID:
    """Each mail is once where its rule says, with the flags it had and those the rule adds, and stays there."""
    answer = flow.agent.sync()

    assert flow.way.after == flow.post.found()
    assert ("done", 6) == (answer.outcome, answer.counts["applied"])
    assert {"Lists/News": 3, "Bills": 1, "Archive": 1} == answer.targets
    for _ in range(2):
        flow.agent.sync()
        assert flow.way.after == flow.post.found()
    return answer.run


def assert_explained(flow: Flow, run: uuid.UUID) -> None:
    """History names the rule, each change with its reason, and each action with its end."""
    letter = flow.agent.store.emails.get("<1@mail.example>")

    assert ("rule:letters", Filing.APPLIED) == (letter.decided_by, letter.filing)
    assert [
        (ActionKind.FLAG, "$News", flow.way.keyword_action),
        (ActionKind.FLAG, "\\Seen", ActionState.DONE),
        (ActionKind.MOVE, "Lists/News", ActionState.DONE),
    ] == [(action.kind, action.target, action.state) for action in letter.actions]
    assert [
        ("status", "fetched"), ("status", "classified"), ("filing", "pending"), ("filing", "applying"),
        ("filing", "applied"),
    ] == [(event.what, event.became) for event in letter.events]  # fmt: skip
    assert all((action.error is None) is (action.state is ActionState.DONE) for action in letter.actions)
    assert run == letter.events[-1].run
    assert all(event.why and event.by for event in letter.events)


def assert_undo_restores(flow: Flow, run: uuid.UUID) -> None:
    """Mailboxes, flags and bytes are as before the run; syncs leave them so, and so does a second undo."""
    answer = flow.agent.undo(run)

    assert BEFORE == flow.post.found()
    assert 0 == answer.counts.get("left_alone", 0)
    for _ in range(2):
        flow.agent.sync()
        assert BEFORE == flow.post.found()
    flow.agent.undo(run)
    assert BEFORE == flow.post.found()
