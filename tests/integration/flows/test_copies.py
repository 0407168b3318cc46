"""The action `copy` on real servers: the source stays or is moved, each copy is made once, and an undo leaves it."""

from collections.abc import Callable, Iterator

import pytest

from shared.records import ActionKind, Mode
from shared.status import ActionState, Filing
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.mailserver import DovecotPost, Found, Post, PymapPost, logged_in
from tests.fixtures.messages import mail

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: plans
    when: {subject: {is: plan}}
    then: [{copy: Reading}]
  - name: orders
    when: {subject: {is: order}}
    then: [flag, {copy: [Reading, Projects/New]}, {move: Orders}]
  - name: taxes
    when: {subject: {is: tax}}
    then: [{copy: \\Archive}, read]
"""

BEFORE: Found = {"INBOX": ["friend", "order", "order", "plan", "tax"], "Archive": ["ancient"], "Reading": ["old"]}
AFTER: Found = {
    "INBOX": ["friend", "plan", "tax S"],
    "Orders": ["order F", "order F"],
    "Archive": ["ancient", "tax S"],
    "Reading": ["old", "order F", "order F", "plan"],
    "Projects/New": ["order F", "order F"],
}
UNDONE: Found = {
    "INBOX": ["friend", "order", "order", "plan", "tax"],
    "Archive": ["ancient", "tax S"],
    "Reading": ["old", "order F", "order F", "plan"],
    "Projects/New": ["order F", "order F"],
}
READ = ("INBOX", "Reading", "Archive")
MADE = ActionState.DONE_SOURCE_LEFT


def fill(post: Post) -> None:
    """Two orders are twins."""
    post.deliver("ancient", mail(9, subject="ancient"), "Archive")
    post.deliver("old", mail(8, subject="old"), "Reading")
    post.deliver("plan", mail(1, subject="plan"))
    post.deliver("order", mail(2, subject="order"))
    post.deliver("order", mail(2, subject="order"))
    post.deliver("tax", mail(3, subject="tax"))
    post.deliver("friend", mail(4))


@pytest.fixture(params=[(), ("MOVE",), "pymap"], ids=["all", "no-MOVE", "pymap"])
def scene(request: pytest.FixtureRequest, real_agent: Callable[..., Agent]) -> Iterator[tuple[Post, Agent]]:
    """A filled mailbox, and an agent that also reads two of the mailboxes it copies to."""
    if request.param == "pymap":
        server = request.getfixturevalue("pymap_server")
        with logged_in(server) as client:
            pymap = PymapPost(user=server, client=client)
            fill(pymap)
            yield pymap, real_agent(server, RULES, mailboxes=READ)
        return
    dovecot = DovecotPost(user=request.getfixturevalue("dovecot"))
    fill(dovecot)
    with WireProxy(upstream=(dovecot.user.host, dovecot.user.port), mask=request.param) as proxy:
        yield dovecot, real_agent(dovecot.user, RULES, proxy=proxy, mailboxes=READ)


def test_copied_once_and_left_by_an_undo(scene: tuple[Post, Agent]) -> None:
    """Copies in mailboxes that are read are no new mail; an undo takes flags and moves back, and counts the copies."""
    post, agent = scene

    run = agent.sync().run

    assert AFTER == post.found()
    for _ in range(2):
        assert 0 == agent.sync().counts["applied"]
        assert AFTER == post.found()
    answer = agent.undo(run)
    assert UNDONE == post.found()
    assert (6, 0) == (answer.counts["copies_left"], answer.counts.get("left_alone", 0))
    for _ in range(2):
        agent.sync()
        assert UNDONE == post.found()


def test_looking_copies_nothing(scene: tuple[Post, Agent]) -> None:
    """A dry run plans the copies, observing decides them."""
    post, agent = scene

    plan = agent.sync(dry_run=True).plan or []
    account = agent.store.accounts.get(agent.account)
    agent.store.accounts.set_mode(account.id, Mode.OBSERVE)
    agent.sync()

    assert BEFORE == post.found()
    copies = {row["target"]: row["mails"] for row in plan if row["action"] == "copy"}
    assert {"Reading": 3, "Projects/New": 2, "\\Archive": 1} == copies


def test_a_copy_is_explained(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """The log has where each copy is, and flags the mail had before all that was done to it."""
    fill(post)
    agent = real_agent(post.user, RULES)

    agent.sync()

    order = agent.store.emails.get("<3@mail.example>")
    [copy] = [action for action in order.actions if action.kind is ActionKind.COPY]
    assert (MADE, "Archive", 2, frozenset()) == (copy.state, copy.target_mailbox, copy.target_uid, copy.source_flags)
    assert (Filing.APPLIED, "flags set, copied") == (order.filing, order.events[-1].why)


@pytest.mark.parametrize("proxy", [("UIDPLUS",)], ids=["no-UIDPLUS"], indirect=True)
def test_without_uidplus_nothing_is_copied(
    post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]
) -> None:
    """It could not be told from new mail: refused with that reason; flags and moves go on."""
    fill(post)
    agent = real_agent(post.user, RULES, proxy=proxy, mailboxes=READ)

    for _ in range(2):
        agent.sync()

    expected = {"INBOX": ["friend", "plan", "tax S"], "Orders": ["order F", "order F"]}
    assert BEFORE | expected == post.found()
    plan = agent.store.emails.get("<1@mail.example>")
    assert (Filing.KEPT, ActionState.REFUSED) == (plan.filing, plan.actions[0].state)
    assert "UIDPLUS" in plan.events[-1].why
    assert 0 == proxy.counts["UID COPY"]


@pytest.mark.parametrize("proxy", [(), ("MOVE",)], ids=["all", "no-MOVE"], indirect=True)
def test_one_copy_for_each_mailbox(post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]) -> None:
    """A role and a name may mean one mailbox, and a mail that is moved there, or is there, needs no copy."""
    for number, subject in enumerate(["twice", "moved", "here"], 1):
        post.deliver(subject, mail(number, subject=subject))
    post.deliver("ancient", mail(9), "Archive")
    rules = """
version: 1
rules:
  - {name: twice, when: {subject: {is: twice}}, then: [{copy: [Archive, \\Archive]}]}
  - {name: moved, when: {subject: {is: moved}}, then: [{copy: Archive}, archive]}
  - {name: here, when: {subject: {is: here}}, then: [{copy: INBOX}]}
"""
    agent = real_agent(post.user, rules, proxy=proxy)

    for _ in range(2):
        agent.sync()

    assert {"INBOX": ["here", "twice"], "Archive": ["ancient", "moved", "twice"]} == post.found()
    assert "it is in its target already" == agent.store.emails.get("<3@mail.example>").events[-1].why


def test_a_target_that_cannot_be_made(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Only that copy is refused; the other one and the move go on, and the mail is applied even if the move is not."""
    post.deliver("plan", mail(1, subject="plan"))
    post.deliver("bill", mail(2, subject="bill"))
    rules = """
version: 1
rules:
  - {name: plans, when: {subject: {is: plan}}, then: [{copy: [no.dots.here, Reading]}, {move: Plans}]}
  - {name: bills, when: {subject: {is: bill}}, then: [{copy: Reading}, {move: no.dots.here}]}
"""
    agent = real_agent(post.user, rules)

    for _ in range(2):
        agent.sync()

    assert {"INBOX": ["bill"], "Plans": ["plan"], "Reading": ["bill", "plan"]} == post.found()
    assert Filing.APPLIED is agent.store.emails.get("<2@mail.example>").filing


def test_a_copy_that_a_person_removed_is_not_made_again(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Once made, a copy is its owner's."""
    post.deliver("plan", mail(1, subject="plan"))
    agent = real_agent(post.user, RULES)
    agent.sync()
    with logged_in(post.user) as person:
        person.select("Reading")
        person.store("1", "+FLAGS", "(\\Deleted)")
        person.expunge()

    agent.sync()

    assert {"INBOX": ["plan"]} == post.found()


def test_copies_in_a_mailbox_that_was_renumbered(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Read anew, they are still our copies: none is filed, or copied on."""
    post.deliver("plan", mail(1, subject="plan"))
    agent = real_agent(post.user, RULES.replace("copy: Reading", "copy: [Reading, \\Archive]"), mailboxes=READ)
    agent.sync()
    expected = {"INBOX": ["plan"], "Reading": ["plan"], "Archive": ["plan"]}
    assert expected == post.found()
    post.user.bump_uidvalidity("Reading")

    for _ in range(2):
        agent.sync()
        assert expected == post.found()
