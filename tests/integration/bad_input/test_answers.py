"""Servers that die, babble, fall silent or hang up in the middle of a sync: it fails, the next one files all."""

from collections.abc import Callable

import pytest

from shared.errors import BadAnswer, DeadlineExceeded, EmailAgentError, MailServerDown, Throttled
from shared.pipeline.limits import Limits
from tests.fixtures.agent import Agent
from tests.integration.bad_input.conftest import Scene

Failure = Callable[[Agent], EmailAgentError]
IMPATIENT = Limits(imap_timeout_s=0.4, claim_timeout_s=5.0)
KICK_TIMEOUT_S = 20
COMMANDS = ["LOGIN", "EXAMINE", "UID FETCH", "SELECT", "STATUS", "UID MOVE"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_server_that_dies_in_the_middle_of_an_answer(name: str, scene: Scene, failure: Failure) -> None:
    """The connection ends before the answer does."""
    agent = scene.agent()
    scene.proxy.on(name, when="before-tagged", do="cut")

    assert MailServerDown is type(failure(agent))
    scene.assert_filed(agent)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_server_that_answers_garbage(name: str, scene: Scene, failure: Failure) -> None:
    """An answer that is no IMAP is believed in nothing, and the connection is not used again."""
    agent = scene.agent()
    scene.proxy.on(name, when="before-send", do=b"\xff\xfe)) {99999999999999999999} GARBAGE \x00 ((")

    assert BadAnswer is type(failure(agent))
    scene.assert_filed(agent)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_server_that_answers_nothing(name: str, scene: Scene, failure: Failure) -> None:
    """Silence ends with the timeout."""
    agent = scene.agent(limits=IMPATIENT)
    scene.proxy.on(name, when="before-send", do="stall")

    assert DeadlineExceeded is type(failure(agent))
    scene.assert_filed(agent)


@pytest.mark.parametrize("name", COMMANDS[1:])
def test_a_server_that_says_bye(name: str, scene: Scene, failure: Failure) -> None:
    """Dovecot is told to end the session where the command is under way."""
    agent = scene.agent()
    fault = scene.proxy.on(name, when="before-send", do=scene.user.kick)

    assert MailServerDown is type(failure(agent))
    assert fault.fired.wait(KICK_TIMEOUT_S)
    scene.assert_filed(agent)


@pytest.mark.parametrize("code", [b"NO [UNAVAILABLE] Try later", b"NO [THROTTLED] Too fast"])
def test_a_server_that_asks_us_to_slow_down(code: bytes, scene: Scene, failure: Failure) -> None:
    """It says when to come again, and no mail's attempt is counted."""
    agent = scene.agent()
    scene.proxy.on("UID MOVE", when="before-send", do=code)
    error = failure(agent)

    assert (Throttled, True) == (type(error), (error.retry_after_s or 0) >= 60)
    assert 0 == agent.store.emails.get("<1@mail.example>").attempts
    scene.assert_filed(agent)
