"""`attachment:` in YAML: whether there is one, how many, and the name, type and size of one of them."""

from typing import TypeAlias

from shared.rules.comparisons import Asked, compared, read_comparisons
from shared.rules.faults import Faults, Place, quoted
from shared.rules.language import ATTACHMENT_KEYS, IN, MEANT_OPERATORS, PLAIN_OPERATORS
from shared.rules.questions import Attached, TestOfAttachment, TextOfAttachment
from shared.rules.tree import Map, Node, Text, read_bool
from shared.rules.values import ValueReader, Values

_EXAMPLE = '"attachment" needs a name, true or false, or a map such as {name: {ends-with: .pdf}}'
_MEANT_KEYS = {
    "filename": "name",
    "file": "name",
    "mime": "type",
    "mime-type": "type",
    "content-type": "type",
    "number": "count",
}


def read_attachment(place: Place, node: Node, values: ValueReader, faults: Faults) -> list[Asked]:
    """Read the questions of one condition; name, type and size together are one: they ask about one attachment."""
    if isinstance(node, Text) and node.value.lower() in {"true", "false"}:
        node = Map(place, {"exists": node}, {"exists": place})
    elif not isinstance(node, Map) or list(node.items) == [IN]:
        node = Map(place, {"name": node}, {"name": place})
    if not node.items:
        faults.add(place, _EXAMPLE)
    node.refuse_unknown(ATTACHMENT_KEYS, faults, 'the condition "attachment"', _MEANT_KEYS)
    tests: list[TestOfAttachment] = []
    texts: list[str] = []
    found: list[Asked] = []
    for key in node.items:
        at, item = node.keys[key], node.items[key]
        if key == "exists":
            expected = read_bool(item, faults, key)
            text = f"attachment {str(expected).lower()}"
            found.append(Asked(place=at, text=text, question=Attached(expected=expected)))
        elif key == "count":
            found += read_comparisons(key, at, item, faults, shown="attachment count")
        elif key in ATTACHMENT_KEYS:
            said = _size(at, item, faults) if key == "size" else _texts(key, at, item, values)
            tests += [test for test, _ in said]
            texts += [text for _, text in said]
    if tests:
        text = f"attachment {', '.join(texts)}"
        found.insert(0, Asked(place=place, text=text, question=Attached(tests=tuple(tests))))
    return found


_Said: TypeAlias = list[tuple[TestOfAttachment, str]]
"""What is asked of one attachment, and how it is described."""


def _size(place: Place, node: Node, faults: Faults) -> _Said:
    return [(question, text) for _, text, question in compared("size", place, node, faults, shown="size")]


def _texts(key: str, place: Place, node: Node, values: ValueReader) -> _Said:
    """Read what a name or a type is compared with."""
    if not isinstance(node, Map):
        node = Map(place, {"is": node}, {"is": place})
    known = PLAIN_OPERATORS | {IN}
    node.refuse_unknown(known, values.faults, f'"{key}" of an attachment', MEANT_OPERATORS)
    if not node.items:
        values.faults.add(place, f"{quoted(key)} needs a text or an operator such as ends-with")
    found: _Said = []
    for operator in node.items:
        if operator not in known:
            continue
        read = values.read_named(node.items[operator]) if operator == IN else values.read(node.items[operator])
        meant = "is" if operator == IN else operator
        usable = values.are_patterns(read) if meant == "matches" else _refuse_wildcards(key, read, values.faults)
        shown = f"{key} {read.shown}" if operator == IN else f"{key} {operator} {read.shown}"
        if usable:
            found.append((TextOfAttachment(of=key, operator=meant, texts=read.plain), shown))
    return found


def _refuse_wildcards(key: str, read: Values, faults: Faults) -> bool:
    """Whether there are no wildcards, which are no part of this language; note a fault where there is one."""
    before = len(faults.found)
    for text in (*read.direct, *read.listed):
        value = text.value.strip()
        if "*" in value and key == "type":
            faults.add(text.place, f"there are no wildcards; write {{starts-with: {value.partition('*')[0]}}}")
        elif value.startswith("*") and len(value) > 1:
            faults.add(text.place, f"there are no wildcards; write {{ends-with: {value.lstrip('*')}}}")
    return len(faults.found) == before
