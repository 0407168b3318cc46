"""The owner's word while mail is being filed: a pause between two parts, a new cap, approvals in a crowd."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import LeaseHeld
from shared.records import Mode
from shared.status import Filing
from shared.store.schedule import Post
from shared.timetable import Ending
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [read, {move: News}]
  - name: bills
    when: {from: {domain: shop.example}}
    then: [read, {move: Bills}]
  - name: alerts
    when: {subject: {contains: alert}}
    then: [flag]
"""
BOTH_WAYS = pytest.mark.parametrize("proxy", [(), ("MOVE",)], indirect=True, ids=["MOVE", "COPY"])


class InterruptedActions:
    """The action log; once the first part of a claim is committed, and before it is sent, its owner acts."""

    def __init__(self, actions: Any, act: Callable[[], object]) -> None:
        self._actions = actions
        self._act = act
        self._acted = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._actions, name)

    def advance(self, lease: Any, steps: Any) -> None:
        self._actions.advance(lease, steps)
        if not self._acted and any(step.target_mailbox for step in steps):
            self._acted = True
            self._act()


class InterruptedStore:
    def __init__(self, store: Any, act: Callable[[], object]) -> None:
        self._store = store
        self.actions = InterruptedActions(store.actions, act)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def interrupted(agent: Agent, act: Callable[[], object]) -> Agent:
    return replace(agent, store=InterruptedStore(agent.store, act))


def deliver(post: DovecotPost, letters: int, bills: int, mailbox: str = "INBOX", first: int = 1) -> None:
    for number in range(letters):
        post.deliver("letter", mail(first + number, sender="a@news.example"), mailbox)
    for number in range(bills):
        post.deliver("bill", mail(first + letters + number, sender="b@shop.example"), mailbox)


def sizes(post: DovecotPost) -> dict[str, int]:
    return {mailbox: len(mails) for mailbox, mails in post.found().items()}


def account_id(agent: Agent) -> int:
    return int(agent.store.accounts.get(agent.account).id)


@BOTH_WAYS
def test_a_pause_between_two_parts(post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]) -> None:
    """What was committed to be sent is sent, the next part is not, and after the pause the rest is filed, once each."""
    deliver(post, 3, 4)
    agent = real_agent(post.user, RULES, proxy=proxy)

    answer = interrupted(agent, agent.store.accounts.pause).sync()
    assert ("paused", {"News": 3, "INBOX": 4}) == (answer.outcome, sizes(post))

    agent.sync()
    assert {"News": 3, "INBOX": 4} == sizes(post)

    agent.store.accounts.resume()
    assert ("done", 4) == ((last := agent.sync()).outcome, last.counts["applied"])
    assert {"News": 3, "Bills": 4} == sizes(post)
    assert {1} == set(proxy.moved_uids().values())


@BOTH_WAYS
def test_copies_before_a_pause_are_not_made_again(
    post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]
) -> None:
    """Further copies come before the moves: those of mail whose move was stopped are there, and stay the only ones."""
    deliver(post, 3, 4)
    rules = RULES.replace("[read, {move: Bills}]", "[read, {copy: Reading}, {move: Bills}]")
    agent = real_agent(post.user, rules, proxy=proxy)

    interrupted(agent, agent.store.accounts.pause).sync()
    agent.store.accounts.resume()
    agent.sync()

    assert {"News": 3, "Bills": 4, "Reading": 4} == sizes(post)


@BOTH_WAYS
@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.PAUSED])
def test_another_mode_between_two_parts(
    post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent], mode: Mode
) -> None:
    """Taking the permission away is heard at the same place; the mail waits as it did, no attempt is counted."""
    deliver(post, 3, 4)
    agent = real_agent(post.user, RULES, proxy=proxy)

    interrupted(agent, lambda: agent.store.accounts.set_mode(account_id(agent), mode)).sync()

    assert {"News": 3, "INBOX": 4} == sizes(post)
    waiting = agent.store.emails.get("<4@mail.example>")
    assert (Filing.PENDING, 0) == (waiting.filing, waiting.attempts)


def test_a_pause_between_two_mailboxes(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """A mailbox that was not begun is not touched."""
    deliver(post, 3, 0)
    deliver(post, 2, 0, "Archive", first=100)
    agent = real_agent(post.user, RULES, mailboxes=("INBOX", "Archive"))

    interrupted(agent, agent.store.accounts.pause).sync()

    assert [0, 2, 3] == sorted([*sizes(post).values(), 0])


def test_a_pause_in_an_undo(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """An undo that was begun is finished: half of it would be worse than all or nothing."""
    deliver(post, 3, 4)
    agent = real_agent(post.user, RULES)
    run = agent.sync().run

    interrupted(agent, agent.store.accounts.pause).undo(run)

    assert {"INBOX": 7} == sizes(post)


@BOTH_WAYS
@pytest.mark.parametrize("point", ["before-send", "before-tagged"])
def test_a_run_that_was_given_up_keeps_others_out_while_it_sends(
    post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent], point: Any
) -> None:
    """A trigger that ends gives the sync's lease back while its function goes on: the mailbox's own lease holds."""
    deliver(post, 3, 4)
    agent = real_agent(post.user, RULES, proxy=proxy)
    batch = agent.batch()
    agent.fetch(batch)
    agent.classify(batch)
    met = []

    def give_up_and_begin_anew() -> None:
        ledger = agent.store.schedule.ledger(Post(holder="a trigger", lease_s=30, interval_s=600))
        ledger.end(agent.account, batch.run, Ending.STOPPED)
        other = agent.batch()
        for call in (agent.fetch, agent.apply):
            try:
                call(other)
            except LeaseHeld:
                met.append(call.__name__)
        ledger.end(agent.account, other.run, Ending.SPARED)

    proxy.on("UID STORE", when=point, do=give_up_and_begin_anew)
    agent.apply(replace(batch, final=True))

    assert ["fetch", "apply"] == met
    assert {"News": 3, "Bills": 4} == sizes(post)
    assert {1} == set(proxy.moved_uids().values())


def test_the_cap_counts_mails_moved_or_flagged(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """A mail counts once, whatever is done to it; what is left for a later hour is told, and follows then."""
    deliver(post, 4, 0)
    for number in range(3):
        post.deliver("alert", mail(100 + number, subject="alert"))
    agent = real_agent(post.user, RULES, max_actions_per_hour=5)

    first = agent.sync()
    assert (5, 2) == (first.counts["applied"], first.counts["capped"])

    agent.tick(minutes=59)
    assert (0, 2) == ((second := agent.sync()).counts["applied"], second.counts["capped"])

    agent.tick(minutes=2)
    last = agent.sync()
    assert (2, None) == (last.counts["applied"], last.counts.get("capped"))
    assert ["alert F"] * 3 == post.found()["INBOX"]


def test_a_cap_that_is_changed_holds_at_once(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """A higher cap lets more go in the same hour, a lower one nothing, and none at all stops filing."""
    deliver(post, 9, 0)
    agent = real_agent(post.user, RULES, max_actions_per_hour=2)
    filed = []
    for cap in (2, 5, 3, 0):
        agent.store.accounts.set_cap(account_id(agent), cap)
        filed.append(agent.sync().counts["applied"])

    assert [2, 3, 0, 0] == filed
    assert {"INBOX": 4, "News": 5} == sizes(post)


def test_many_who_approve_approve_once(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """The same approval from several places at the same time is one: as many moves as wait, not a multiple."""
    deliver(post, 51, 0)
    agent = real_agent(post.user, RULES, mode=Mode.OBSERVE)
    agent.sync()
    accounts, number = agent.store.accounts, account_id(agent)

    with ThreadPoolExecutor(4) as crowd:
        approved = list(crowd.map(lambda _: accounts.set_mode(number, Mode.APPLY, approve="all"), range(8)))

    assert ([51] * 8, 51) == (approved, accounts.get(agent.account).approved_moves)
    assert "done" == agent.sync().outcome
    deliver(post, 51, 0, first=1000)
    assert "held" == agent.sync().outcome
    assert {"INBOX": 51, "News": 51} == sizes(post)
