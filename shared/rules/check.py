"""The tests that rules carry: a rule set whose tests fail is not pushed."""

from shared.rules.decide import decide
from shared.rules.described_mail import TEST_TIME, read_test_mail
from shared.rules.faults import Fault, Faults, quoted, raise_faults
from shared.rules.model import Action, Decision
from shared.rules.questions import Truth
from shared.rules.rule import Rule, RuleTest
from shared.rules.rule_set import RuleSet
from shared.rules.truth import NOT_ASKED
from shared.rules.view import MailView
from shared.status import Status


def run_rule_tests(rule_set: RuleSet) -> list[Fault]:
    """Run every rule's own tests; return a fault for each that fails."""
    return [fault for rule in rule_set.rules for test in rule.tests for fault in _run(rule_set, rule, test)]


def unreadable_tests(rule_set: RuleSet) -> list[Fault]:
    """Return what is wrong in the mails that tests describe."""
    faults = Faults()
    for rule in rule_set.rules:
        for test in rule.tests:
            read_test_mail(test.mail, rule_set.extra_headers, faults)
    return faults.found


def require_rule_tests(rule_set: RuleSet) -> None:
    """Raise InvalidRules unless every rule's tests pass."""
    raise_faults(run_rule_tests(rule_set))


def _run(rule_set: RuleSet, rule: Rule, test: RuleTest) -> list[Fault]:
    faults = Faults()
    email = read_test_mail(test.mail, rule_set.extra_headers, faults)
    if faults.found:
        return faults.found
    if test.matches is not None:
        trace = bytearray([NOT_ASKED]) * len(rule_set.conditions)
        truth = rule.matcher(MailView(email, TEST_TIME), trace)
        if truth is not test.matches:
            faults.add(test.place, _unlike(rule_set, rule, truth, trace))
    if test.category is None and test.actions is None and test.uncertain is None:
        return faults.found
    for text in _differences(test, decide(rule_set, email, TEST_TIME)):
        faults.add(test.place, text)
    return faults.found


def _unlike(rule_set: RuleSet, rule: Rule, truth: Truth, trace: bytearray) -> str:
    asked = [
        f"line {info.line} {info.text}: {'true' if said == 't' else 'false'}"
        for info, said in zip(rule_set.conditions, trace.decode("ascii"), strict=True)
        if said in "tf"
    ]
    wanted = "should not match and does" if truth else "should match and does not"
    return f"rule {quoted(rule.name)} {wanted} ({'; '.join(asked)})"


def _differences(test: RuleTest, decision: Decision) -> list[str]:
    """Say where the decision of the whole rule set is not the expected one, and who decided."""
    found = []
    is_uncertain = decision.status is Status.UNCERTAIN
    if test.uncertain is not None and test.uncertain is not is_uncertain:
        found.append(f"should {'' if test.uncertain else 'not '}be uncertain ({decision.reason})")
    if test.category is not None and test.category != decision.category:
        was = "none" if decision.category is None else quoted(decision.category)
        found.append(f"the category should be {quoted(test.category)} and is {was} ({decision.reason})")
    if test.actions is not None and (is_uncertain or set(test.actions) != set(decision.actions)):
        was = "undecided" if is_uncertain else _shown(decision.actions)
        found.append(f"then should be {_shown(test.actions)} and is {was} ({decision.reason})")
    return found


def _shown(actions: tuple[Action, ...]) -> str:
    return ", ".join(f"{one.kind} {one.target}" for one in actions) or "nothing"
