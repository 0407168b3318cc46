"""Which rules a mail may match, found without asking each: a table of keys and one automaton per field.

A rule is skipped only if the conditions that guard it are all false, so that nothing but the time depends on the
index: the trace of a skipped rule says `f` for its guard and `-` for the rest, as asking it would.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol, TypeAlias

import re2

from shared.rules.expression import Guard, LookedUp, guard_of
from shared.rules.folding import normalised
from shared.rules.patterns import pattern_options
from shared.rules.questions import Matches, OneOf
from shared.rules.rule import Rule
from shared.rules.truth import FALSE, NOT_ASKED
from shared.rules.view import ADDRESS_FIELDS, MailView

MIN_RULES = 16
MIN_GUARDS = {"keys": 4, "contains": 8, "ends": 8, "matches": 3}
"""Fewer rules, or fewer conditions of a kind on one field, are quicker asked than looked up."""
_AUTOMATON_BYTES = 16 << 20

Numbers: TypeAlias = Sequence[int]
"""Rules by their place in the rule set."""


class _Group(Protocol):
    """Guards that are looked up together; `first` and `numbers` are the rules they guard."""

    first: int

    def fired(self, view: MailView) -> Numbers | set[int]:
        """Return the rules of which a guard is true, or unknown."""
        ...


@dataclass(slots=True)
class _Keys:
    """Guards on the keys and domains of one field: tables."""

    field: str
    numbers: Numbers
    by_key: dict[str, list[int]]
    by_domain: dict[str, list[int]]
    first: int

    def fired(self, view: MailView) -> Numbers | set[int]:
        found: set[int] = set()
        for table, read in ((self.by_key, view.key_set), (self.by_domain, view.domain_set)):
            if not table:
                continue
            keys = read(self.field)
            if keys is None:
                return self.numbers
            for key in keys:
                if key in table:
                    found.update(table[key])
        return found


@dataclass(slots=True)
class _Automaton:
    """Guards on the texts of a field: one `re2.Set`. Its last pattern always matches, but where the set gave up."""

    read: Callable[[MailView], Sequence[str] | None]
    numbers: Numbers
    by_pattern: list[list[int]]
    automaton: re2.Set
    first: int

    def fired(self, view: MailView) -> Numbers | set[int]:
        texts = self.read(view)
        if texts is None:
            return self.numbers
        found: set[int] = set()
        for text in texts:
            hits = self.automaton.Match(text)
            if hits is None or len(self.by_pattern) not in hits:
                return self.numbers
            for hit in hits:
                if hit < len(self.by_pattern):
                    found.update(self.by_pattern[hit])
        return found


@dataclass(slots=True, kw_only=True)
class RuleIndex:
    """The rules of a set, those that are always asked, and the groups of guards for the others."""

    rules: tuple[Rule, ...]
    always: list[int]
    groups: list[_Group]
    template: bytes

    def candidates(self, view: MailView, trace: bytearray) -> Iterator[Rule]:
        """Yield the rules that may not be false, in order; write into the trace what the others would have said.

        A group is looked up when its first rule would be next: while a rule before it wins, no body is looked at.
        """
        waiting = self.always.copy()
        groups = iter(self.groups)
        group = next(groups, None)
        done = 0
        while True:
            while group is not None and (not waiting or group.first <= waiting[0]):
                for number in group.fired(view):
                    heappush(waiting, number)
                group = next(groups, None)
            if not waiting:
                break
            rule = self.rules[heappop(waiting)]
            while waiting and self.rules[waiting[0]] is rule:
                heappop(waiting)
            trace[done : rule.first] = self.template[done : rule.first]
            done = rule.end
            yield rule
        trace[done:] = self.template[done:]


def build_index(
    rules: tuple[Rule, ...], min_rules: int = MIN_RULES, min_guards: Mapping[str, int] = MIN_GUARDS
) -> RuleIndex | None:
    """Return the index of these rules; None where asking them one by one is quicker."""
    if len(rules) < min_rules:
        return None
    builder = _Builder()
    for number, rule in enumerate(rules):
        guard = guard_of(rule.expression)
        if guard is not None:
            builder.guards[number] = guard
    builder.leave_out_small(min_guards)
    groups = builder.groups()
    if not groups:
        return None
    template = bytearray([NOT_ASKED]) * (rules[-1].end if rules else 0)
    for guard in builder.guards.values():
        for place, _ in guard:
            template[place] = FALSE
    always = [number for number in range(len(rules)) if number not in builder.guards]
    return RuleIndex(
        rules=rules, always=always, groups=sorted(groups, key=lambda one: one.first), template=bytes(template)
    )


_Place: TypeAlias = tuple[str, str]
"""Which group a guard belongs to: the kind of look-up, and the field."""
_Guarded: TypeAlias = list[tuple[int, LookedUp]]
"""Questions, each with the rule it guards."""


def _place_of(question: LookedUp) -> _Place:
    if isinstance(question, OneOf):
        return "keys", question.field
    if isinstance(question, Matches):
        return "matches", question.field
    return ("contains" if question.operator == "contains" else "ends"), question.field


@dataclass(slots=True)
class _Builder:
    """The guarded rules, and their guards by group."""

    guards: dict[int, Guard] = field(default_factory=dict)

    def _by_place(self) -> dict[_Place, _Guarded]:
        found: dict[_Place, _Guarded] = defaultdict(list)
        for number, guard in self.guards.items():
            for _, question in guard:
                found[_place_of(question)].append((number, question))
        return found

    def leave_out_small(self, min_guards: Mapping[str, int]) -> None:
        """Take the guards away from rules that need a group which is too small to be worth its look-up."""
        while small := {place for place, guarded in self._by_place().items() if len(guarded) < min_guards[place[0]]}:
            self._leave_out(small)

    def _leave_out(self, places: set[_Place]) -> None:
        self.guards = {
            number: guard
            for number, guard in self.guards.items()
            if places.isdisjoint(_place_of(question) for _, question in guard)
        }

    def groups(self) -> list[_Group]:
        """Return the groups; a field whose patterns are too much for one automaton has none."""
        found: dict[_Place, _Group] = {}
        while True:
            failed = set()
            found = {}
            for place, guarded in self._by_place().items():
                group = _keys(place[1], guarded) if place[0] == "keys" else _automaton(place, guarded)
                if group is None:
                    failed.add(place)
                else:
                    found[place] = group
            if not failed:
                return list(found.values())
            self._leave_out(failed)


def _keys(name: str, guarded: _Guarded) -> _Group:
    by_key: dict[str, list[int]] = defaultdict(list)
    by_domain: dict[str, list[int]] = defaultdict(list)
    for number, question in guarded:
        if isinstance(question, OneOf):
            for key in question.keys:
                by_key[key].append(number)
            for domain in question.domains:
                by_domain[domain].append(number)
    numbers = sorted({number for number, _ in guarded})
    return _Keys(name, numbers, dict(by_key), dict(by_domain), numbers[0])


def _automaton(place: _Place, guarded: _Guarded) -> _Group | None:
    kind, name = place
    by_pattern: dict[str, list[int]] = defaultdict(list)
    for number, question in guarded:
        for pattern in _patterns(question):
            by_pattern[pattern].append(number)
    options = pattern_options(_AUTOMATON_BYTES)
    options.case_sensitive = kind != "matches"
    automaton = re2.Set.SearchSet(options)
    try:
        for pattern in (*by_pattern, r"\z"):
            automaton.Add(pattern)
        automaton.Compile()
    except re2.error:
        return None
    numbers = sorted({number for number, _ in guarded})
    return _Automaton(_reader(kind, name), numbers, list(by_pattern.values()), automaton, numbers[0])


def _patterns(question: LookedUp) -> list[str]:
    if isinstance(question, Matches):
        return [normalised(pattern) for pattern in question.patterns]
    if isinstance(question, OneOf):
        return []
    before = r"\A" if question.operator == "starts-with" else ""
    after = r"\z" if question.operator == "ends-with" else ""
    return [f"{before}{re2.escape(text)}{after}" for text in question.texts]


def _reader(kind: str, name: str) -> Callable[[MailView], Sequence[str] | None]:
    """Return the function that reads the texts which the questions of a group look at."""
    if kind == "contains":
        return lambda view: view.folded(name)
    if kind == "ends":
        return lambda view: view.keys(name)
    if name not in ADDRESS_FIELDS:
        return lambda view: view.texts(name)

    def read(view: MailView) -> Sequence[str] | None:
        texts = view.texts(name)
        return None if texts is None else [*texts, *(view.keys(name) or ())]

    return read
