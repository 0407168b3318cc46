"""Two days without a mail server, a sync every so often: no mail is given up, afterwards one sync files all."""

import datetime as dt
from collections.abc import Callable, Iterator

import pytest

from shared.errors import EmailAgentError, LoginRefused, MailServerDown
from shared.records import Mode
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.dovecot import DovecotServer, DovecotUser, require_dovecot
from tests.fixtures.messages import date_of, mail

MAILS = 5
OUTAGE = dt.timedelta(days=2)
EVERY = dt.timedelta(minutes=10)
SYNCS = OUTAGE // EVERY

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [flag, {move: News}]
"""


@pytest.fixture
def proxy(dovecot: DovecotUser) -> Iterator[WireProxy]:
    """A wire that can break, to a mailbox with a few letters."""
    deliver(dovecot)
    with WireProxy(upstream=(dovecot.host, dovecot.port)) as between:
        yield between


def deliver(user: DovecotUser) -> None:
    for number in range(1, MAILS + 1):
        user.deliver("INBOX", mail(number, sender="Letters <letters@news.example>"), "", date_of(number))


def decided(agent: Agent) -> Agent:
    """Fetch and classify, and close the run, so that filing is what is left to do."""
    account = agent.store.accounts.get(agent.account)
    agent.store.accounts.set_mode(account.id, Mode.OBSERVE)
    agent.sync()
    agent.store.accounts.set_mode(account.id, Mode.APPLY, approve="all")
    return agent


def outage(agent: Agent, every: dt.timedelta = EVERY) -> list[type[EmailAgentError]]:
    """Sync through two days; return what each sync failed with."""
    failures = []
    for _ in range(OUTAGE // every):
        agent.clock.offset += every
        with pytest.raises(EmailAgentError) as caught:
            agent.sync()
        failures.append(caught.type)
    return failures


def attempts(agent: Agent) -> set[int]:
    return {agent.store.emails.get(f"<{number}@mail.example>").attempts for number in range(1, MAILS + 1)}


def failures_in_a_row(agent: Agent) -> int:
    [state] = agent.store.accounts.states()
    return state.consecutive_failures


def assert_all_is_filed_by_one_sync(agent: Agent, user: DovecotUser) -> None:
    agent.clock.offset += EVERY
    summary = agent.sync()

    assert (MAILS, 0) == (summary.counts["applied"], summary.counts["failed"])
    assert {"INBOX": 0, "News": MAILS} == {name: len(user.census()[name]) for name in ("INBOX", "News")}
    assert 0 == failures_in_a_row(agent)


def test_two_days_of_refused_connections(real_agent: Callable[..., Agent]) -> None:
    """Nobody listens there: each sync fails at once, and is counted."""
    require_dovecot()
    with DovecotServer() as server:
        user = server.add_user("somebody@example.org")
        deliver(user)
        agent = decided(real_agent(user, RULES))
        server.stop()

        assert [MailServerDown] * SYNCS == outage(agent)
        assert SYNCS == failures_in_a_row(agent)
        assert {0} == attempts(agent)

        server.start()
        assert_all_is_filed_by_one_sync(agent, user)


def test_two_days_of_refused_logins(proxy: WireProxy, dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> None:
    """The server is there but lets nobody in."""
    agent = decided(real_agent(dovecot, RULES, proxy=proxy))
    proxy.on("LOGIN", when="before-send", do=b"NO [AUTHENTICATIONFAILED] Authentication failed.", nth=0)

    assert [LoginRefused] * SYNCS == outage(agent)
    assert SYNCS == failures_in_a_row(agent)
    assert {0} == attempts(agent)

    proxy.clear_faults()
    assert_all_is_filed_by_one_sync(agent, dovecot)


def test_two_days_of_a_wire_that_breaks_in_every_move(
    proxy: WireProxy, dovecot: DovecotUser, real_agent: Callable[..., Agent]
) -> None:
    """Each sync comes as far as the move and never hears of it: that is not the mails' fault."""
    agent = decided(real_agent(dovecot, RULES, proxy=proxy))
    proxy.on("UID MOVE", when="mid-command", do="cut", nth=0)

    assert [MailServerDown] * 96 == outage(agent, dt.timedelta(minutes=30))
    assert 96 == failures_in_a_row(agent)
    assert {0} == attempts(agent)

    proxy.clear_faults()
    assert_all_is_filed_by_one_sync(agent, dovecot)


@pytest.mark.parametrize("name", ["UID FETCH", "UID STORE", "STATUS"])
def test_a_wire_that_breaks_at_the_same_command_each_time(
    name: str, proxy: WireProxy, dovecot: DovecotUser, real_agent: Callable[..., Agent]
) -> None:
    """Whatever a filing was at when its connection broke, more often than a mail has attempts."""
    agent = decided(real_agent(dovecot, RULES, proxy=proxy))
    proxy.on(name, when="before-tagged", do="cut", nth=0)
    for _ in range(6):
        agent.clock.offset += EVERY
        with pytest.raises(MailServerDown):
            agent.sync()

    assert {0} == attempts(agent)

    proxy.clear_faults()
    assert_all_is_filed_by_one_sync(agent, dovecot)
