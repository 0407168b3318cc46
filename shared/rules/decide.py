"""RuleSet + mail -> Decision. Never raises for any stored mail."""

import datetime as dt

from shared.records import ActionKind, StoredEmail
from shared.rules.model import Action, Decision
from shared.rules.rule_set import Rule, RuleSet
from shared.rules.truth import NOT_ASKED
from shared.rules.view import MailView
from shared.status import Status

MAX_NAMES_SHOWN = 5


def decide(rule_set: RuleSet, email: StoredEmail, now: dt.datetime) -> Decision:
    """Return what the first matching rule says; `continue` rules before it add their actions.

    A rule that hangs on a field that was not fetched stops here: a later rule must not take what may be its mail.
    """
    view = MailView(email, now)
    trace = bytearray([NOT_ASKED]) * len(rule_set.conditions)
    if email.unreadable:  # it has no header that a condition could miss
        return _uncertain("the mail server refuses the header of this mail", trace)
    passed: list[Rule] = []
    for rule in rule_set.rules:
        truth = rule.matcher(view, trace)
        if truth is False:
            continue
        if truth is None:
            return _uncertain(f"rule {rule.name} ({_where(rule)}) needs a field that was not fetched", trace)
        if rule.continues:
            passed.append(rule)
            continue
        return _classified(rule, passed, trace)
    if passed:
        return _uncertain(f"only rules that continue match: {_names(passed)}", trace)
    return _uncertain("no rule matches", trace)


def _uncertain(reason: str, trace: bytearray) -> Decision:
    return Decision(status=Status.UNCERTAIN, reason=reason, trace=trace.decode("ascii"))


def _classified(rule: Rule, passed: list[Rule], trace: bytearray) -> Decision:
    reason = f"rule {rule.name} ({_where(rule)})"
    actions = rule.actions
    if passed:
        actions = _merged([*passed, rule])
        reason += f", after {_names(passed)}"
    return Decision(
        status=Status.CLASSIFIED,
        reason=reason,
        decided_by=f"rule:{rule.name}",
        category=rule.category,
        actions=actions,
        trace=trace.decode("ascii"),
    )


def _names(rules: list[Rule]) -> str:
    more = len(rules) - MAX_NAMES_SHOWN
    return ", ".join(rule.name for rule in rules[:MAX_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _where(rule: Rule) -> str:
    return f"{rule.place.file}:{rule.place.line}"


def _merged(rules: list[Rule]) -> tuple[Action, ...]:
    """Return the actions of several rules: of two moves the first wins, and of two words about one flag."""
    flags: dict[str, Action] = {}
    moves: list[Action] = []
    for action in (action for rule in rules for action in rule.actions):
        if action.kind is ActionKind.MOVE:
            moves.append(action)
        else:
            flags.setdefault(action.target.lower(), action)
    return (*flags.values(), *moves[:1])
