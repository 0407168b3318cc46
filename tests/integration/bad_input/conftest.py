"""A mailbox with two letters and a friend's mail, and an agent that files the letters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.errors import EmailAgentError
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.messages import date_of, mail

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{move: News}]
"""
LETTERS = 2


@dataclass(frozen=True, kw_only=True)
class Somewhere:
    """Where an account is said to be."""

    host: str
    port: int
    user: str
    password: str


@dataclass
class Scene:
    """A mailbox, the wire to it, and what an agent made of it."""

    user: DovecotUser
    proxy: WireProxy
    make_agent: Callable[..., Agent]

    def agent(self, rules: str = RULES, **options: Any) -> Agent:
        return self.make_agent(self.user, rules, proxy=self.proxy, **options)

    def places(self) -> dict[str, int]:
        return {name: len(mails) for name, mails in self.user.census().items() if mails}

    def assert_nothing_happened(self) -> None:
        assert {"INBOX": LETTERS + 1} == self.places()

    def assert_filed(self, agent: Agent) -> None:
        """Once the trouble is over the next sync files all."""
        self.proxy.clear_faults()
        agent.tick()
        agent.sync()
        assert {"INBOX": 1, "News": LETTERS} == self.places()


@pytest.fixture
def scene(dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> Iterator[Scene]:
    """Two letters to file and one mail to leave, on Dovecot behind a wire."""
    for number in range(1, LETTERS + 1):
        dovecot.deliver("INBOX", mail(number, sender="Letters <letters@news.example>"), "", date_of(number))
    dovecot.deliver("INBOX", mail(99), "S", date_of(99))
    with WireProxy(upstream=(dovecot.host, dovecot.port)) as proxy:
        yield Scene(user=dovecot, proxy=proxy, make_agent=real_agent)


@pytest.fixture
def failure() -> Callable[[Agent], EmailAgentError]:
    """Sync once and return what it failed with; the account must remember it, and nothing of its mail is lost."""

    def fail(agent: Agent) -> EmailAgentError:
        with pytest.raises(EmailAgentError) as caught:
            agent.sync()
        [state] = agent.store.accounts.states()
        assert state.last_error is not None
        assert state.last_error.startswith(f"{caught.type.__name__}: ")
        assert 1 == state.consecutive_failures
        assert 0 == state.counts.get("failed", 0) + state.counts.get("filing:failed", 0)
        return caught.value

    return fail
