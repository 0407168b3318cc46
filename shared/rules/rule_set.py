"""A rule set: categories and rules, loaded and ready to decide."""

from dataclasses import dataclass, field
from functools import cached_property

from shared.records import ActionKind
from shared.rules.index import RuleIndex, build_index
from shared.rules.rule import Category, ConditionInfo, NamedList, Rule, RuleTest

__all__ = ["Category", "ConditionInfo", "NamedList", "Rule", "RuleSet", "RuleTest"]


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """All rules in their order. `text` is the YAML they came from, `digest` the SHA-256 of that text.

    `extra_headers`: fields that rules name beyond those every fetch asks for, in lower case.
    """

    categories: dict[str, Category]
    lists: dict[str, NamedList] = field(default_factory=dict)
    unused_lists: tuple[str, ...] = ()
    rules: tuple[Rule, ...]
    conditions: tuple[ConditionInfo, ...]
    extra_headers: tuple[str, ...]
    text: str = field(repr=False)
    digest: str

    @cached_property
    def index(self) -> RuleIndex | None:
        """What finds the rules a mail may match; None where there are few."""
        return build_index(self.rules)

    @cached_property
    def target_mailboxes(self) -> tuple[str, ...]:
        """Mailbox names and special-use roles that some decision may move a mail to, sorted."""
        actions = [action for rule in self.rules for action in rule.actions]
        actions += [action for category in self.categories.values() for action in category.actions]
        return tuple(sorted({action.target for action in actions if action.kind is ActionKind.MOVE}))
