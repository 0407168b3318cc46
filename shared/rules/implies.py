"""Whether one condition holds wherever another does. A yes is certain; a no may only mean that it is not seen here."""

from collections.abc import Callable
from typing import Any

from shared.rules.expression import AllOf, AnyOf, Expression, Leaf, Not
from shared.rules.questions import (
    Always,
    Attached,
    Compares,
    Exists,
    Flagged,
    Holds,
    ListMail,
    Matches,
    OneOf,
    Question,
    Tagged,
)
from shared.rules.view import ADDRESS_FIELDS

MAX_COMPARED = 10_000
"""Pairs of texts that are compared for one answer; where there are more, it is no."""


def implies(narrow: Expression, wide: Expression) -> bool:
    """Return whether `wide` holds for every mail for which `narrow` does."""
    if isinstance(narrow, AnyOf):
        return all(implies(part, wide) for part in narrow.parts)
    if isinstance(wide, AllOf):
        return all(implies(narrow, part) for part in wide.parts)
    if isinstance(wide, AnyOf) and any(implies(narrow, part) for part in wide.parts):
        return True
    if isinstance(narrow, AllOf):
        return any(implies(part, wide) for part in narrow.parts)
    return _implies_one(narrow, wide)


def _implies_one(narrow: Expression, wide: Expression) -> bool:
    if isinstance(narrow, Not) and isinstance(wide, Not):
        return implies(wide.part, narrow.part)
    if not isinstance(wide, Leaf):
        return False
    if isinstance(wide.question, Always):
        return True
    return isinstance(narrow, Leaf) and _implies(narrow.question, wide.question)


def _implies(narrow: Question, wide: Question) -> bool:
    if narrow == wide:
        return True
    if isinstance(wide, Exists):
        return wide.expected and _field_of(narrow) == wide.field
    if isinstance(wide, ListMail):
        return wide.expected and _field_of(narrow) == "list-id"
    compare = _COMPARE.get(type(wide))
    return compare is not None and type(narrow) is type(wide) and compare(narrow, wide)


def _field_of(question: Question) -> str | None:
    """Return the field that must be there for this to hold."""
    if isinstance(question, Exists):
        return question.field if question.expected else None
    return question.field if isinstance(question, OneOf | Holds | Matches | Tagged) else None


def _is_one_of(narrow: OneOf, wide: OneOf) -> bool:
    rest = narrow.keys - wide.keys
    if narrow.field != wide.field or (rest and narrow.field not in ADDRESS_FIELDS):
        return False
    domains = {key.rpartition("@")[2] for key in rest} | narrow.domains
    return all(_is_below(domain, wide.domains) for domain in domains)


def _is_below(domain: str, domains: frozenset[str]) -> bool:
    while domain:
        if domain in domains:
            return True
        domain = domain.partition(".")[2]
    return False


def _holds(narrow: Holds, wide: Holds) -> bool:
    """Compare texts: each of the narrow ones must have a wide one in it, at the same end."""
    if (narrow.field, narrow.operator) != (wide.field, wide.operator):
        return False
    if set(narrow.texts) <= set(wide.texts):
        return True
    if len(narrow.texts) * len(wide.texts) > MAX_COMPARED:
        return False
    if wide.operator == "starts-with":
        return all(text.startswith(wide.texts) for text in narrow.texts)
    if wide.operator == "ends-with":
        return all(text.endswith(wide.texts) for text in narrow.texts)
    return all(any(one in text for one in wide.texts) for text in narrow.texts)


def _matches(narrow: Matches, wide: Matches) -> bool:
    return narrow.field == wide.field and set(narrow.patterns) <= set(wide.patterns)


def _is_tagged(narrow: Tagged, wide: Tagged) -> bool:
    return narrow.field == wide.field and narrow.tags <= wide.tags


def _is_flagged(narrow: Flagged, wide: Flagged) -> bool:
    fewer, more = (narrow, wide) if narrow.expected else (wide, narrow)
    return narrow.expected is wide.expected and fewer.flags <= more.flags


def _compares(narrow: Compares, wide: Compares) -> bool:
    if (narrow.quantity, narrow.operator) != (wide.quantity, wide.operator):
        return False
    return narrow.limit >= wide.limit if wide.operator == "over" else narrow.limit <= wide.limit


def _is_attached(narrow: Attached, wide: Attached) -> bool:
    return narrow.expected and wide.expected and set(wide.tests) <= set(narrow.tests)


_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    OneOf: _is_one_of,
    Holds: _holds,
    Matches: _matches,
    Tagged: _is_tagged,
    Flagged: _is_flagged,
    Compares: _compares,
    Attached: _is_attached,
}
