"""What a rule set is made of: rules with their tests, categories, named lists, and where each condition stands."""

from dataclasses import dataclass, field

from shared.rules.expression import Expression
from shared.rules.faults import Place
from shared.rules.model import Action
from shared.rules.tree import Node, Text
from shared.rules.truth import Matcher


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionInfo:
    """One condition of a rule; its index in RuleSet.conditions is its position in Decision.trace.

    `part`: the part of the mail it asks (`text`, `structure`, `header:<name>`), None for what every fetch brings.
    """

    rule: str
    file: str
    line: int
    text: str
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedList:
    """Texts under one name, for conditions to compare with."""

    name: str
    place: Place
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """What a mail can be. `description` is for people, and for the LLM."""

    name: str
    description: str = ""
    actions: tuple[Action, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """A rule's own test: a mail in YAML, whether the rule's conditions hold for it, and what all rules make of it.

    What is None is not tested. `category`, `actions` and `uncertain` are about the decision of the whole rule set.
    """

    place: Place
    mail: Node
    matches: bool | None = None
    category: str | None = None
    actions: tuple[Action, ...] | None = None
    uncertain: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions, and what follows when they hold. `continues`: later rules are asked too.

    `expression` is in asking order, `matcher` its quick form; its conditions stand in the trace from `first` up to,
    but not at, `end`.
    """

    name: str
    place: Place
    expression: Expression = field(repr=False)
    matcher: Matcher = field(repr=False, compare=False)
    first: int = 0
    end: int = 0
    category: str | None = None
    actions: tuple[Action, ...] = ()
    continues: bool = False
    tests: tuple[RuleTest, ...] = ()
