"""`{over: 5 MB, under: 1 GB}` in YAML -> questions, each with its place and its description."""

from dataclasses import dataclass

from shared.rules.faults import Faults, Place, quoted
from shared.rules.language import COMPARISONS, MEANT_OPERATORS, QUANTITY_CONDITIONS
from shared.rules.quantities import read_bytes, read_count, read_seconds
from shared.rules.questions import Compares, Question
from shared.rules.tree import Map, Node

_READERS = {"size": read_bytes, "age": read_seconds, "count": read_count}
_EXAMPLES = QUANTITY_CONDITIONS | {"count": "2"}
_MAX_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, where it stands, and how it is described."""

    place: Place
    text: str
    question: Question


def read_comparisons(quantity: str, place: Place, node: Node, faults: Faults, *, shown: str) -> list[Asked]:
    """Read what a quantity is compared with."""
    found = compared(quantity, place, node, faults, shown=shown)
    return [Asked(place=at, text=text, question=question) for at, text, question in found]


def compared(
    quantity: str, place: Place, node: Node, faults: Faults, *, shown: str
) -> list[tuple[Place, str, Compares]]:
    """Return each comparison as place, description and question."""
    if not isinstance(node, Map) or not node.items:
        faults.add(place, f"{quoted(quantity)} needs over or under, such as {{over: {_EXAMPLES[quantity]}}}")
        return []
    node.refuse_unknown(COMPARISONS, faults, f"the condition {quoted(shown)}", MEANT_OPERATORS)
    found = []
    for operator in node.items:
        if operator not in COMPARISONS:
            continue
        text = node.text(operator, faults) or ""
        try:
            limit = _READERS[quantity](text)
        except ValueError as error:
            faults.add(node.items[operator].place, str(error))
            limit = 0
        question = Compares(quantity=quantity, operator=operator, limit=limit)
        found.append((node.keys[operator], f"{shown} {operator} {quoted(text, _MAX_SHOWN)[1:-1]}", question))
    return found
