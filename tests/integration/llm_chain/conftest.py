"""Agents with a language model, on a server in memory and a real PostgreSQL."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.language_model import FakeModel
from tests.fakes.mail_server import FakeMailServer
from tests.fixtures.agent import Agent
from tests.integration.llm_chain.asker import RULES, Asker


@pytest.fixture
def asker_for(agent_for: Callable[..., Agent]) -> Callable[..., Asker]:
    """Make an agent with a model, of a new account on this server."""

    def make(server: FakeMailServer, model: Any = None, rules: str = RULES, **account: Any) -> Asker:
        return Asker(agent=agent_for(server, rules, **account), model=model or FakeModel())

    return make
