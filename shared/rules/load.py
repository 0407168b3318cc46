"""YAML text -> RuleSet. All faults are raised as one InvalidRules, one `file:line:column: text` per line."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.rules.actions import read_actions
from shared.rules.conditions import ConditionReader
from shared.rules.expression import AllOf, in_asking_order
from shared.rules.faults import Fault, Faults, Place, meant, quoted, raise_faults, shown_name
from shared.rules.language import (
    CATEGORY_KEYS,
    FILE_KEYS,
    MAX_CATEGORIES,
    MAX_DESCRIPTION_CHARS,
    MAX_LISTS,
    MAX_RULES,
    RULE_KEYS,
    TEST_EXPECTATIONS,
    TEST_KEYS,
    VERSION,
)
from shared.rules.model import Action
from shared.rules.rule import Category, NamedList, Rule, RuleTest
from shared.rules.rule_set import RuleSet
from shared.rules.tree import MAX_TEXT_CHARS, List, Map, Node, read_tree
from shared.rules.truth import matcher_of
from shared.rules.values import ValueReader, read_list

MAX_FILE_OCTETS = 4 * MAX_TEXT_CHARS
_NAME = re.compile(r"[^\W_][\w.-]{0,79}")
_FILE_LINE = re.compile(r"^--- # file: (\S.*)\n", re.MULTILINE)


def load_rules(text: str, file: str = "rules") -> RuleSet:
    """Load a rule set from its YAML text; several files may follow each other, each after a line `--- # file: NAME`."""
    text = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").rstrip().split("\n")) + "\n"
    loader = _Loader()
    for name, part in _parts(text, file):
        root = read_tree(part, name, loader.faults)
        if root is not None:
            loader.read_file(root)
    return loader.finish(text)


def load_rule_files(paths: Sequence[Path]) -> RuleSet:
    """Load several files as one rule set: their rules in the order of the files."""
    parts = []
    for path in paths:
        name = shown_name(path)
        place = Place(file=name, line=1, column=1)
        try:
            with path.open("rb") as file:
                octets = file.read(MAX_FILE_OCTETS + 1)
            content = octets[:MAX_FILE_OCTETS].decode("utf-8-sig")
        except UnicodeDecodeError:
            raise_faults([Fault(place=place, text="not a UTF-8 text")])
        except OSError as error:
            raise_faults([Fault(place=place, text=f"cannot be read: {error.strerror}")])
        else:
            if len(octets) > MAX_FILE_OCTETS:
                raise_faults([Fault(place=place, text="the file is too large")])
            parts.append(f"--- # file: {name}\n{content.rstrip()}\n")
    return load_rules("".join(parts))


def _parts(text: str, file: str) -> list[tuple[str, str]]:
    if not _FILE_LINE.match(text):
        return [(file, text)]
    pieces = _FILE_LINE.split(text)[1:]
    return list(zip(pieces[::2], pieces[1::2], strict=True))


@dataclass(slots=True)
class _Loader:
    """What was read so far, over all files."""

    faults: Faults = field(default_factory=Faults)
    categories: dict[str, Category] = field(default_factory=dict)
    lists: dict[str, NamedList] = field(default_factory=dict)
    waiting: list[Map] = field(default_factory=list)

    def read_file(self, root: Node) -> None:
        """Read one file's lists and categories now; its rules wait until all of both are known."""
        if not isinstance(root, Map):
            self.faults.add(root.place, "rules are a map with version, categories and rules")
            return
        root.refuse_unknown(FILE_KEYS, self.faults, "the file")
        version = root.text("version", self.faults)
        if version != VERSION:
            where = root.items["version"].place if "version" in root.items else root.place
            self.faults.add(where, f"version: {VERSION} is wanted here")
        self._named(root, "lists", self._list)
        self._named(root, "categories", self._category)
        rules = root.items.get("rules", List(root.place))
        for node in rules.items if isinstance(rules, List) else [rules]:
            if isinstance(node, Map) and isinstance(rules, List):
                self.waiting.append(node)
            else:
                self.faults.add(node.place, "rules are a list, each rule a map with a name")

    def _named(self, root: Map, key: str, read: Callable[[str, Place, Node], None]) -> None:
        named = root.items.get(key, Map(root.place))
        if not isinstance(named, Map):
            self.faults.add(named.place, f"{key} are a map of names")
            return
        for name, node in named.items.items():
            _check_name(name, named.keys[name], self.faults)
            read(name, named.keys[name], node)

    def _list(self, name: str, place: Place, node: Node) -> None:
        if name in self.lists:
            self.faults.add(place, f"the list {quoted(name)} stands here twice")
        if len(self.lists) >= MAX_LISTS:
            self.faults.add(place, f"a rule set may have {MAX_LISTS} lists")
        self.lists[name] = read_list(name, place, node, self.faults)

    def _category(self, name: str, place: Place, node: Node) -> None:
        if name in self.categories:
            self.faults.add(place, f"the category {quoted(name)} stands here twice")
        if len(self.categories) >= MAX_CATEGORIES:
            self.faults.add(place, f"a rule set may have {MAX_CATEGORIES} categories")
        if not isinstance(node, Map):
            self.faults.add(node.place, "a category is a map with description and then")
            return
        node.refuse_unknown(CATEGORY_KEYS, self.faults, "a category")
        description = node.text("description", self.faults) or ""
        if len(description) > MAX_DESCRIPTION_CHARS:
            self.faults.add(place, f"a description may have {MAX_DESCRIPTION_CHARS} characters")
        actions = read_actions(node.items["then"], self.faults) if "then" in node.items else ()
        self.categories[name] = Category(name=name, description=description, actions=actions, place=place)

    def finish(self, text: str) -> RuleSet:
        """Read the waiting rules; return the rule set or raise all faults."""
        if len(self.waiting) > MAX_RULES:
            self.faults.add(self.waiting[MAX_RULES].place, f"a rule set may have {MAX_RULES} rules")
        values = ValueReader(faults=self.faults, lists=self.lists)
        reader = ConditionReader(faults=self.faults, values=values)
        rules: list[Rule] = []
        names: set[str] = set()
        for node in self.waiting[:MAX_RULES]:
            rules.append(self._rule(node, reader))
            if rules[-1].name in names:
                self.faults.add(rules[-1].place, f"the rule {quoted(rules[-1].name)} stands here twice")
            names.add(rules[-1].name)
        self.faults.raise_if_any()
        return RuleSet(
            categories=self.categories,
            lists=self.lists,
            unused_lists=tuple(name for name in self.lists if name not in values.used),
            rules=tuple(rules),
            conditions=tuple(reader.conditions),
            extra_headers=tuple(sorted(reader.headers)),
            text=text,
            digest=hashlib.sha256(text.encode()).hexdigest(),
        )

    def _rule(self, node: Map, reader: ConditionReader) -> Rule:
        node.refuse_unknown(RULE_KEYS, self.faults, "a rule")
        name = node.text("name", self.faults) or ""
        place = node.keys.get("name", node.place)
        _check_name(name, place, self.faults)
        reader.rule = name
        if "when" not in node.items:
            self.faults.add(place, f"the rule {quoted(name)} has no when")
            return Rule(name=name, place=place, expression=AllOf(()), matcher=matcher_of(AllOf(()), ()))
        category, actions = self._effect(node, place)
        first = len(reader.conditions)
        expression = in_asking_order(reader.read(node.items["when"]))
        return Rule(
            name=name,
            place=place,
            expression=expression,
            matcher=matcher_of(expression, reader.asks),
            first=first,
            end=len(reader.conditions),
            category=category,
            actions=actions,
            continues=node.flag("continue", self.faults),
            tests=self._tests(node),
        )

    def _effect(self, node: Map, place: Place) -> tuple[str | None, tuple[Action, ...]]:
        category = node.text("category", self.faults)
        self._know_category(node, category)
        if "then" in node.items:
            return category, read_actions(node.items["then"], self.faults)
        if category is None:
            self.faults.add(place, 'a rule needs a category or a then; to leave mail where it is, write "then: keep"')
        return category, self.categories[category].actions if category in self.categories else ()

    def _know_category(self, node: Map, category: str | None) -> None:
        if category is not None and category not in self.categories:
            known = meant(category, self.categories) if self.categories else ""
            self.faults.add(node.items["category"].place, f"there is no category {quoted(category)}{known}")

    def _tests(self, node: Map) -> tuple[RuleTest, ...]:
        tests = node.items.get("tests", List(node.place))
        found = []
        for item in tests.items if isinstance(tests, List) else [tests]:
            if not isinstance(item, Map) or not isinstance(tests, List):
                self.faults.add(item.place, "tests are a list of {mail: {…}, matches: true or false}")
                continue
            item.refuse_unknown(TEST_KEYS, self.faults, "a test")
            if "mail" not in item.items or not TEST_EXPECTATIONS & set(item.items):
                self.faults.add(item.place, "a test needs mail and matches (or category, then, uncertain)")
                continue
            found.append(self._test(item))
        return tuple(found)

    def _test(self, item: Map) -> RuleTest:
        category = item.text("category", self.faults)
        self._know_category(item, category)
        return RuleTest(
            place=item.place,
            mail=item.items["mail"],
            matches=item.flag("matches", self.faults) if "matches" in item.items else None,
            category=category,
            actions=read_actions(item.items["then"], self.faults) if "then" in item.items else None,
            uncertain=item.flag("uncertain", self.faults) if "uncertain" in item.items else None,
        )


def _check_name(name: str, place: Place, faults: Faults) -> None:
    if not _NAME.fullmatch(name):
        faults.add(place, f"{quoted(name)} is no name: a name has 1 to 80 letters, digits, - _ and .")
