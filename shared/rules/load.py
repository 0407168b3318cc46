"""YAML text -> RuleSet. All faults are raised as one InvalidRules, one `file:line:column: text` per line."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.rules.actions import read_actions
from shared.rules.conditions import ConditionReader
from shared.rules.faults import Fault, Faults, Place, meant, quoted, raise_faults
from shared.rules.model import Action
from shared.rules.rule_set import Category, Rule, RuleSet, RuleTest
from shared.rules.tree import List, Map, Node, read_bool, read_tree
from shared.rules.truth import all_of

VERSION = "1"
MAX_RULES = 10_000
MAX_CATEGORIES = 500
MAX_DESCRIPTION_CHARS = 500

_NAME = re.compile(r"[^\W_][\w.-]{0,79}")
_FILE_KEYS = frozenset({"version", "categories", "rules"})
_CATEGORY_KEYS = frozenset({"description", "then"})
_RULE_KEYS = frozenset({"name", "when", "category", "then", "continue", "tests"})
_TEST_KEYS = frozenset({"mail", "matches"})
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
        place = Place(file=path.name, line=1, column=1)
        try:
            content = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise_faults([Fault(place=place, text="not a UTF-8 text")])
        except OSError as error:
            raise_faults([Fault(place=place, text=f"cannot be read: {error.strerror}")])
        else:
            parts.append(f"--- # file: {path.name}\n{content.rstrip()}\n")
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
    waiting: list[Map] = field(default_factory=list)

    def read_file(self, root: Node) -> None:
        """Read one file's categories now; its rules wait until all categories are known."""
        if not isinstance(root, Map):
            self.faults.add(root.place, "rules are a map with version, categories and rules")
            return
        root.refuse_unknown(_FILE_KEYS, self.faults, "the file")
        version = root.text("version", self.faults)
        if version != VERSION:
            where = root.items["version"].place if "version" in root.items else root.place
            self.faults.add(where, f"version: {VERSION} is wanted here")
        categories = root.items.get("categories", Map(root.place))
        if isinstance(categories, Map):
            for name, node in categories.items.items():
                self._category(name, categories.keys[name], node)
        else:
            self.faults.add(categories.place, "categories are a map of names")
        rules = root.items.get("rules", List(root.place))
        for node in rules.items if isinstance(rules, List) else [rules]:
            if isinstance(node, Map) and isinstance(rules, List):
                self.waiting.append(node)
            else:
                self.faults.add(node.place, "rules are a list, each rule a map with a name")

    def _category(self, name: str, place: Place, node: Node) -> None:
        _check_name(name, place, self.faults)
        if name in self.categories:
            self.faults.add(place, f"the category {quoted(name)} stands here twice")
        if len(self.categories) >= MAX_CATEGORIES:
            self.faults.add(place, f"a rule set may have {MAX_CATEGORIES} categories")
        if not isinstance(node, Map):
            self.faults.add(node.place, "a category is a map with description and then")
            return
        node.refuse_unknown(_CATEGORY_KEYS, self.faults, "a category")
        description = node.text("description", self.faults) or ""
        if len(description) > MAX_DESCRIPTION_CHARS:
            self.faults.add(place, f"a description may have {MAX_DESCRIPTION_CHARS} characters")
        actions = read_actions(node.items["then"], self.faults) if "then" in node.items else ()
        self.categories[name] = Category(name=name, description=description, actions=actions)

    def finish(self, text: str) -> RuleSet:
        """Read the waiting rules; return the rule set or raise all faults."""
        if len(self.waiting) > MAX_RULES:
            self.faults.add(self.waiting[MAX_RULES].place, f"a rule set may have {MAX_RULES} rules")
        reader = ConditionReader(faults=self.faults)
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
            rules=tuple(rules),
            conditions=tuple(reader.conditions),
            extra_headers=tuple(sorted(reader.headers)),
            text=text,
            digest=hashlib.sha256(text.encode()).hexdigest(),
        )

    def _rule(self, node: Map, reader: ConditionReader) -> Rule:
        node.refuse_unknown(_RULE_KEYS, self.faults, "a rule")
        name = node.text("name", self.faults) or ""
        place = node.keys.get("name", node.place)
        _check_name(name, place, self.faults)
        reader.rule = name
        if "when" not in node.items:
            self.faults.add(place, f"the rule {quoted(name)} has no when")
            return Rule(name=name, place=place, matcher=all_of([]))
        category, actions = self._effect(node, place)
        return Rule(
            name=name,
            place=place,
            matcher=reader.read(node.items["when"]),
            category=category,
            actions=actions,
            continues=node.flag("continue", self.faults),
            tests=self._tests(node),
        )

    def _effect(self, node: Map, place: Place) -> tuple[str | None, tuple[Action, ...]]:
        category = node.text("category", self.faults)
        if category is not None and category not in self.categories:
            where = node.items["category"].place
            known = meant(category, self.categories) if self.categories else ""
            self.faults.add(where, f"there is no category {quoted(category)}{known}")
        if "then" in node.items:
            return category, read_actions(node.items["then"], self.faults)
        if category is None:
            self.faults.add(place, 'a rule needs a category or a then; to leave mail where it is, write "then: keep"')
        return category, self.categories[category].actions if category in self.categories else ()

    def _tests(self, node: Map) -> tuple[RuleTest, ...]:
        tests = node.items.get("tests", List(node.place))
        found = []
        for item in tests.items if isinstance(tests, List) else [tests]:
            if not isinstance(item, Map) or not isinstance(tests, List):
                self.faults.add(item.place, "tests are a list of {mail: {…}, matches: true or false}")
                continue
            item.refuse_unknown(_TEST_KEYS, self.faults, "a test")
            mail = item.items.get("mail")
            if mail is None or "matches" not in item.items:
                self.faults.add(item.place, "a test needs mail and matches")
                continue
            matches = read_bool(item.items["matches"], self.faults, "matches")
            found.append(RuleTest(place=item.place, mail=mail, matches=matches))
        return tuple(found)


def _check_name(name: str, place: Place, faults: Faults) -> None:
    if not _NAME.fullmatch(name):
        faults.add(place, f"{quoted(name)} is no name: 1 to 80 letters, digits, - _ . are")
