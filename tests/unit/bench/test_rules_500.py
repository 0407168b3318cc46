"""The rules and mails of the benchmark rules_500."""

from collections import Counter

from scripts.bench.rules_500 import NOW, SHARES, mails, rule_set
from shared.rules.decide import decide, decide_with
from shared.status import Status


def test_the_mix_is_what_it_says():
    """Each kind of condition has its share, and the same rules and mails are made each time."""

    rules = rule_set(100)
    kinds = Counter(
        info.text.split()[0] + (" matches" if " matches " in info.text else "") for info in rules.conditions
    )
    named = {"list-id": kinds["list-id"], "body": kinds["body"], "matches": kinds["subject matches"]}

    assert 100 == sum(SHARES.values()) == len(rules.rules)
    assert {"list-id": 10, "body": 10, "matches": 15} == named
    assert (rules.digest, mails(3)) == (rule_set(100).digest, mails(3))


def test_the_index_is_what_is_measured():
    """500 rules have an index, its decisions are those without it, and neither all mails match nor none."""

    rules = rule_set(500)
    emails = mails(300)
    decisions = [decide(rules, email, NOW) for email in emails]
    taken = sum(decision.status is Status.CLASSIFIED for decision in decisions)

    assert [decide_with(rules, email, NOW, None) for email in emails] == decisions
    assert rules.index is not None
    assert 0.3 < taken / len(emails) < 0.7
