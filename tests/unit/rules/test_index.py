"""The rules a mail may match, found without asking each."""

from collections import defaultdict

import pytest
from hypothesis import given, settings

from shared.rules.decide import decide_with
from shared.rules.index import MIN_RULES, build_index
from shared.rules.load import load_rules
from shared.rules.rule_set import RuleSet
from shared.rules.truth import NOT_ASKED
from shared.rules.view import MailView
from tests.unit.rules.invented import NOW, mail, mails, rule_texts

ANY = defaultdict(lambda: 1)
"""So few conditions are worth a look-up here."""


@settings(deadline=None)
@given(rule_texts(), mails())
def test_an_index_changes_nothing_but_the_time(text, email):
    """Status, actions, reason, trace and wanted parts are those of asking rule after rule."""

    rules = load_rules(text)

    assert decide_with(rules, email, NOW, None) == decide_with(rules, email, NOW, build_index(rules.rules, 1, ANY))


def asked(rules: RuleSet, email: object) -> list[str]:
    """The rules that the index does not rule out."""
    index = build_index(rules.rules, 1, ANY)
    trace = bytearray([NOT_ASKED]) * len(rules.conditions)
    return [rule.name for rule in index.candidates(MailView(email, NOW), trace)]


def rules_of(*conditions: str) -> RuleSet:
    named = "".join(f"- {{name: r{number}, when: {when}, then: keep}}\n" for number, when in enumerate(conditions))
    return load_rules(f"version: 1\nrules:\n{named}")


@pytest.mark.parametrize(
    ("when", "changes", "is_asked"),
    [
        ("{from: a@x.example}", {"from": "A <a@x.example>"}, True),
        ("{from: a@x.example}", {"from": "b@x.example"}, False),
        ("{from: {domain: x.example}}", {"from": "b@mail.x.example"}, True),
        ("{subject: [one, two]}", {"subject": "the TWO of us"}, True),
        ("{subject: [one, two]}", {"subject": "three"}, False),
        ("{subject: 'a.b'}", {"subject": "axb"}, False),
        ("{subject: {matches: 'a.b'}}", {"subject": "xAYBx"}, True),
        ("{subject: {starts-with: re}}", {"subject": "are"}, False),
        ("{subject: {ends-with: re}}", {"subject": "are"}, True),
        ("{body: hello}", {"text": "well, Hello"}, True),
        ("{body: hello}", {"text": "well"}, False),
        ("{body: hello}", {"text": None}, True),
        ("{all: [{seen: true}, {subject: one}]}", {"subject": "two"}, False),
        ("{any: [{from: a@x.example}, {subject: one}]}", {"subject": "two"}, False),
        ("{any: [{seen: true}, {subject: one}]}", {"subject": "two"}, True),
        ("{not: {subject: one}}", {"subject": "one"}, True),
        ("always", {}, True),
    ],
)
def test_a_rule_is_asked_where_it_may_hold(when, changes, is_asked):
    """What guards a rule is looked up; a rule without a guard is always asked."""

    text = {"text": changes.pop("text")} if "text" in changes else {"text": ""}

    assert is_asked is ("r0" in asked(rules_of(when, "{subject: other}"), mail(**changes, **text)))


def test_no_body_is_looked_at_while_a_rule_before_wins():
    """A group of guards is looked up when its first rule is next."""

    class Unread:
        def __init__(self) -> None:
            self.headers = {"from": ["a@x.example"]}

        @property
        def text(self) -> str:
            raise AssertionError("looked at")

    index = build_index(rules_of("{from: a@x.example}", "{body: one}", "{body: two}").rules, 1, ANY)

    assert "r0" == next(index.candidates(MailView(Unread(), NOW), bytearray(b"---"))).name


def test_few_rules_have_no_index():
    """They are quicker asked than looked up; conditions of a kind that are few have no table."""

    few = ["{from: a@x.example}"] * (MIN_RULES - 1)

    assert None is rules_of(*few).index
    assert None is not rules_of(*few, "{from: b@x.example}").index
    assert [] == rules_of(*few, *few, "{subject: {matches: a}}").index.always[:-1]
    assert None is rules_of(*["{seen: true}"] * 50).index


def test_patterns_that_are_too_much_for_one_automaton_are_asked_one_by_one():
    """A rule set that is accepted is decided, whatever memory its patterns would take together."""

    heavy = [f"{{subject: {{matches: 'x{number}\\pL{{60}}'}}}}" for number in range(25)]
    rules = rules_of(*heavy, "{subject: light}")
    index = build_index(rules.rules, 1, ANY)
    email = mail(subject="light x7" + "é" * 400)

    assert len(heavy) == len(index.always)
    assert decide_with(rules, email, NOW, None) == decide_with(rules, email, NOW, index)
