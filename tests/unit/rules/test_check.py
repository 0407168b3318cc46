"""The tests that rules carry."""

import pytest

from shared.errors import InvalidRules
from shared.rules.check import require_rule_tests, run_rule_tests, unreadable_tests
from shared.rules.load import load_rules


def rules(when: str, test: str) -> str:
    return f"version: 1\nrules:\n- name: r\n  when: {when}\n  then: keep\n  tests:\n  - {test}\n"


@pytest.mark.parametrize(
    ("when", "test"),
    [
        ("{from: a@b}", "{mail: {from: A <a@b>}, matches: true}"),
        ("{to: a@b}", "{mail: {to: [x@y, a@b]}, matches: true}"),
        ("{header: X-A}", "{mail: {subject: x}, matches: false}"),
        ("{header: X-A}", "{mail: {X-A: x}, matches: true}"),
        ("{size: {over: 1 MB}}", "{mail: {size: 2 MB}, matches: true}"),
        ("{age: {over: 1d}}", "{mail: {age: 1h}, matches: false}"),
        (
            "{seen: true, mailbox: Lists, account: home}",
            "{mail: {flags: [\\Seen], mailbox: Lists, account: home}, matches: true}",
        ),
        ("{body: total}", "{mail: {body: 'The total: 3'}, matches: true}"),
        ("{any: [{body: total}, {attachment: true}]}", "{mail: {subject: total}, matches: false}"),
        ("{attachment: a.pdf}", "{mail: {attachments: a.pdf}, matches: true}"),
        (
            "{attachment: {type: image/png, size: {over: 1 MB}}}",
            "{mail: {attachments: [a.txt, {name: b, type: image/png, size: 2 MB}]}, matches: true}",
        ),
        ("{from: a@b}", "{mail: {from: a@b}, then: keep, uncertain: false}"),
        ("{from: a@b}", "{mail: {from: x@y}, uncertain: true}"),
        ("{age: {over: 1y}}", "{mail: {age: 999999y}, matches: true}"),
    ],
)
def test_a_test_that_holds_is_silent(when, test):
    """Header fields and our own keys describe the mail of a test."""

    assert [] == run_rule_tests(load_rules(rules(when, test)))


@pytest.mark.parametrize(
    ("test", "fault"),
    [
        (
            "{mail: {from: x@y}, matches: true}",
            'rules:7:5: rule "r" should match and does not (line 4 from is "a@b": false)',
        ),
        (
            "{mail: {from: a@b}, matches: false}",
            'rules:7:5: rule "r" should not match and does (line 4 from is "a@b": true)',
        ),
        ("{mail: x, matches: true}", "rules:7:12: mail is a map, such as {from: noreply@github.com}"),
        ("{mail: {size: big}, matches: true}", "rules:7:19: a size is a number with B, KB, MB or GB, such as 5 MB"),
        ("{mail: {'a b': x}, matches: true}", 'rules:7:13: "a b" is no header field'),
        ("{mail: {from: {a: b}}, matches: true}", "rules:7:19: a text is wanted here, or a list of texts"),
        (
            "{mail: {attachments: [[a]]}, matches: true}",
            "rules:7:27: an attachment is a name, or a map such as {name: a.pdf, size: 2 MB}",
        ),
        (
            "{mail: {attachments: {nme: a}}, matches: false}",
            'rules:7:27: unknown key "nme" in an attachment; did you mean "name"?',
        ),
        ("{mail: {from: a@b}, then: read}", "rules:7:5: then should be flag \\Seen and is nothing (rule r (rules:3))"),
        ("{mail: {from: x@y}, then: keep}", "rules:7:5: then should be nothing and is undecided (no rule matches)"),
        ("{mail: {from: x@y}, uncertain: false}", "rules:7:5: should not be uncertain (no rule matches)"),
        ("{mail: {from: a@b}, uncertain: true}", "rules:7:5: should be uncertain (rule r (rules:3))"),
    ],
)
def test_a_test_that_fails_says_what_was_asked(test, fault):
    """The fault names the test's place and the truth of each condition."""

    assert [fault] == [str(one) for one in run_rule_tests(load_rules(rules("{from: a@b}", test)))]


def test_a_test_may_ask_for_what_all_rules_decide():
    """The category is that of the rule that wins, whichever rule carries the test."""

    text = (
        "version: 1\ncategories: {a: {then: read}, b: {then: flag}}\nrules:\n"
        "- {name: one, when: {seen: true}, category: a}\n- name: two\n  when: always\n  category: b\n  tests:\n"
        "  - {mail: {flags: [\\Seen]}, matches: true, category: a, then: read}\n  - {mail: {}, category: a}\n"
    )

    assert ['rules:10:5: the category should be "a" and is "b" (rule two (rules:5))'] == [
        str(one) for one in run_rule_tests(load_rules(text))
    ]


def test_failing_tests_stop_a_push():
    """require_rule_tests raises what run_rule_tests found."""

    with pytest.raises(InvalidRules, match="should match"):
        require_rule_tests(load_rules(rules("{from: a@b}", "{mail: {from: x@y}, matches: true}")))


@pytest.mark.parametrize("test", ["{mail: {from: a@b}}", "{matches: true}", "{mail: {}, match: true}", "x"])
def test_an_incomplete_test_is_a_fault(test):
    """A test without its mail or its answer is refused by the loader."""

    with pytest.raises(InvalidRules, match="test"):
        load_rules(rules("{from: a@b}", test))


def test_a_mail_that_cannot_be_read_is_found_without_running_the_tests():
    """What a test describes may be wrong where nothing asks for it."""

    rule_set = load_rules(rules("{from: a@b}", "{mail: {from: x@y, size: 4 QB}, matches: true}"))

    assert ["rules:7:30: a size is a number with B, KB, MB or GB, such as 5 MB"] == list(
        map(str, unreadable_tests(rule_set))
    )
