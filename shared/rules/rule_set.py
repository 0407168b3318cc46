"""A rule set: categories and rules, loaded and ready to decide."""

from dataclasses import dataclass, field
from functools import cached_property

from shared.records import ActionKind
from shared.rules.faults import Place
from shared.rules.model import Action
from shared.rules.tree import Node
from shared.rules.truth import Matcher


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionInfo:
    """One condition of a rule; its index in RuleSet.conditions is its position in Decision.trace."""

    rule: str
    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """What a mail can be. `description` is for people, and for the LLM."""

    name: str
    description: str = ""
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """A rule's own test: a mail in YAML, and whether the rule's conditions hold for it."""

    place: Place
    mail: Node
    matches: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions, and what follows when they hold. `continues`: later rules are asked too."""

    name: str
    place: Place
    matcher: Matcher = field(repr=False, compare=False)
    category: str | None = None
    actions: tuple[Action, ...] = ()
    continues: bool = False
    tests: tuple[RuleTest, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """All rules in their order. `text` is the YAML they came from, `digest` the SHA-256 of that text.

    `extra_headers`: fields that rules name beyond those every fetch asks for, in lower case.
    """

    categories: dict[str, Category]
    rules: tuple[Rule, ...]
    conditions: tuple[ConditionInfo, ...]
    extra_headers: tuple[str, ...]
    text: str = field(repr=False)
    digest: str

    @cached_property
    def target_mailboxes(self) -> tuple[str, ...]:
        """Mailbox names and special-use roles that some decision may move a mail to, sorted."""
        actions = [action for rule in self.rules for action in rule.actions]
        actions += [action for category in self.categories.values() for action in category.actions]
        return tuple(sorted({action.target for action in actions if action.kind is ActionKind.MOVE}))
