"""What a verdict decides, and what is known without one."""

import datetime as dt
from dataclasses import replace

import pytest

from shared.pipeline.judge import MIN_CONFIDENCE, MIN_MARGIN, NobodysJudge, RulesJudge, after_verdict, with_text
from shared.records import ActionKind
from shared.rules.load import load_rules
from shared.rules.model import Action, Decision
from shared.status import Status
from tests.fakes.language_model import verdict
from tests.fakes.mails import stored

RULES = load_rules(
    """
version: 1
categories:
  letters: {then: [{keyword: $Letter}, {move: Letters}]}
  nothing: {then: keep}
rules:
  - {name: early, when: {subject: early}, then: [{keyword: $Early}, {move: Early}], continue: true}
  - {name: bills, when: {subject: bill}, category: letters}
  - {name: body, when: {all: [{subject: hangs}, {body: {contains: due}}]}, then: keep}
"""
)
UNDECIDED = Decision(status=Status.UNCERTAIN, reason="no rule matches", trace="f", ms=0.5)
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
JUDGE = RulesJudge(rule_set=RULES, now=lambda: NOW)


def flag(name: str) -> Action:
    return Action(kind=ActionKind.FLAG, target=name)


def move(name: str) -> Action:
    return Action(kind=ActionKind.MOVE, target=name)


def test_a_sure_verdict_has_its_category_s_actions() -> None:
    """Those of the active rules; time and the rules' trace are kept."""
    decision = after_verdict(verdict("letters", 0.9), UNDECIDED, RULES)

    assert (Status.CLASSIFIED, "letters", "llm", 0.9) == (
        decision.status, decision.category, decision.decided_by, decision.confidence,
    )  # fmt: skip
    assert ((flag("$Letter"), move("Letters")), 10.5, "f") == (decision.actions, decision.ms, decision.trace)


def test_a_category_that_keeps_does_nothing() -> None:
    """A verdict may also say that mail stays."""
    assert () == after_verdict(verdict("nothing"), UNDECIDED, RULES).actions


def test_rules_that_go_on_come_first() -> None:
    """Of two moves theirs wins, as in the rules; nothing of it is left to add."""
    known = JUDGE.known(stored(subject="early"))
    decision = after_verdict(verdict("letters"), known, RULES)

    assert Status.UNCERTAIN is known.status
    assert (flag("$Early"), flag("$Letter"), move("Early")) == decision.actions
    assert () == decision.adds


@pytest.mark.parametrize(
    ("confidence", "margin", "status"),
    [
        (MIN_CONFIDENCE, MIN_MARGIN, Status.CLASSIFIED),
        (MIN_CONFIDENCE - 0.01, 0.9, Status.REVIEW),
        (0.99, MIN_MARGIN - 0.01, Status.REVIEW),
        (None, 0.9, Status.REVIEW),
        (0.9, None, Status.REVIEW),
    ],
)
def test_how_sure_is_sure(confidence: float | None, margin: float | None, status: Status) -> None:
    """Both shares must be large enough, and told; else nothing is done and a person looks."""
    decision = after_verdict(verdict("letters", confidence, margin=margin), UNDECIDED, RULES)

    assert (status, status is Status.CLASSIFIED) == (decision.status, bool(decision.actions))


@pytest.mark.parametrize(
    "said", [verdict(None), verdict("gone"), verdict(suspicions=frozenset({"control-token"}))], ids=repr
)
def test_no_doubtful_verdict_has_actions(said: object) -> None:
    """Unsure, of a category that is gone, or on mail that looks like an attack: a person looks."""
    decision = after_verdict(said, UNDECIDED, RULES)  # type: ignore[arg-type]

    assert (Status.REVIEW, (), None) == (decision.status, decision.actions, decision.category)


def test_rules_of_today_are_known() -> None:
    """A mail that a rule takes by now needs no model."""
    assert (Status.CLASSIFIED, "rule:bills") == (
        JUDGE.known(stored(subject="bill")).status,
        JUDGE.known(stored(subject="bill")).decided_by,
    )


@pytest.mark.parametrize("judge", [JUDGE, NobodysJudge()])
def test_mail_without_a_header_is_not_asked_about(judge: RulesJudge | NobodysJudge) -> None:
    """There is nothing to show to a model: a person looks."""
    assert Status.REVIEW is judge.known(replace(stored(), unreadable=True)).status


def test_without_rules_nothing_is_known() -> None:
    """The strategy llm leaves all to the model, and all mail is as little known."""
    judge = NobodysJudge()

    assert (Status.UNCERTAIN, judge.margin(stored())) == (judge.known(stored(subject="bill")).status, 0.0)


def test_text_is_wished_once_and_only_where_a_model_is_needed() -> None:
    """Beside what rules wish for; not where it is there, cannot be had, or is of no use."""
    unread = stored(text=None)

    assert {"text"} == with_text(unread, UNDECIDED).wanted
    assert {"text", "structure"} == with_text(unread, replace(UNDECIDED, wanted=frozenset({"structure"}))).wanted
    assert set() == with_text(stored(text=""), UNDECIDED).wanted
    assert set() == with_text(replace(unread, unavailable=frozenset({"text"})), UNDECIDED).wanted
    assert set() == with_text(unread, JUDGE.known(replace(unread, headers={"subject": ["bill"]}))).wanted
