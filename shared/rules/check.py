"""The tests that rules carry: a rule set whose tests fail is not pushed."""

import datetime as dt
import re

from shared.records import StoredEmail
from shared.rules.faults import Fault, Faults, quoted, raise_faults
from shared.rules.operators import read_bytes, read_seconds
from shared.rules.rule_set import Rule, RuleSet, RuleTest
from shared.rules.tree import List, Map, Node, Text
from shared.rules.truth import NOT_ASKED
from shared.rules.view import MailView

TEST_TIME = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)
_FIELD_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_TEST_SIZE = 4_096


def run_rule_tests(rule_set: RuleSet) -> list[Fault]:
    """Run every rule's own tests; return a fault for each that fails."""
    found: list[Fault] = []
    for rule in rule_set.rules:
        for test in rule.tests:
            found.extend(_run(rule_set, rule, test))
    return found


def require_rule_tests(rule_set: RuleSet) -> None:
    """Raise InvalidRules unless every rule's tests pass."""
    raise_faults(run_rule_tests(rule_set))


def _run(rule_set: RuleSet, rule: Rule, test: RuleTest) -> list[Fault]:
    faults = Faults()
    email = _mail(test.mail, rule_set.extra_headers, faults)
    if faults.found:
        return faults.found
    trace = bytearray([NOT_ASKED]) * len(rule_set.conditions)
    truth = rule.matcher(MailView(email, TEST_TIME), trace)
    if truth is test.matches:
        return []
    asked = [
        f"line {info.line} {info.text}: {'true' if said == 't' else 'false'}"
        for info, said in zip(rule_set.conditions, trace.decode("ascii"), strict=True)
        if said in "tf"
    ]
    wanted = "should match and does not" if test.matches else "should not match and does"
    return [Fault(place=test.place, text=f"rule {quoted(rule.name)} {wanted} ({'; '.join(asked)})")]


def _mail(node: Node, extra_headers: tuple[str, ...], faults: Faults) -> StoredEmail:
    """Return the mail a test describes: header fields by name, and mailbox, account, flags, size, age."""
    if not isinstance(node, Map):
        faults.add(node.place, "mail is a map, such as {from: noreply@github.com}")
        node = Map(node.place)
    headers: dict[str, list[str]] = {name: [] for name in extra_headers}
    ours: dict[str, list[str]] = {}
    for key, value in node.items.items():
        texts = _texts(value, faults)
        if key in {"mailbox", "account", "flags", "size", "age"}:
            ours[key] = texts
        elif _FIELD_NAME.fullmatch(key):
            headers[key.lower()] = texts
        else:
            faults.add(node.keys[key], f"{quoted(key)} is no header field")
    return StoredEmail(
        id=0,
        account=" ".join(ours.get("account", ["test"])),
        mailbox=" ".join(ours.get("mailbox", ["INBOX"])),
        flags=frozenset(ours.get("flags", [])),
        internaldate=TEST_TIME - dt.timedelta(seconds=_quantity("age", ours, node, faults)),
        size=_quantity("size", ours, node, faults),
        headers=headers,
    )


def _quantity(key: str, ours: dict[str, list[str]], node: Map, faults: Faults) -> int:
    if key not in ours:
        return _TEST_SIZE if key == "size" else 0
    try:
        return (read_bytes if key == "size" else read_seconds)(" ".join(ours[key]))
    except ValueError as error:
        faults.add(node.items[key].place, str(error))
        return 0


def _texts(node: Node, faults: Faults) -> list[str]:
    items = node.items if isinstance(node, List) else [node]
    for item in items:
        if not isinstance(item, Text):
            faults.add(item.place, "a text is wanted here, or a list of texts")
    return [item.value for item in items if isinstance(item, Text)]
