"""What a rule set needs to know of a mail: what every fetch brings, and what is fetched when a decision hangs on it."""

from dataclasses import dataclass

from shared.rules.rule_set import RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPlan:
    """`headers`: fields to ask for with every mail, beyond the constant list, in lower case and sorted.

    `parts`: what conditions may want of a mail later on (`text`, `structure`), where a decision hangs on it.
    """

    headers: tuple[str, ...] = ()
    parts: frozenset[str] = frozenset()


def fetch_plan(rule_set: RuleSet) -> FetchPlan:
    """Return what this rule set needs. Header fields are small and come with each mail, bodies only on demand."""
    parts = {info.part for info in rule_set.conditions if info.part is not None}
    headers = {part.removeprefix("header:") for part in parts if part.startswith("header:")}
    return FetchPlan(
        headers=tuple(sorted(headers)), parts=frozenset(part for part in parts if not part.startswith("header:"))
    )
