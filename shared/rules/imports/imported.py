"""Imported rules -> YAML that people read and load_rules takes, and remarks on what is not as it was."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import yaml

from shared.errors import InvalidRules
from shared.rules.faults import Fault, Place, quoted, raise_faults
from shared.rules.imports.approximation import Condition, either, size_of
from shared.rules.imports.names import UniqueNames
from shared.rules.language import MAX_EXTRA_HEADERS
from shared.rules.load import load_rules

MAX_IMPORTED_RULES = 5_000
MAX_CONDITION_SIZE = 25_000
MAX_SIZE = 200_000
"""Texts, keys and maps of all conditions together."""
WIDTH = 110
TO_BE_WRITTEN = "(to be written)"
"""Stands where nothing is known of a condition; no rule set with it loads."""
CLOSING_NAME = "imported-decided"

_FAULT_PLACE = re.compile(r"^rules:\d+:\d+: ", re.MULTILINE)


class Effect(StrEnum):
    """What became of a part: not there, there for less mail, or there in another form."""

    LEFT_OUT = "left out"
    NARROWED = "narrowed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A part of the original that is not as it was, where it stands, and why."""

    place: Place
    effect: Effect
    part: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.effect}: {_on_one_line(self.part)}: {_on_one_line(self.reason)}"


def is_move(action: Any) -> bool:
    """Whether an action, as it stands under `then:`, is a move."""
    return action in {"archive", "trash", "junk"} if isinstance(action, str) else "move" in action


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRule:
    """A rule of ours made from one of theirs; `asleep` says why it is written as a comment only."""

    name: str
    place: Place
    origin: str
    when: Condition
    then: tuple[Any, ...]
    goes_on: bool = False
    asleep: str = ""

    @property
    def moves(self) -> bool:
        """Whether one of the actions is a move."""
        return any(map(is_move, self.then))

    @property
    def marks(self) -> bool:
        """Whether one of the actions is no move."""
        return any(one != "keep" and not is_move(one) for one in self.then)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The YAML, how many rules act in it, how many stand there as comments, and the remarks in order."""

    text: str
    rules: int
    asleep: int
    remarks: tuple[Remark, ...]


def finish(heading: Sequence[str], rules: Iterable[ImportedRule], remarks: Iterable[Remark]) -> Imported:
    """Return the YAML of these rules; what our language refuses stands there as a comment, with a remark."""
    noted = list(remarks)
    names = UniqueNames()
    made = [replace(rule, name=names.take(rule.name)) for rule in rules]
    _refuse_too_many(made)
    made = _settled(made if _is_loadable(made) else _with_few_headers([_loadable(rule, noted) for rule in made], noted))
    awake = [rule for rule in made if not rule.asleep]
    noted.sort(key=lambda remark: (remark.place.line, remark.place.column))
    made += _closing(awake, names)
    text = _document(heading, made)
    load_rules(text)
    asleep = sum(bool(rule.asleep) for rule in made)
    return Imported(text=text, rules=len(awake), asleep=asleep, remarks=tuple(noted))


def _refuse_too_many(rules: Sequence[ImportedRule]) -> None:
    size = 0
    for number, rule in enumerate(rules):
        size += size_of(rule.when)
        if number >= MAX_IMPORTED_RULES or size > MAX_SIZE:
            raise_faults(
                [Fault(place=rule.place, text="too much to import: this and what follows makes too many rules")]
            )


def _is_loadable(rules: Sequence[ImportedRule]) -> bool:
    try:
        load_rules(_document((), rules))
    except InvalidRules:
        return False
    return True


def _loadable(rule: ImportedRule, remarks: list[Remark]) -> ImportedRule:
    """Return the rule as it is, or asleep if our language refuses it."""
    if rule.asleep:
        return rule
    if size_of(rule.when) > MAX_CONDITION_SIZE:
        reason = "it has too many conditions"
    else:
        try:
            load_rules(_document((), [rule]))
        except InvalidRules as error:
            reason = _FAULT_PLACE.sub("", error.detail.splitlines()[0])
        else:
            return rule
    remarks.append(Remark(place=rule.place, effect=Effect.LEFT_OUT, part=rule.origin, reason=reason))
    return replace(rule, asleep=reason)


def _with_few_headers(rules: list[ImportedRule], remarks: list[Remark]) -> list[ImportedRule]:
    """Put rules to sleep that would name more header fields than a rule set may."""
    fields: set[str] = set()
    found = []
    for rule in rules:
        wanted = fields if rule.asleep else fields | set(load_rules(_document((), [rule])).extra_headers)
        if len(wanted) <= MAX_EXTRA_HEADERS:
            fields = wanted
            found.append(rule)
            continue
        reason = f"rules may name {MAX_EXTRA_HEADERS} header fields beyond the usual ones"
        remarks.append(Remark(place=rule.place, effect=Effect.LEFT_OUT, part=rule.origin, reason=reason))
        found.append(replace(rule, asleep=reason))
    return found


def _settled(rules: list[ImportedRule]) -> list[ImportedRule]:
    """Let a rule end the search where going on would add nothing: of two moves the first wins anyway."""
    later_marks, later_rules = False, False
    found = []
    for rule in reversed(rules):
        ends = not later_marks if rule.moves else not later_rules
        found.append(replace(rule, goes_on=rule.goes_on and not ends))
        if not rule.asleep:
            later_marks, later_rules = later_marks or rule.marks, True
    return found[::-1]


def _closing(awake: list[ImportedRule], names: UniqueNames) -> list[ImportedRule]:
    """Return the rule that decides mail which only rules that go on have matched, if there is such mail."""
    going_on = [rule for rule in awake if rule.goes_on]
    if not going_on or (awake[-1].when is True and not awake[-1].goes_on):
        return []
    origin = "mail that only rules with continue match is decided here; nothing more is done to it"
    when = either(rule.when for rule in going_on)
    name, place = names.take(CLOSING_NAME), awake[-1].place
    return [ImportedRule(name=name, place=place, origin=origin, when=when, then=("keep",))]


def _document(heading: Iterable[str], rules: Sequence[ImportedRule]) -> str:
    lines = [f"# {line}".rstrip() for line in heading]
    is_empty = all(rule.asleep for rule in rules)
    lines += ["version: 1", "rules: []" if is_empty else "rules:"]
    for rule in rules:
        lines += ["", f"  # {_on_one_line(rule.origin)}"]
        if rule.asleep:
            lines.append(f"  # not carried over: {_on_one_line(rule.asleep)}")
        lines += [f"  # {line}" if rule.asleep else f"  {line}" for line in _rule_lines(rule)]
    return "\n".join(lines) + "\n"


def _rule_lines(rule: ImportedRule) -> list[str]:
    if isinstance(rule.when, bool) and not rule.when:
        return []
    then = rule.then[0] if len(rule.then) == 1 else list(rule.then)
    always = TO_BE_WRITTEN if rule.asleep else "always"
    entry: dict[str, Any] = {"name": rule.name, "when": always if rule.when is True else rule.when, "then": then}
    if rule.goes_on:
        entry["continue"] = True
    seen = _is_visible(entry)
    return yaml.dump(
        [entry], Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=seen, default_flow_style=None
    ).splitlines()


def _is_visible(value: object) -> bool:
    """Whether every text in it can be written as it is."""
    if isinstance(value, dict):
        return all(map(_is_visible, value.values()))
    return all(map(_is_visible, value)) if isinstance(value, list) else str(value).isprintable()


class _Dumper(yaml.SafeDumper):
    """Writes shared values out each time: rules know no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _on_one_line(text: str) -> str:
    return quoted(text, limit=160)[1:-1]
