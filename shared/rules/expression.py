"""Conditions joined by all, any and not: in which order they are asked, what guards them, and what they hang on."""

from dataclasses import dataclass
from typing import TypeAlias

from shared.rules.questions import Holds, Matches, OneOf, Question, Truth


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition; `index` is its place in the trace."""

    index: int
    question: Question


@dataclass(frozen=True, slots=True)
class AllOf:
    """True when all parts are."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when one part is."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when its part is false."""

    part: "Expression"


Expression: TypeAlias = Leaf | AllOf | AnyOf | Not

LookedUp: TypeAlias = OneOf | Holds | Matches
"""Questions an index can ask for many rules at once."""
Guard: TypeAlias = tuple[tuple[int, LookedUp], ...]
"""Such conditions, by their place in the trace; while all of them are false, so is the expression."""

_PART_COST = {None: 0, "structure": 2, "text": 3}
_HEADER_COST = 1
_KINDS = 4  # more than the costs of questions below


def in_asking_order(expression: Expression) -> Expression:
    """Return the same expression with the cheap parts of each group first, those that hang on a body last.

    The truth does not depend on the order. In `all` the part that guards goes first: what the index skips has then the
    same trace as what was asked.
    """
    if isinstance(expression, Leaf):
        return expression
    if isinstance(expression, Not):
        return Not(in_asking_order(expression.part))
    parts = sorted((in_asking_order(part) for part in expression.parts), key=_cost)
    if isinstance(expression, AnyOf):
        return AnyOf(tuple(parts))
    guarding = _guarding(tuple(parts))
    if guarding is not None:
        parts.insert(0, parts.pop(guarding))
    return AllOf(tuple(parts))


def guard_of(expression: Expression) -> Guard | None:
    """Return the guard of an expression in asking order, None where it has none."""
    if isinstance(expression, Leaf):
        question = expression.question
        return ((expression.index, question),) if isinstance(question, OneOf | Holds | Matches) else None
    if isinstance(expression, Not):
        return None
    if isinstance(expression, AllOf):
        guarding = _guarding(expression.parts)
        return None if guarding is None else guard_of(expression.parts[guarding])
    guards = [guard_of(part) for part in expression.parts]
    found = tuple(one for guard in guards if guard is not None for one in guard)
    return found if found and None not in guards else None


def _guarding(parts: tuple[Expression, ...]) -> int | None:
    """Return which part guards all of them best: the first of the cheapest."""
    guards = [(number, guard) for number, part in enumerate(parts) if (guard := guard_of(part)) is not None]
    if not guards:
        return None
    return min(guards, key=lambda one: max(_question_cost(question) for _, question in one[1]))[0]


def _cost(expression: Expression) -> int:
    if isinstance(expression, Leaf):
        return _question_cost(expression.question)
    if isinstance(expression, Not):
        return _cost(expression.part)
    return max((_cost(part) for part in expression.parts), default=0)


def _question_cost(question: Question) -> int:
    kind = 2 if isinstance(question, Matches) else 1 if isinstance(question, Holds) else 0
    return _PART_COST.get(question.part, _HEADER_COST) * _KINDS + kind


def hangs_on(expression: Expression, trace: bytearray) -> frozenset[str]:
    """Return the parts of the mail that the truth of an expression hangs on, by what its conditions said."""
    return _hangs_on(expression, trace)[1]


_TRUTH: dict[int, Truth] = {ord("t"): True, ord("f"): False}
_NOTHING: frozenset[str] = frozenset()


def _hangs_on(expression: Expression, trace: bytearray) -> tuple[Truth, frozenset[str]]:
    if isinstance(expression, Leaf):
        truth = _TRUTH.get(trace[expression.index])
        part = expression.question.part
        return truth, frozenset([part]) if truth is None and part else _NOTHING
    if isinstance(expression, Not):
        truth, parts = _hangs_on(expression.part, trace)
        return None if truth is None else not truth, parts
    ends = isinstance(expression, AnyOf)
    wanted: frozenset[str] = _NOTHING
    unknown = False
    for one in expression.parts:
        truth, parts = _hangs_on(one, trace)
        if truth is ends:  # it stopped here, whatever was unknown before
            return ends, _NOTHING
        unknown = unknown or truth is None
        wanted |= parts
    return (None, wanted) if unknown else (not ends, _NOTHING)
