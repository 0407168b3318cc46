"""What each rule said of a mail: retold from a decision's trace, or asked now of all rules."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from shared.records import StoredEmail
from shared.rules.decide import decide
from shared.rules.expression import AnyOf, Expression, Leaf, Not
from shared.rules.model import Decision
from shared.rules.rule_set import ConditionInfo, Rule, RuleSet
from shared.rules.truth import NOT_ASKED
from shared.rules.view import MailView

_LETTERS = {"t": True, "f": False}


class Said(StrEnum):
    """What a rule had to say in a decision."""

    DECIDES = "decides"
    ADDS = "adds its actions"
    NO = "does not match"
    UNKNOWN = "cannot be told"
    WOULD_MATCH = "would match too"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSaid:
    """A rule, what it said, and each of its conditions with its letter in the trace."""

    rule: Rule
    said: Said
    conditions: tuple[tuple[ConditionInfo, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedNow:
    """What a rule set says of a mail now."""

    decision: Decision
    rules: tuple[RuleSaid, ...]


def retell(rule_set: RuleSet, trace: str) -> tuple[RuleSaid, ...]:
    """Return what each rule said when the decision with this trace was made, in the order of the rules."""
    return _said(rule_set, trace, Said.NOT_ASKED)


def ask_now(rule_set: RuleSet, email: StoredEmail, now: dt.datetime) -> AskedNow:
    """Decide a mail, and ask the rules behind the deciding one too, of whom a decision needs nothing."""
    view = MailView(email, now)
    trace = bytearray([NOT_ASKED]) * len(rule_set.conditions)
    if not email.unreadable:
        for rule in rule_set.rules:
            rule.matcher(view, trace)
    said = _said(rule_set, trace.decode("ascii"), Said.WOULD_MATCH)
    return AskedNow(decision=decide(rule_set, email, now), rules=said)


def truth_of(expression: Expression, trace: str) -> bool | None:
    """Return what an expression came to, by what its conditions said; None too where they were not asked."""
    if isinstance(expression, Leaf):
        return _LETTERS.get(trace[expression.index]) if expression.index < len(trace) else None
    if isinstance(expression, Not):
        truth = truth_of(expression.part, trace)
        return None if truth is None else not truth
    truths = [truth_of(part, trace) for part in expression.parts]
    ends = isinstance(expression, AnyOf)
    if ends in truths:
        return ends
    return None if None in truths else not ends


def _said(rule_set: RuleSet, trace: str, after_the_end: Said) -> tuple[RuleSaid, ...]:
    """Go through the rules as a decision does; behind the rule where it ends, a match is `after_the_end`."""
    found = []
    is_over = False
    for rule, conditions in _with_conditions(rule_set, trace):
        truth = truth_of(rule.expression, trace)
        if conditions and all(letter == "-" for _, letter in conditions):
            said = Said.NOT_ASKED
        elif truth is False:
            said = Said.NO
        elif is_over:
            said = after_the_end if truth else Said.UNKNOWN
        else:
            said = Said.UNKNOWN if truth is None else Said.ADDS if rule.continues else Said.DECIDES
            is_over = said is not Said.ADDS
        found.append(RuleSaid(rule=rule, said=said, conditions=conditions))
    return tuple(found)


def _with_conditions(rule_set: RuleSet, trace: str) -> list[tuple[Rule, tuple[tuple[ConditionInfo, str], ...]]]:
    by_rule: dict[str, list[tuple[ConditionInfo, str]]] = {}
    for info, letter in zip(rule_set.conditions, trace.ljust(len(rule_set.conditions), "-"), strict=False):
        by_rule.setdefault(info.rule, []).append((info, letter))
    return [(rule, tuple(by_rule.get(rule.name, ()))) for rule in rule_set.rules]
