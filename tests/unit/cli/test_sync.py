"""Syncs of several accounts: one that fails does not stop the others, and none of it is hidden."""

import json
import uuid
from dataclasses import dataclass, field

import pytest

from shared.batch import Batch
from shared.chain.answers import Answer, Summary
from shared.chain.client import GatewayDown
from shared.cli.sync import exit_code, saying_who_is_waited_for, sync_each
from shared.errors import (
    DatabaseDown,
    EmailAgentError,
    InvalidRules,
    InvalidSettings,
    LeaseHeld,
    LoginRefused,
    MailServerDown,
    Unauthorized,
)


@dataclass
class FakeFunctions:
    """Every account's sync is done at its first call, unless it has an error."""

    errors: dict[str, EmailAgentError] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)

    def call(self, function: str, batch: Batch) -> Answer:
        self.called.append(batch.account)
        if batch.account in self.errors:
            raise self.errors[batch.account]
        return Answer(account=batch.account, run=batch.run, stage=function, outcome="done", mode="apply")


def batches(*names: str) -> list[Batch]:
    return [Batch(account=name) for name in names]


def summary_of(outcome: str | EmailAgentError) -> Summary:
    error = outcome if isinstance(outcome, EmailAgentError) else None
    word = "failed" if isinstance(outcome, EmailAgentError) else outcome
    return Summary(run=uuid.UUID(int=1), account="work", outcome=word, error=error)


def test_one_failure_does_not_stop_the_others() -> None:
    """The other accounts are synced, and the failed one has its error in its place."""
    functions = FakeFunctions({"b": LoginRefused("no", hint="look")})

    found = [summary.as_json() for summary in sync_each(functions, batches("a", "b", "c"), as_json=True)]

    assert ["done", "failed", "done"] == [document["outcome"] for document in found]
    assert {"error": "LoginRefused", "detail": "no", "hint": "look"} == found[1]["error"]
    assert ["error" in document for document in found] == [False, True, False]


@pytest.mark.parametrize("as_json", [True, False])
def test_each_failure_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    """The line names the account; with --json it is an object like that of every error."""
    list(sync_each(FakeFunctions({"a": LoginRefused("no")}), batches("a", "b"), as_json=as_json))

    expected = json.dumps({"error": "LoginRefused", "detail": "a: no", "hint": ""}) if as_json else "a: no"
    assert f"{expected}\n" == capsys.readouterr().err


def test_a_single_account_s_error_ends_the_command() -> None:
    """Who asked for one account gets its error and its exit code."""
    with pytest.raises(MailServerDown):
        list(sync_each(FakeFunctions({"a": MailServerDown()}), batches("a"), as_json=True))


@pytest.mark.parametrize("error", [GatewayDown(), DatabaseDown()])
def test_what_all_need_is_waited_for_once(error: EmailAgentError) -> None:
    """When the gateway or the database is away, the other accounts fail with it at once."""
    functions = FakeFunctions({"a": error})

    found = list(sync_each(functions, batches("a", "b"), as_json=True))

    assert (["a"], [error, error]) == (functions.called, [summary.error for summary in found])
    assert max(summary.ms for summary in found) < 10_000


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["done"], 0),
        (["paused"], 0),
        (["done", "held"], 5),
        (["held", LeaseHeld()], 6),
        ([LeaseHeld(), MailServerDown(), "held"], 4),
        ([DatabaseDown(), InvalidRules()], 3),
        ([InvalidSettings(), Unauthorized()], 1),
        (["held", LoginRefused()], 1),
    ],
)
def test_exit_code_is_that_of_the_worst(outcomes: list[str | EmailAgentError], expected: int) -> None:
    """An error that needs its owner comes before one that may pass, and that before a sync that waits for a word."""
    assert expected == exit_code([summary_of(outcome) for outcome in outcomes])


def test_a_held_lease_says_whose_end_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds an account busy learns which one, and when a killed sync lets go at the latest."""
    monkeypatch.setenv("CLAIM_TIMEOUT_S", "200")
    monkeypatch.setenv("IMAP_TIMEOUT", "30")

    with pytest.raises(LeaseHeld) as caught, saying_who_is_waited_for("work"):
        raise LeaseHeld

    assert "'work'" in caught.value.hint
    assert "at most 230 s" in caught.value.hint
