"""The texts a condition compares with: one, a list of them, or a named list (`{in: friends}`)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.rules.faults import Faults, Place, meant, quoted
from shared.rules.folding import fold
from shared.rules.language import IN, MAX_VALUE_CHARS, MAX_VALUES, MAX_VALUES_IN_ALL
from shared.rules.patterns import compile_pattern
from shared.rules.rule import NamedList
from shared.rules.tree import List, Map, Node, Text

MAX_SHOWN = 3
MAX_PATTERN_SIZE = 2_000_000
"""RE2 instructions of all patterns together: two seconds to compile. A usual pattern has a hundred."""
USUAL_PATTERN_SIZE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Texts that stand here and those of named lists, each with its place; `shown` is how a description names them."""

    direct: tuple[Text, ...] = ()
    listed: tuple[Text, ...] = ()
    shown: str = ""

    @property
    def plain(self) -> tuple[str, ...]:
        """All texts without their places."""
        return tuple(text.value for text in (*self.direct, *self.listed))


@dataclass(slots=True)
class ValueReader:
    """Reads values; knows the named lists of the rule set, and which of them are used."""

    faults: Faults
    lists: dict[str, NamedList] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    compared: int = 0
    pattern_size: int = 0

    def read(self, node: Node) -> Values:
        """Read a text, a list of texts, or `{in: name}` in place of a text."""
        direct: list[Node] = []
        names: list[str] = []
        for item in node.items if isinstance(node, List) else [node]:
            if isinstance(item, Map) and IN in item.items:
                item.refuse_unknown(frozenset({IN}), self.faults, "a value")
                names += self._names(item.items[IN])
            else:
                direct.append(item)
        if not direct and not names:
            self.faults.add(node.place, f"a list holds 1 to {MAX_VALUES} texts")
        return self._values(node.place, check_texts(direct, self.faults), names)

    def read_named(self, node: Node) -> Values:
        """Read the names that stand after `in`."""
        return self._values(node.place, [], self._names(node))

    def are_patterns(self, values: Values) -> bool:
        """Whether all texts are usable regular expressions, and not too much together; note a fault where not."""
        before = len(self.faults.found)
        for text in (*values.direct, *values.listed):
            if self.pattern_size > MAX_PATTERN_SIZE:
                return False
            try:
                self.pattern_size += compile_pattern(text.value).programsize
            except ValueError as error:
                self.pattern_size += USUAL_PATTERN_SIZE
                self.faults.add(text.place, f"not a usable pattern: {error}")
            if self.pattern_size > MAX_PATTERN_SIZE:
                self.faults.add(text.place, "the patterns of this rule set are too large together")
        return len(self.faults.found) == before

    def _names(self, node: Node) -> list[str]:
        names = []
        for item in node.items if isinstance(node, List) else [node]:
            if not isinstance(item, Text):
                self.faults.add(item.place, f'after "{IN}" stands the name of a list')
                continue
            names.append(item.value)
            self.used.add(item.value)
            if item.value not in self.lists:
                known = meant(item.value, self.lists) if self.lists else '; lists stand under "lists"'
                self.faults.add(item.place, f"there is no list {quoted(item.value)}{known}")
        return names

    def _values(self, place: Place, direct: list[Text], names: list[str]) -> Values:
        listed = [text for name in names if name in self.lists for text in self.lists[name].texts]
        count, before = len(direct) + len(listed), self.compared
        self.compared += count
        if count > MAX_VALUES:
            self.faults.add(place, f"a condition compares with at most {MAX_VALUES} texts")
        if before <= MAX_VALUES_IN_ALL < self.compared:
            self.faults.add(
                place, f"the conditions of a rule set compare with at most {MAX_VALUES_IN_ALL} texts in all"
            )
        if self.compared > MAX_VALUES_IN_ALL:
            listed = []
        shown = [quoted(text.value) for text in direct[: MAX_SHOWN + 1]] + [f"in {quoted(name)}" for name in names]
        more = ", …" if shown[MAX_SHOWN:] else ""
        return Values(direct=tuple(direct), listed=tuple(listed), shown=", ".join(shown[:MAX_SHOWN]) + more)


def read_list(name: str, place: Place, node: Node, faults: Faults) -> NamedList:
    """Read a named list: a text, or a list of texts."""
    items = node.items if isinstance(node, List) else [node]
    if not items or len(items) > MAX_VALUES:
        faults.add(node.place, f"a list holds 1 to {MAX_VALUES} texts")
    return NamedList(name=name, place=place, texts=tuple(check_texts(items[:MAX_VALUES], faults)))


def check_texts(items: Sequence[Node], faults: Faults) -> list[Text]:
    """Return the nodes that are texts to compare with; the others are faults."""
    texts = []
    for item in items:
        if not isinstance(item, Text):
            faults.add(item.place, "a text is wanted here, or a list of texts")
        elif not fold(item.value).strip():
            faults.add(item.place, "an empty text would match every mail")
        elif len(item.value) > MAX_VALUE_CHARS:
            faults.add(item.place, f"a text may have {MAX_VALUE_CHARS} characters")
        else:
            texts.append(item)
    return texts
