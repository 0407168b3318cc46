"""Parts that cannot be had: the mail ends uncertain, its neighbours are decided, and nothing waits for ever."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from shared.errors import BadAnswer, DeadlineExceeded, EmailAgentError, MailServerDown, StaleClaim, Throttled
from shared.mail.parts import arrived_parts
from shared.pipeline.limits import Limits
from shared.status import Status
from shared.store.history import EmailHistory
from tests.fakes.mail_server import PowerCut
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.mailserver import DovecotPost, logged_in
from tests.fixtures.messages import mail
from tests.integration.parts.conftest import invitation

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: invitations
    when: {attachment: invite.ics}
    then: [{move: Calendar}]
  - name: bills
    when: {body: {contains: amount due}}
    then: [{move: Bills}]
"""
BILL = "The amount due is 12.00.\n"
IMPATIENT = Limits(imap_timeout_s=0.4, claim_timeout_s=5.0)
SYNCS = 8
"""More than it takes to give up a mail whose every attempt fails."""

RealAgent = Callable[..., Agent]


class DyingParts:
    """The wishes, of which nothing can be stored: the worker dies before it does."""

    def __init__(self, parts: Any) -> None:
        self._parts = parts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parts, name)

    def put(self, *_: object) -> None:
        raise PowerCut


class DyingStore:
    """The store with dying parts."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.parts = DyingParts(store.parts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture
def agent(post: DovecotPost, proxy: WireProxy, real_agent: RealAgent) -> Agent:
    """Three mails whose headers are stored and whose parts are wished."""
    post.deliver("meeting", invitation(1))
    post.deliver("bill", mail(2, body=BILL))
    post.deliver("friend", mail(3))
    agent = real_agent(post.user, RULES, proxy=proxy)
    batch = agent.batch()
    agent.fetch(batch)
    assert 3 == agent.classify(batch).counts["wanted"]
    agent.apply(agent.batch(batch.run, final=True))
    return agent


def get(agent: Agent, number: int) -> EmailHistory:
    return agent.store.emails.get(f"<{number}@mail.example>")


def parts_event(agent: Agent, number: int) -> list[tuple[str | None, str, str]]:
    return [(event.was, event.became, event.why) for event in get(agent, number).events if event.what == "parts"]


def sync_through(agent: Agent) -> None:
    """Sync again and again while time passes, whatever fails."""
    for _ in range(SYNCS):
        with suppress(EmailAgentError):
            agent.sync()
        agent.tick()


def test_a_mail_that_vanished_ends_uncertain(post: DovecotPost, agent: Agent) -> None:
    """Somebody expunged it between the two fetches; the others go on."""
    with logged_in(post.user) as person:
        person.select("INBOX")
        person.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
        person.expunge()
    agent.sync()

    assert {"Calendar": ["meeting"], "INBOX": ["friend"]} == post.found()
    assert Status.UNCERTAIN is get(agent, 2).status
    assert "which the mail server cannot give" in get(agent, 2).reason
    assert [("structure", "unavailable", "the mail is gone from its mailbox")] == parts_event(agent, 2)


def test_a_renumbered_mailbox_ends_its_wishes(post: DovecotPost, agent: Agent) -> None:
    """UIDs of another UIDVALIDITY are other mails: nothing is fetched by them, and nothing waits."""
    post.user.bump_uidvalidity()
    agent.sync()
    agent.sync()

    assert {"INBOX": ["bill", "friend", "meeting"]} == post.found()
    assert [Status.UNCERTAIN] * 3 == [get(agent, number).status for number in (1, 2, 3)]
    assert "its mailbox was renumbered" == parts_event(agent, 1)[0][2]
    assert 0 == agent.store.emails.waiting(agent.store.accounts.get(agent.account).id)["wanted"]


def test_a_mailbox_that_is_gone_ends_its_wishes(post: DovecotPost, real_agent: RealAgent) -> None:
    """A mailbox deleted between the two fetches."""
    post.deliver("bill", mail(2, body=BILL), mailbox="Work")
    agent = real_agent(post.user, RULES, mailboxes=("INBOX", "Work"))
    batch = agent.batch()
    agent.fetch(batch)
    agent.classify(batch)
    with logged_in(post.user) as person:
        person.delete("Work")
    agent.fetch(batch)
    assert Status.FETCHED is get(agent, 2).status  # it may only be today that it cannot be opened
    agent.apply(agent.batch(batch.run, final=True))
    sync_through(agent)

    assert Status.UNCERTAIN is get(agent, 2).status
    assert [("structure", "unavailable", "attempts used up")] == parts_event(agent, 2)


def test_a_mail_that_dovecot_cannot_read_stops_no_other(post: DovecotPost, agent: Agent) -> None:
    """Dovecot ends the session over it; the others' parts come over a new connection."""
    for path in post.user.maildir().rglob("cur/*"):
        if b"amount due" in path.read_bytes():
            path.chmod(0)
    agent.sync()

    assert Status.UNCERTAIN is get(agent, 2).status
    assert ["rule:invitations", None] == [get(agent, number).decided_by for number in (1, 3)]
    assert "no rule matches" == get(agent, 3).reason


@pytest.mark.parametrize("answer", [b"NO I will not", b"BAD What is BODYSTRUCTURE?"])
def test_a_server_that_refuses_structures_still_files_by_text(
    answer: bytes, post: DovecotPost, proxy: WireProxy, agent: Agent
) -> None:
    """A server that refuses one kind of part: who hangs on it is uncertain, and the sync does not fail."""
    proxy.on("UID FETCH", when="before-send", do=answer, nth=0)
    agent.sync()

    assert [Status.UNCERTAIN] * 3 == [get(agent, number).status for number in (1, 2, 3)]
    assert {"the mail server does not give it, or not in a form that can be read"} == {
        why for number in (1, 2, 3) for _, _, why in parts_event(agent, number)
    }


@pytest.mark.parametrize(
    ("do", "error"),
    [("cut", MailServerDown), ("stall", DeadlineExceeded), (b"\xff {99999999999999999999} GARBAGE ((", BadAnswer)],
)
def test_a_broken_connection_is_tried_again(
    do: str | bytes, error: type[Exception], post: DovecotPost, proxy: WireProxy, agent: Agent
) -> None:
    """The call fails, and the next one, a minute later, gets the parts."""
    agent.limits = IMPATIENT
    proxy.on("UID FETCH", when="before-send", do=do)  # type: ignore[arg-type]
    with pytest.raises(error):
        agent.sync()
    agent.tick()
    agent.sync()

    assert {"Calendar": ["meeting"], "Bills": ["bill"], "INBOX": ["friend"]} == post.found()


def test_parts_that_break_every_connection_are_given_up(proxy: WireProxy, agent: Agent) -> None:
    """After some attempts the mails end uncertain; a call right after a failed one does not fail."""
    proxy.on("UID FETCH", when="before-send", do="cut", nth=0)
    with pytest.raises(MailServerDown):
        agent.sync()
    agent.sync()
    sync_through(agent)
    sync_through(agent)

    assert [Status.UNCERTAIN] * 3 == [get(agent, number).status for number in (1, 2, 3)]
    assert ("structure", "unavailable", "attempts used up") in parts_event(agent, 1)


def test_a_server_that_asks_us_to_slow_down_costs_no_attempt(post: DovecotPost, proxy: WireProxy, agent: Agent) -> None:
    """However often it says so, the parts are fetched in the end."""
    fault = proxy.on("UID FETCH", when="before-send", do=b"NO [THROTTLED] Too fast", nth=0)
    for _ in range(SYNCS):
        with pytest.raises(Throttled):
            agent.sync()
        agent.tick()
    assert fault.seen >= SYNCS
    proxy.clear_faults()
    agent.sync()

    assert {"Calendar": ["meeting"], "Bills": ["bill"], "INBOX": ["friend"]} == post.found()


def test_a_server_that_asks_to_wait_for_parts_gives_new_mail(post: DovecotPost, proxy: WireProxy, agent: Agent) -> None:
    """What is wished comes first, but does not stop the mail behind it: the call after the failed one reads that."""
    proxy.on("UID FETCH", when="before-send", do=b"NO [UNAVAILABLE] Not this one")
    post.deliver("late", mail(4))
    with pytest.raises(Throttled):
        agent.sync()
    agent.sync()

    assert {"INBOX": ["bill", "friend", "late", "meeting"]} == post.found()
    assert [Status.FETCHED, Status.UNCERTAIN] == [get(agent, number).status for number in (3, 4)]


def test_a_worker_that_dies_before_it_stores_loses_nothing(post: DovecotPost, agent: Agent) -> None:
    """The parts were fetched and not stored: they are fetched again."""
    store = agent.store
    agent.store = DyingStore(store)
    with pytest.raises(PowerCut):
        agent.fetch(agent.batch())
    agent.store = store
    agent.tick()
    agent.sync()

    assert {"Calendar": ["meeting"], "Bills": ["bill"], "INBOX": ["friend"]} == post.found()


def test_a_late_worker_stores_nothing(post: DovecotPost, agent: Agent) -> None:
    """Who comes with parts when the wish is no more is told so, and the mail is as it was."""
    account = agent.store.accounts.get(agent.account)
    (mailbox,) = agent.store.parts.mailboxes(account.id)
    wishes = agent.store.parts.take(account.id, mailbox, 10)
    agent.tick()
    agent.sync()
    before = get(agent, 3).email

    with pytest.raises(StaleClaim):
        agent.store.parts.put([arrived_parts(wish, None) for wish in wishes])
    assert before == get(agent, 3).email
