"""What `check` warns of."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.rules.implies import implies
from shared.rules.lint import warnings
from shared.rules.load import load_rules
from shared.rules.truth import NOT_ASKED
from shared.rules.view import MailView
from tests.unit.rules.invented import CONDITIONS, NOW, mails

TESTED = "tests: [{mail: {}, uncertain: true}]"


def two(first: str, second: str, then: str = "keep") -> list[str]:
    """What is said of two tested rules with these conditions."""
    return [
        str(one)
        for one in warnings(
            load_rules(
                "version: 1\nlists: {l: [a@x.example, y.example]}\nrules:\n"
                f"- {{name: one, when: {first}, then: {then}, {TESTED}}}\n"
                f"- {{name: two, when: {second}, then: {{move: B}}, {TESTED}}}\n"
            )
        )
        if "list" not in str(one)
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("always", "{subject: a}"),
        ("{from: {domain: x.example}}", "{from: a@mail.x.example}"),
        ("{from: {domain: x.example}}", "{from: {domain: [a.x.example, b.x.example]}}"),
        ("{from: {domain: x.example}}", "{subject: a, from: {domain: x.example}}"),
        ("{from: {in: l}}", "{from: [a@x.example, b@y.example]}"),
        ("{subject: [a, b]}", "{subject: abc}"),
        ("{subject: {starts-with: a}}", "{subject: {starts-with: ab}}"),
        ("{subject: {matches: [a, b]}}", "{subject: {matches: b}}"),
        ("{list-mail: true}", "{list-id: {domain: x.example}}"),
        ("{to: {exists: true}}", "{to: {plus: shop}}"),
        ("{any: [{seen: true}, {subject: a}]}", "{any: [{subject: a}, {all: [{seen: true}, {flagged: true}]}]}"),
        ("{not: {subject: ab}}", "{not: {subject: a}}"),
        ("{size: {over: 1 MB}}", "{size: {over: 2 MB}}"),
        ("{age: {under: 7d}}", "{age: {under: 1d}}"),
        ("{keyword: [$A, $B]}", "{keyword: $B}"),
        ("{seen: false}", "{all: [{seen: false}, {subject: a}]}"),
        ("{attachment: true}", "{attachment: a.pdf}"),
        ("{attachment: {name: a.pdf}}", "{attachment: {name: a.pdf, size: {over: 1 MB}}}"),
    ],
)
def test_a_rule_that_an_earlier_one_covers_is_named(first, second):
    """Whatever the second would match, the first takes."""

    assert ['rules:5:4: rule "two" never wins: "one" (rules:4) takes all of its mail'] == two(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{from: {domain: x.example}}", "{from: {domain: example}}"),
        ("{from: {domain: x.example}}", "{from: a@fx.example}"),
        ("{from: a@x.example}", "{from: {contains: a@x.example}}"),
        ("{from: a@x.example}", "{to: a@x.example}"),
        ("{subject: abc}", "{subject: a}"),
        ("{subject: {is: abc}}", "{subject: abc}"),
        ("{subject: a, seen: true}", "{subject: a}"),
        ("{not: {subject: a}}", "{not: {subject: ab}}"),
        ("{size: {over: 2 MB}}", "{size: {over: 1 MB}}"),
        ("{size: {over: 2 MB}}", "{size: {under: 3 MB}}"),
        ("{attachment: false}", "{attachment: a.pdf}"),
        ("{attachment: {name: a.pdf, size: {over: 1 MB}}}", "{attachment: {name: a.pdf}}"),
    ],
)
def test_a_rule_that_may_win_is_not_named(first, second):
    """There is a mail that only the second takes."""

    assert [] == two(first, second)


def test_a_rule_that_continues_covers_nothing():
    """It takes no mail from later rules; but of its move and a later one, only its own is done."""

    rules = load_rules(
        f"version: 1\nrules:\n- {{name: one, when: always, then: {{move: A}}, continue: true, {TESTED}}}\n"
        f"- {{name: two, when: {{seen: true}}, then: read, {TESTED}}}\n"
        f"- {{name: three, when: {{flagged: true}}, then: archive, {TESTED}}}\n"
    )

    assert [
        'rules:3:4: rule "one" moves and continues: of two moves the first wins, so that the move of "three" (rules:5) '
        "is left out"
    ] == [str(one) for one in warnings(rules)]


def test_what_nobody_uses_is_named():
    """Categories that neither a rule nor a model can give, lists that no condition names, and rules without tests."""

    rules = load_rules(
        "version: 1\nlists: {friends: a@b.example, foes: c@d.example}\n"
        "categories: {x: {then: read}, y: {then: read}, z: {description: what a model is told}}\n"
        "rules:\n- {name: one, when: {from: {in: foes}}, category: x}\n"
        f"- {{name: two, when: {{to: {{in: foes}}}}, category: x, {TESTED}}}\n"
    )

    assert [
        'rules:2:9: no condition uses the list "friends"',
        'rules:3:31: no rule gives the category "y", and it has no description',
        "rules:5:4: 1 of 2 rules have no tests: one",
    ] == [str(one) for one in warnings(rules)]


@settings(deadline=None)
@given(CONDITIONS, CONDITIONS, st.booleans(), mails())
def test_what_is_implied_holds(narrow, wide, joined, email):
    """No mail is against a warning: where the narrow condition holds, the wide one is not false."""

    both = {"all": [narrow, wide if joined else narrow]}
    document = {
        "version": "1",
        "lists": {"people": ["a@x.example", "y.example"], "others": "me@a.x.example"},
        "rules": [
            {"name": name, "when": when, "then": "keep"} for name, when in {"wide": wide, "narrow": both}.items()
        ],
    }
    rules = load_rules(json.dumps(document, ensure_ascii=False)).rules
    trace = bytearray([NOT_ASKED]) * rules[-1].end
    said = [rule.matcher(MailView(email, NOW), trace) for rule in rules]

    assert not implies(rules[1].expression, rules[0].expression) or said[1] is not True or said[0] is not False
    assert not joined or implies(rules[1].expression, rules[0].expression)
