"""The tests that rules carry."""

import pytest

from shared.errors import InvalidRules
from shared.rules.check import require_rule_tests, run_rule_tests
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
    ],
)
def test_a_test_that_fails_says_what_was_asked(test, fault):
    """The fault names the test's place and the truth of each condition."""

    assert [fault] == [str(one) for one in run_rule_tests(load_rules(rules("{from: a@b}", test)))]


def test_failing_tests_stop_a_push():
    """require_rule_tests raises what run_rule_tests found."""

    with pytest.raises(InvalidRules, match="should match"):
        require_rule_tests(load_rules(rules("{from: a@b}", "{mail: {from: x@y}, matches: true}")))


@pytest.mark.parametrize("test", ["{mail: {from: a@b}}", "{matches: true}", "{mail: {}, match: true}", "x"])
def test_an_incomplete_test_is_a_fault(test):
    """A test without its mail or its answer is refused by the loader."""

    with pytest.raises(InvalidRules, match="test"):
        load_rules(rules("{from: a@b}", test))
