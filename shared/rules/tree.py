"""YAML text -> a small tree of texts, lists and maps, each with its place. Hostile YAML gives faults, never a bomb.

Scalars stay text: what `no`, `1e3` or `2026-01-01` means is for the one who asks, not for YAML to guess.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

import yaml

from shared.rules.faults import Faults, Place, meant, quoted

MAX_TEXT_CHARS = 4_000_000
MAX_NODES = 500_000
MAX_DEPTH = 40

# YAML 1.1 section 5.1, less the byte order mark in the middle of a text.
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as it was written, without its quotes."""

    place: Place
    value: str


@dataclass(frozen=True, slots=True)
class List:
    """A sequence."""

    place: Place
    items: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping; keys are texts, each once."""

    place: Place
    items: dict[str, "Node"] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)

    def refuse_unknown(
        self, known: frozenset[str], faults: Faults, what: str, others: Mapping[str, str] | None = None
    ) -> None:
        """Note a fault for each key that is not known here; `others`: words of other programs, and ours for them."""
        for key, place in self.keys.items():
            if key not in known:
                faults.add(place, f"unknown key {quoted(key)} in {what}{meant(key, known, others)}")

    def text(self, key: str, faults: Faults) -> str | None:
        """Return the text under a key; anything else there is a fault."""
        node = self.items.get(key)
        if node is None or isinstance(node, Text):
            return node.value if node else None
        faults.add(node.place, f"{quoted(key)} must be a single text")
        return None

    def flag(self, key: str, faults: Faults, *, default: bool = False) -> bool:
        """Return true or false under a key."""
        node = self.items.get(key)
        return default if node is None else read_bool(node, faults, key)


Node: TypeAlias = Text | List | Map


def read_bool(node: Node, faults: Faults, what: str) -> bool:
    """Read `true` or `false`."""
    value = node.value.lower() if isinstance(node, Text) else ""
    if value not in {"true", "false"}:
        faults.add(node.place, f"{quoted(what)} must be true or false")
    return value == "true"


def read_tree(text: str, file: str, faults: Faults) -> Node | None:
    """Read one YAML document; None, and a fault, if it is none, or larger or deeper than rules have any need to be."""
    start = Place(file=file, line=1, column=1)
    if len(text) > MAX_TEXT_CHARS:
        faults.add(start, "the file is too large")
        return None
    odd = _NOT_YAML.search(text)
    if odd is not None:
        line = text.count("\n", 0, odd.start()) + 1
        column = odd.start() - text.rfind("\n", 0, odd.start())
        faults.add(Place(file=file, line=line, column=column), "a character that YAML does not allow")
        return None
    builder = _Builder(file, faults)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):
            builder.take(event)
    except _StopReading:
        return None
    except yaml.MarkedYAMLError as error:
        _add_unreadable(error, text, start, faults)
        return None
    return builder.root or Map(start)


def _add_unreadable(error: yaml.MarkedYAMLError, text: str, start: Place, faults: Faults) -> None:
    """Note what is not YAML: where something was left open rather than where the file ends; a tab by its name."""
    mark, opened = error.problem_mark or error.context_mark, error.context_mark
    problem = str(error.problem or error.context)
    lines = text.rstrip().split("\n")
    if mark is not None and mark.line >= len(lines) and opened is not None and opened.line < len(lines):
        mark, problem = opened, "what starts here has no end: a quote or a bracket is left open"
    elif mark is not None and lines[min(mark.line, len(lines) - 1)][mark.column : mark.column + 1] == "\t":
        problem = "a tab stands here; indent with blanks"
    elif mark is not None and opened is not None and opened.line < mark.line:
        problem += f", in what starts in line {opened.line + 1}"
    place = Place(file=start.file, line=mark.line + 1, column=mark.column + 1) if mark else start
    faults.add(place, f"not readable as YAML: {problem}")


class _StopReading(Exception):
    """Reading this file further has no sense."""


class _Builder:
    """Builds the tree from parse events, without recursion."""

    def __init__(self, file: str, faults: Faults) -> None:
        self.file = file
        self.faults = faults
        self.root: Node | None = None
        self.open: list[tuple[List | Map, Text | None]] = []
        self.nodes = 0

    def take(self, event: yaml.Event) -> None:
        """Take one parse event."""
        if isinstance(event, yaml.AliasEvent):
            self._stop(event, "aliases (*name) are not allowed in rules")
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self._stop(event, "only one YAML document per file")

    def _node(self, event: yaml.NodeEvent) -> None:
        place = self._place(event)
        tag = getattr(event, "tag", None)
        if (tag is not None and tag != "!") or event.anchor is not None:
            self._stop(event, "tags (!x) and anchors (&x) are not allowed in rules")
        self.nodes += 1
        if self.nodes > MAX_NODES or len(self.open) >= MAX_DEPTH:
            self._stop(event, "nested too deeply" if self.nodes <= MAX_NODES else "too many entries")
        if isinstance(event, yaml.ScalarEvent):
            self._place_node(Text(place, event.value))
            return
        node: List | Map = List(place) if isinstance(event, yaml.SequenceStartEvent) else Map(place)
        self._place_node(node)
        self.open.append((node, None))

    def _place_node(self, node: Node) -> None:
        if not self.open:
            self.root = node
            return
        parent, key = self.open[-1]
        if isinstance(parent, List):
            parent.items.append(node)
        elif key is None:
            self._key(parent, node)
        else:
            self.open[-1] = (parent, None)
            parent.items.setdefault(key.value, node)

    def _key(self, parent: Map, node: Node) -> None:
        if not isinstance(node, Text):
            self.faults.add(node.place, "a key must be a single text")
            raise _StopReading
        if node.value in parent.keys:
            self.faults.add(node.place, f"{quoted(node.value)} stands here twice")
        parent.keys.setdefault(node.value, node.place)
        self.open[-1] = (parent, node)

    def _stop(self, event: yaml.Event, text: str) -> NoReturn:
        self.faults.add(self._place(event), text)
        raise _StopReading

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        return Place(file=self.file, line=mark.line + 1 if mark else 1, column=mark.column + 1 if mark else 1)
