"""Conditions of another language between two bounds of ours, so that a rule is never made broader than it was.

What cannot be said exactly lies between a condition that holds only where the original does and one that holds wherever
it does. Rules act on the first; what must not pass an earlier rule is held back by the second. `not` swaps the two.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Condition: TypeAlias = dict[str, Any] | bool
"""A map as it stands under `when:`, or true (always) or false (never)."""

_LISTABLE = frozenset({"is", "contains", "starts-with", "ends-with", "matches", "domain", "plus"})


@dataclass(frozen=True, slots=True)
class Approximation:
    """`at_least` holds only where the original holds, `at_most` wherever it holds."""

    at_least: Condition
    at_most: Condition

    @property
    def is_exact(self) -> bool:
        """Whether both bounds are the same."""
        return self.at_least == self.at_most


ALWAYS = Approximation(True, True)
NEVER = Approximation(False, False)
UNKNOWN = Approximation(False, True)


def exact(condition: Condition) -> Approximation:
    """Return what needs no bounds."""
    return Approximation(condition, condition)


def all_of(parts: Sequence[Approximation]) -> Approximation:
    """Return the bounds of a conjunction."""
    return Approximation(both(part.at_least for part in parts), both(part.at_most for part in parts))


def any_of(parts: Sequence[Approximation]) -> Approximation:
    """Return the bounds of a disjunction."""
    return Approximation(either(part.at_least for part in parts), either(part.at_most for part in parts))


def none_of(part: Approximation) -> Approximation:
    """Return the bounds of a negation."""
    return Approximation(opposite(part.at_most), opposite(part.at_least))


def both(conditions: Iterable[Condition]) -> Condition:
    """Return a condition that holds where all do: one map if no key stands in two of them."""
    parts: list[dict[str, Any]] = []
    for condition in conditions:
        if condition is False:
            return False
        if isinstance(condition, dict):
            parts.extend(condition["all"] if set(condition) == {"all"} else [condition])
    parts = _unlike(parts)
    if not parts:
        return True
    if len(parts) == 1:
        return parts[0]
    refused = [part for part in parts if set(part) == {"not"}]
    others = [part for part in parts if set(part) != {"not"}]
    if len(refused) > 1:
        return both([*others, {"not": [one for part in refused for one in _listed(part["not"])]}])
    merged: dict[str, Any] = {}
    for part in parts:
        if not merged.keys().isdisjoint(part):
            return {"all": parts}
        merged |= part
    return merged


def either(conditions: Iterable[Condition]) -> Condition:
    """Return a condition that holds where one does: values that are asked the same way become a list."""
    parts: list[dict[str, Any]] = []
    for condition in conditions:
        if condition is True:
            return True
        if isinstance(condition, dict):
            parts.extend(condition["any"] if _is_list(condition, "any") else [condition])
    parts = _joined(_unlike(parts))
    if not parts:
        return False
    return parts[0] if len(parts) == 1 else {"any": parts}


def opposite(condition: Condition) -> Condition:
    """Return a condition that holds where this one does not."""
    if isinstance(condition, bool):
        return not condition
    if set(condition) == {"not"}:
        return either(condition["not"]) if isinstance(condition["not"], list) else condition["not"]
    if _is_list(condition, "any"):
        return {"not": condition["any"]}
    return {"not": condition}


def size_of(value: object) -> int:
    """Return how many texts, keys and maps a condition is made of."""
    waiting, count = [value], 0
    while waiting:
        one = waiting.pop()
        count += 1
        if isinstance(one, dict):
            count += len(one)
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return count


def _is_list(condition: dict[str, Any], key: str) -> bool:
    return set(condition) == {key} and isinstance(condition[key], list)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _unlike(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts, each once."""
    return list({repr(part): part for part in parts}.values())


def _joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts with `{from: {is: a}}` and `{from: {is: b}}` made one."""
    found: dict[object, dict[str, Any]] = {}
    together: dict[object, dict[str, None]] = {}
    for part in parts:
        asked = _asked(part)
        key: object = asked[:-1] if asked else repr(part)
        found.setdefault(key, part)
        if asked:
            together.setdefault(key, {}).update(dict.fromkeys(asked[-1]))
    return [_with_values(part, list(together.get(key, ()))) for key, part in found.items()]


def _with_values(part: dict[str, Any], values: list[str]) -> dict[str, Any]:
    """Return the part as it is, or with these values if there are several."""
    asked = _asked(part)
    if asked is None or len(values) == 1:
        return part
    field, name, operator, _ = asked
    return {field: {"name": name, operator: values} if name else {operator: values}}


def _asked(part: dict[str, Any]) -> tuple[str, str, str, list[str]] | None:
    """Return field, header name, operator and values of a condition that asks one thing of one field."""
    if len(part) != 1:
        return None
    (field, inner), *_ = part.items()
    if not isinstance(inner, dict):
        return None
    operators = [key for key in inner if key != "name" or field != "header"]
    if len(operators) != 1 or operators[0] not in _LISTABLE:
        return None
    name = inner["name"] if field == "header" else ""
    return field, name, operators[0], _listed(inner[operators[0]])
