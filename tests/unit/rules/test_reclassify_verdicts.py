"""What reclassify does with mail that the language model decided: its word stands where no rule knows better."""

import datetime as dt
from dataclasses import replace

import pytest

from shared.records import ActionKind
from shared.rules.diff import Effect
from shared.rules.load import load_rules
from shared.rules.model import Action
from shared.rules.reclassify import Fate, Preview, Reach, StoredDecision
from shared.rules.rule_set import RuleSet
from shared.status import Filing, Status
from tests.fakes.mails import stored

NOW = dt.datetime(2026, 11, 3, 12, 0, tzinfo=dt.UTC)
LETTERS = Action(kind=ActionKind.MOVE, target="Letters")
SAID = Effect(status=Status.CLASSIFIED, category="letters", decided_by="llm", actions=(LETTERS,))
DOUBT = Effect(status=Status.REVIEW, decided_by="llm")


def rules(then: str = "{move: Letters}", *, also: str = "") -> RuleSet:
    return load_rules(
        f"version: 1\ncategories: {{letters: {{then: {then}}}, other: {{then: keep}}}}\nrules: [{also}]\n"
    )


def fate(rule_set: RuleSet, was: Effect) -> Fate:
    preview = Preview(rule_set=rule_set, rule_set_id=2, now=NOW, reach=Reach(limit=10))
    filing = Filing.PENDING if was.actions else Filing.NONE
    preview.look([StoredDecision(email=stored(), effect=was, filing=filing, rule_set_id=1)])
    [(found, _)] = preview.fates.items()
    return found


@pytest.mark.parametrize("was", [SAID, DOUBT], ids=["classified", "review"])
def test_its_word_stands(was: Effect) -> None:
    """Newer rules that say nothing of a mail do not send it to the model once more."""
    assert Fate.SAME is fate(rules(), was)


@pytest.mark.parametrize(
    "newer",
    [
        rules("{move: Post}"),
        rules(also="{name: r, when: {subject: invoice}, category: other}"),
        rules(also="{name: r, when: {subject: invoice}, then: flag, continue: true}"),
        load_rules("version: 1\ncategories: {other: {then: keep}}\n"),
    ],
    ids=["other actions", "a rule", "a rule that goes on", "no such category"],
)
def test_what_would_be_done_otherwise_goes_back(newer: RuleSet) -> None:
    """Other actions of its category, a rule that knows better or adds to it, a category that is gone."""
    assert Fate.BACK is fate(newer, SAID)


def test_a_rule_that_knows_better_ends_a_doubt() -> None:
    """A mail in review that a rule takes now goes back."""
    assert Fate.BACK is fate(rules(also="{name: r, when: {subject: invoice}, category: other}"), DOUBT)


def test_the_word_of_rules_does_not_stand() -> None:
    """What a rule decided that is gone is undecided now."""
    assert Fate.BACK is fate(rules(), replace(SAID, decided_by="rule:letters"))
