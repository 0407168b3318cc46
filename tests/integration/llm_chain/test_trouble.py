"""A language model that is down, busy, missing, or answers nonsense: mail waits, and nothing of ours fails."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.clock import now
from shared.errors import (
    BadAnswer,
    DeadlineExceeded,
    InvalidRules,
    InvalidSettings,
    LlmBusy,
    LlmDown,
    LlmFailed,
    ModelMissing,
    PromptTooLong,
)
from shared.records import Mode, StoredEmail, Verdict
from shared.status import Filing, Status
from tests.fakes.language_model import FakeModel, verdict
from tests.integration.llm_chain.asker import Asker, deliver, mailbox

AskerFor = Callable[..., Asker]

NOT_THE_MAILS = [
    (LlmDown("no language model answers at http://h:1", hint="start Ollama"), "down"),
    (LlmBusy("too many calls"), "busy"),
    (ModelMissing("no such model", hint="ollama pull tiny"), "missing"),
    (DeadlineExceeded("no answer in time"), "slow"),
    (InvalidRules("too many categories"), "refused"),
    (InvalidSettings("no URL"), "refused"),
]
PERHAPS_THE_MAILS = [LlmFailed("it broke down"), BadAnswer("none of the labels"), PromptTooLong()]


@pytest.mark.parametrize(("error", "state"), NOT_THE_MAILS, ids=str)
@pytest.mark.parametrize("when", ["before", "during"])
def test_mail_waits_and_all_else_goes_on(error: Any, state: str, when: str, asker_for: AskerFor) -> None:
    """Rules file their mail, no attempt counts, the summary says who waits and why; later all is caught up."""
    server = mailbox()
    deliver(server, "hello", "howdy")
    deliver(server, "parcel", sender="x@shop.example")
    model = FakeModel(trouble=error if when == "before" else None, says=lambda _email: error)
    asker = asker_for(server, model)
    summary = asker.sync()

    assert {"INBOX": ["hello", "howdy"], "Shop": ["parcel"]} == {k: v for k, v in server.census().items() if v}
    assert ("done", 1, 0) == (summary.outcome, summary.counts["applied"], summary.counts["failed"])
    expected = {"state": state, "detail": error.detail, "hint": error.hint, "waiting": 2}
    assert (expected, expected) == (summary.llm, summary.as_json()["llm"])
    assert {Status.UNCERTAIN: 0} == {asker.mail(name).status: asker.mail(name).attempts for name in ("hello", "howdy")}
    assert (0, "classify-llm") == (asker.agent.store.accounts.states()[0].consecutive_failures, asker.order[2])

    asker.agent.tick()
    asker.model = FakeModel()
    caught_up = asker.sync()
    assert ({"Letters": ["hello", "howdy"], "Shop": ["parcel"]}, None) == (
        {k: v for k, v in server.census().items() if v},
        caught_up.llm,
    )


def test_no_text_is_fetched_while_nobody_can_read_it(asker_for: AskerFor) -> None:
    """A model that is not there costs one call of a function, and no word of any mail."""
    server = mailbox()
    deliver(server, "hello")
    asker = asker_for(server, FakeModel(trouble=LlmDown()))
    asker.sync()

    assert ["fetch-batch", "apply-actions", "classify-llm"] == asker.order
    assert (None, frozenset()) == (asker.mail("hello").email.text, asker.mail("hello").email.unavailable)
    asker.sync()
    assert ["fetch-batch", "apply-actions", "classify-llm"] == asker.order


@pytest.mark.parametrize("error", PERHAPS_THE_MAILS, ids=lambda error: type(error).__name__)
def test_a_mail_that_breaks_each_call_waits_for_a_person(error: Exception, asker_for: AskerFor) -> None:
    """Its attempts count, each later than the one before; its neighbours are decided meanwhile."""
    server = mailbox()
    deliver(server, "hello", "poison")

    def says(email: StoredEmail) -> Verdict | Exception:
        return error if email.headers["subject"] == ["poison"] else verdict()

    asker = asker_for(server, FakeModel(says=says))
    asker.sync()
    assert (["hello"], 1) == (server.census()["Letters"], asker.mail("poison").attempts)
    asker.sync()
    assert 1 == asker.mail("poison").attempts, "asked again too early"
    for _ in range(2):
        asker.agent.tick(hours=5)
        asker.sync()
    mail = asker.mail("poison")

    assert (Status.REVIEW, Filing.NONE, 3) == (mail.status, mail.filing, asker.model.subjects.count("poison"))
    assert error.detail in (mail.reason or "")  # type: ignore[attr-defined]
    assert [("uncertain", "review", "llm")] == [
        (event.was, event.became, event.by) for event in mail.events if event.became == "review"
    ]
    assert Status.FETCHED is asker.agent.store.reviews.retry(mail.email.id)


def test_an_outage_of_days_fails_no_mail(asker_for: AskerFor) -> None:
    """However often the model is down, the attempts stay what they were."""
    server = mailbox()
    deliver(server, "hello")
    asker = asker_for(server, FakeModel(says=lambda _email: LlmDown()))
    for _ in range(12):
        asker.sync()
        asker.agent.tick(hours=6)

    assert (Status.UNCERTAIN, 0) == (asker.mail("hello").status, asker.mail("hello").attempts)


def test_a_mail_whose_call_was_cut_lets_others_go_first(asker_for: AskerFor) -> None:
    """One prompt that takes too long does not stand before the others for ever."""
    server = mailbox()
    deliver(server, "hello", "endless")
    slow = DeadlineExceeded("no answer in time")
    asker = asker_for(
        server, FakeModel(says=lambda mail: slow if mail.headers["subject"] == ["endless"] else verdict())
    )
    asker.sync()
    assert [] == server.census().get("Letters", [])
    asker.sync()

    assert (["hello"], 0) == (server.census()["Letters"], asker.mail("endless").attempts)


def test_a_paused_account_is_not_asked_about(asker_for: AskerFor) -> None:
    """Nothing is done for it, by nobody."""
    asker = asker_for(mailbox(), mode=Mode.PAUSED)

    assert ("paused", []) == (asker.ask().outcome, asker.model.asked)


def test_a_pause_holds_from_the_next_mail_on(asker_for: AskerFor) -> None:
    """Nobody is asked about anything more once everything is paused; what was said before is recorded."""
    server = mailbox()
    deliver(server, "one", "two")
    asker = asker_for(server)
    asker.read_with_text()
    accounts = asker.agent.store.accounts
    asker.model.meanwhile = accounts.pause
    summary = asker.sync()
    accounts.resume()

    assert ("paused", ["two"], []) == (summary.outcome, asker.model.subjects, server.census().get("Letters", []))
    assert [Status.CLASSIFIED, Status.UNCERTAIN] == [asker.mail(name).status for name in ("two", "one")]


def test_no_call_may_outlive_the_function_s_own_deadline(asker_for: AskerFor) -> None:
    """Each call ends with the function at the latest, or after its own timeout, whichever comes first."""
    server = mailbox()
    deliver(server, "one", "two")
    asker = asker_for(server)
    asker.read_with_text()
    began = now()
    asker.ask()

    limits = asker.agent.limits
    assert 2 == len(asker.model.deadlines)
    assert all(each <= now() + min(limits.deadline_s, limits.llm_timeout_s) for each in asker.model.deadlines)
    assert all(each >= began + min(limits.deadline_s, limits.llm_timeout_s) for each in asker.model.deadlines)
