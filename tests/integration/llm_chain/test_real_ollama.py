"""The whole way with a real Ollama and a tiny model of random weights: everything is real but its wisdom."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.llm.classifier import Classifier
from shared.llm.ollama import OllamaSettings
from shared.status import Status
from tests.fixtures.agent import Agent
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail
from tests.fixtures.ollama import RealOllama, own_ollama, real_ollama
from tests.fixtures.tiny_model import MODEL
from tests.integration.llm_chain.asker import RULES, Asker

__all__ = ["own_ollama", "real_ollama"]

pytestmark = pytest.mark.dovecot

MAILS = 3


def asker_at(url: str, dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> Asker:
    post = DovecotPost(user=dovecot)
    for number in range(1, MAILS + 1):
        post.deliver(f"letter-{number}", mail(number))
    post.deliver("parcel", mail(9, sender="a@shop.example"))
    asker = Asker(agent=real_agent(dovecot, RULES))
    asker.agent.limits = replace(asker.agent.limits, llm_timeout_s=100.0)
    asker.model = Classifier.at(OllamaSettings(url=url, model=MODEL))
    return asker


def statuses(asker: Asker) -> set[Status]:
    store = asker.agent.store
    return {store.emails.get(f"<{number}@mail.example>").status for number in range(1, MAILS + 1)}


def test_each_mail_gets_its_verdict(
    real_ollama: RealOllama, dovecot: DovecotUser, real_agent: Callable[..., Agent]
) -> None:
    """No mail is left uncertain, none failed; one that knows nothing is sure of nothing, and a person looks."""
    asker = asker_at(real_ollama.url, dovecot, real_agent)
    summary = asker.sync()
    reasons = [asker.agent.store.emails.get(f"<{number}@mail.example>").reason for number in range(1, MAILS + 1)]

    assert statuses(asker) <= {Status.REVIEW, Status.CLASSIFIED}
    assert (None, 0) == (summary.llm, summary.counts["failed"])
    assert all((reason or "").startswith(MODEL) for reason in reasons)


def test_one_that_dies_between_two_syncs(
    own_ollama: RealOllama, dovecot: DovecotUser, real_agent: Callable[..., Agent]
) -> None:
    """The mail waits, and the summary says that nobody answers."""
    asker = asker_at(own_ollama.url, dovecot, real_agent)
    own_ollama.kill()
    summary = asker.sync()

    assert ({Status.UNCERTAIN}, "down") == (statuses(asker), (summary.llm or {}).get("state"))
    assert 1 == summary.counts["applied"]
