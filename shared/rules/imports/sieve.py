"""Sieve scripts -> our rules: every way through the script that does something becomes a rule, in the script's order.

A mail that ends its way through the script must not meet the rules of later commands. Where the test that ends it can
only be said roughly, a rule that keeps the mail stands behind, with the broader condition; where it cannot be said at
all, later rules are written as comments.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from itertools import groupby

from shared.rules.faults import Fault, Place, quoted, raise_faults
from shared.rules.imports.approximation import ALWAYS, UNKNOWN, Approximation, Condition, all_of, none_of, size_of
from shared.rules.imports.imported import MAX_CONDITION_SIZE, Effect, Imported, ImportedRule, Remark, finish
from shared.rules.imports.names import rule_name
from shared.rules.imports.sieve_actions import ActionReader, Effects
from shared.rules.imports.sieve_script import Command, read_script
from shared.rules.imports.sieve_tests import TestReader

MAX_WORK = 600_000
"""Texts, keys and maps of the conditions of all ways through the script together."""
NEVER_TRUE = "its test is never true"
UNKNOWN_STOP = "the script may end"
NOT_SAID = "its test cannot be said here without holding for more mail"
_NAMED = re.compile(
    r"rule:\[(?P<roundcube>[^\]\n]*)\]|(?:rulename|filter(?: name)?): *(?P<named>[^|\n]*)", re.IGNORECASE
)
_BRANCHES = frozenset({"if", "elsif", "else"})
_STOPS = frozenset({"stop", "return"})

HEADING = (
    "Made from a Sieve script. Read it before you push it. What could not be carried over is a comment: it may hold",
    "for more mail than the script did. A mail goes where the script first files it.",
)


class After(Enum):
    """What comes after a block for the mail that ran through it."""

    GOES_ON = auto()
    ENDS = auto()
    """Its way ends, and it must not meet the rules that follow."""
    LAST = auto()
    """Its way ends, and no rule follows that it could meet."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """What comes after a block, and where that is said."""

    after: After
    place: Place


def import_sieve(octets: bytes, file: str, *, past_unknown_stops: bool = False) -> Imported:
    """Import a Sieve script; InvalidRules with a place if it is none.

    `past_unknown_stops`: rules also act on mail for which the script may have ended before, by a test not known here.
    """
    start = Place(file=file, line=1, column=1)
    try:
        script = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise_faults([Fault(place=start, text="not a UTF-8 text")])
        raise
    commands = read_script(script.replace("\0", " "), file)
    wanted = {text for one in commands if one.name == "require" for texts in one.arguments for text in _texts(texts)}
    importer = _Importer(
        substitutes=bool(wanted & {"variables", "encoded-character"}), past_unknown_stops=past_unknown_stops
    )
    importer.block(commands, ALWAYS, _Ending(After.LAST, start))
    importer.throw_away()
    return finish(HEADING, importer.rules, importer.remarks)


def _texts(argument: object) -> list[str]:
    return argument if isinstance(argument, list) else []


@dataclass(slots=True)
class _Importer:
    """Walks through the script. `dead` says why no later rule may act: something unknown may have ended the way."""

    substitutes: bool
    past_unknown_stops: bool
    rules: list[ImportedRule] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    dead: str = ""
    size: int = 0
    unsaid: list[Condition] = field(default_factory=list)
    """Conditions under which a command may have filed a mail that our rules do not file."""
    discarded: list[tuple[Effects, Approximation, str, str]] = field(default_factory=list)

    def block(self, commands: Sequence[Command], path: Approximation, ending: "_Ending", comment: str = "") -> None:
        """Make rules of a block; `path` is the condition under which the script comes here."""
        stop = next((one for one in commands if one.name in _STOPS), None)
        if stop is not None:
            at = commands.index(stop)
            for unreached in commands[at + 1 : at + 2]:
                self._remark(unreached.place, Effect.LEFT_OUT, str(unreached), "the script ends before it comes here")
            commands = commands[:at]
            ending = _Ending(After.ENDS if ending.after is After.GOES_ON else ending.after, stop.place)
        parts = [list(group) for _, group in groupby(commands, key=lambda one: one.name in _BRANCHES)]
        for part in parts:
            after = ending.after if part is parts[-1] else After.GOES_ON
            if part[0].name in _BRANCHES:
                self._branches(part, path, after)
            else:
                self._actions(part, path, after, comment)
        if ending.after is After.ENDS and (not parts or parts[-1][0].name in _BRANCHES):
            effects = Effects(place=ending.place, target="stop", shown="what comes this far ends here")
            self._rule(effects, path, After.ENDS, "")

    def _branches(self, commands: Sequence[Command], path: Approximation, after: After) -> None:
        chains = _chains(commands)
        for chain in chains:
            self._chain(chain, path, after if chain is chains[-1] else After.GOES_ON)

    def _chain(self, chain: Sequence[Command], path: Approximation, after: After) -> None:
        """Make rules of if, elsif and else. Where the branches end the way, their order does what `elsif` says."""
        earlier: list[Approximation] = []
        for at, branch in enumerate(chain):
            block = branch.block or ()
            tests = TestReader(substitutes=self.substitutes)
            test = tests.condition(branch.tests[0]) if branch.tests else ALWAYS
            way = self._bounded(all_of([path, *map(none_of, earlier), test]), branch.place)
            is_earlier = after is not After.GOES_ON and at < len(chain) - 1
            self._note(tests, way)
            self.block(block, way, _Ending(After.ENDS if is_earlier else after, branch.place), branch.comment)
            is_final = self._files(block) and way.is_exact and not self.dead
            if after is After.GOES_ON and not is_final and not any(one.name in _STOPS for one in block):
                earlier.append(test)

    def _files(self, block: Sequence[Command]) -> bool:
        """Whether a block files the mail in any case: then its rule ends the way, as `elsif` wants it."""
        if not block or any(one.block is not None for one in block):
            return False
        effects = ActionReader(substitutes=self.substitutes).read(block)
        return effects.files and not effects.asleep

    def _bounded(self, way: Approximation, place: Place) -> Approximation:
        """Return the way, or what is known of any way where it has become too long to follow."""
        size = size_of(way.at_least) + size_of(way.at_most)
        self.size += size
        if self.size > MAX_WORK:
            raise_faults([Fault(place=place, text="too much to import: the conditions up to here are too long")])
        if size <= MAX_CONDITION_SIZE:
            return way
        self._remark(place, Effect.LEFT_OUT, "what comes here", "the conditions up to here are too long")
        return UNKNOWN

    def _note(self, tests: TestReader, way: Approximation) -> None:
        effect = Effect.LEFT_OUT if way.at_least is False else Effect.NARROWED
        self.remarks += [
            Remark(place=place, effect=effect, part=part, reason=why) for place, part, why in tests.reasons
        ]

    def _actions(self, commands: Sequence[Command], path: Approximation, after: After, comment: str) -> None:
        reader = ActionReader(substitutes=self.substitutes)
        effects = reader.read(commands)
        self.remarks += reader.remarks
        comment = comment or commands[0].comment
        if effects.discards and not effects.asleep:
            if after is After.GOES_ON:
                self.discarded.append((replace(effects, then=["trash"]), path, comment, self.dead))
                effects = replace(effects, then=effects.then[:-1], discards=False)
            else:
                path = self._filed_by_nothing(path, effects.place)
        is_needed = effects.files and (after is After.GOES_ON or bool(self.discarded))
        if effects.then or effects.asleep or after is After.ENDS or is_needed:
            self._rule(effects, path, after, comment)
        if reader.may_stop and not self.past_unknown_stops:
            self.dead = self.dead or reader.may_stop
            self.unsaid.append(True)

    def throw_away(self) -> None:
        """Add rules for what was discarded on a way that went on: last, for what nothing later files."""
        for effects, path, comment, dead in self.discarded:
            self.dead = dead
            self._rule(effects, self._filed_by_nothing(path, effects.place), After.LAST, comment)

    def _filed_by_nothing(self, path: Approximation, place: Place) -> Approximation:
        """Return the path without what a command that could not be carried over may have filed."""
        filed = [none_of(Approximation(False, one)) for one in self.unsaid]
        return self._bounded(Approximation(all_of([path, *filed]).at_least, path.at_most), place)

    def _rule(self, effects: Effects, path: Approximation, after: After, comment: str) -> None:
        """Add a rule for what happens on this path, and what holds mail back behind it."""
        asleep = self.dead or effects.asleep
        if path.at_least is False:
            asleep = asleep or (NEVER_TRUE if path.at_most is False else NOT_SAID)
        if asleep and effects.then:
            self._remark(effects.place, Effect.LEFT_OUT, effects.shown, asleep)
        rule = ImportedRule(
            name=_name(comment) or rule_name(effects.target) or f"line-{effects.place.line}",
            place=effects.place,
            origin=f"line {effects.place.line}: {effects.shown}",
            when=path.at_most if asleep else path.at_least,
            then=tuple(effects.then) or ("keep",),
            goes_on=after is After.GOES_ON and not effects.files,
            asleep=asleep,
        )
        self.rules.append(rule)
        if effects.files and (asleep or not path.is_exact):
            self.unsaid.append(path.at_most)
        if after is After.ENDS and not self.dead and (asleep or not path.is_exact):
            self._hold_back(rule, path)

    def _hold_back(self, rule: ImportedRule, path: Approximation) -> None:
        """Keep mail that may have ended here in Sieve from later rules."""
        if path.at_most is False:
            return
        line = rule.place.line
        if self.past_unknown_stops:
            reason = "later rules may act on mail that ended here"
            self._remark(rule.place, Effect.CHANGED, rule.origin, reason)
        elif path.at_most is True:
            self.dead = f"{UNKNOWN_STOP} on line {line}, for mail that cannot be told from other mail here"
        else:
            reason = "mail that may have ended here is held back from later rules"
            self._remark(rule.place, Effect.CHANGED, rule.origin, reason)
            origin = f"{UNKNOWN_STOP} on line {line} for this mail: later rules leave it alone"
            name = f"{rule.name}-held-back"
            self.rules.append(
                ImportedRule(name=name, place=rule.place, origin=origin, when=path.at_most, then=("keep",))
            )

    def _remark(self, place: Place, effect: Effect, part: str, reason: str) -> None:
        self.remarks.append(Remark(place=place, effect=effect, part=part, reason=reason))


def _chains(commands: Sequence[Command]) -> list[list[Command]]:
    """Cut a run of if, elsif and else at each if."""
    found: list[list[Command]] = []
    for one in commands:
        wants_test = one.name != "else"
        if one.name == "if":
            found.append([])
        if not found or (len(found[-1]) > 0 and found[-1][-1].name == "else"):
            raise_faults([Fault(place=one.place, text=f"{quoted(one.name)} stands behind no if")])
        if one.block is None or len(one.tests) != wants_test:
            raise_faults([Fault(place=one.place, text=f"{quoted(one.name)} needs a test and a block in braces")])
        found[-1].append(one)
    return found


def _name(comment: str) -> str:
    """Return the rule's name from the comment above it, as webmail programs write it, or made of its last line."""
    found = _NAMED.search(comment)
    if found:
        return rule_name(found["roundcube"] or found["named"] or "")
    lines = [line.strip(" #*=-") for line in comment.splitlines()]
    return rule_name(lines[-1]) if lines else ""
