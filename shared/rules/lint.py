"""What is legal in rules and probably not meant: rules that never win, moves that are not done, what nobody uses."""

from shared.records import ActionKind
from shared.rules.expression import AnyOf, Expression, Leaf, Not
from shared.rules.faults import Fault, quoted
from shared.rules.implies import implies
from shared.rules.rule import Rule
from shared.rules.rule_set import RuleSet

MAX_COMPARED = 200_000
"""Pairs of rules that are compared: in a larger rule set the last ones are not."""
MAX_NAMES_SHOWN = 5


def warnings(rule_set: RuleSet) -> list[Fault]:
    """Return what `check` warns of, in the order of the rules; none of it stops a push."""
    found = _never_win(rule_set.rules) + _second_moves(rule_set.rules)
    found += _unused_categories(rule_set) + _unused_lists(rule_set) + _untested(rule_set.rules)
    return sorted(found, key=lambda fault: (fault.place.file, fault.place.line, fault.place.column))


def _never_win(rules: tuple[Rule, ...]) -> list[Fault]:
    """Find rules whose mail an earlier one takes in any case."""
    found = []
    taking: list[tuple[Rule, frozenset[str]]] = []
    compared = 0
    for rule in rules:
        kinds = _kinds(rule.expression)
        for earlier, wanted in taking:
            compared += 1
            if wanted <= kinds and implies(rule.expression, earlier.expression):
                where = f"{earlier.place.file}:{earlier.place.line}"
                text = f"rule {quoted(rule.name)} never wins: {quoted(earlier.name)} ({where}) takes all of its mail"
                found.append(Fault(place=rule.place, text=text))
                break
        if compared > MAX_COMPARED:
            break
        if not rule.continues:
            taking.append((rule, _needed(rule.expression)))
    return found


def _kinds(expression: Expression) -> frozenset[str]:
    """Return what an expression asks about, in words that are quick to compare."""
    if isinstance(expression, Leaf):
        return frozenset([_kind(expression)])
    parts = (expression.part,) if isinstance(expression, Not) else expression.parts
    return frozenset(kind for part in parts for kind in _kinds(part))


def _needed(expression: Expression) -> frozenset[str]:
    """Return what another expression must ask about to imply this one; empty where that cannot be told quickly."""
    if isinstance(expression, Leaf):
        kind = _kind(expression)
        return _ANY if kind in _HELD_BY_OTHERS else frozenset([kind])
    if isinstance(expression, AnyOf | Not):
        return _ANY
    return frozenset(kind for part in expression.parts for kind in _needed(part))


_ANY: frozenset[str] = frozenset()
_HELD_BY_OTHERS = frozenset({"Always", "Exists", "ListMail"})
"""Questions that one of another kind may imply."""


def _kind(leaf: Leaf) -> str:
    return type(leaf.question).__name__


def _second_moves(rules: tuple[Rule, ...]) -> list[Fault]:
    """Find rules that move and continue, with a later rule that moves: of two moves the first wins."""
    found = []
    later: Rule | None = None
    for rule in reversed(rules):
        moves = any(action.kind is ActionKind.MOVE for action in rule.actions)
        if moves and rule.continues and later is not None:
            where = f"{later.place.file}:{later.place.line}"
            text = (
                f"rule {quoted(rule.name)} moves and continues: of two moves the first wins, "
                f"so that the move of {quoted(later.name)} ({where}) is left out"
            )
            found.append(Fault(place=rule.place, text=text))
        later = rule if moves else later
    return found


def _unused_categories(rule_set: RuleSet) -> list[Fault]:
    """Find categories that no rule gives, and of which the stages that read mail are told nothing either."""
    used = {rule.category for rule in rule_set.rules}
    return [
        Fault(place=one.place, text=f"no rule gives the category {quoted(one.name)}, and it has no description")
        for one in rule_set.categories.values()
        if one.name not in used and not one.description and one.place is not None
    ]


def _unused_lists(rule_set: RuleSet) -> list[Fault]:
    return [
        Fault(place=rule_set.lists[name].place, text=f"no condition uses the list {quoted(name)}")
        for name in rule_set.unused_lists
    ]


def _untested(rules: tuple[Rule, ...]) -> list[Fault]:
    """Name the rules without tests in one line, where the first of them stands."""
    untested = [rule for rule in rules if not rule.tests]
    if not untested:
        return []
    names = ", ".join(rule.name for rule in untested[:MAX_NAMES_SHOWN])
    more = f" and {len(untested) - MAX_NAMES_SHOWN} more" if untested[MAX_NAMES_SHOWN:] else ""
    return [Fault(place=untested[0].place, text=f"{len(untested)} of {len(rules)} rules have no tests: {names}{more}")]
