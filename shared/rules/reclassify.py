"""Which stored mails the active rules would treat otherwise, and which of them may be given back to the rules."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared.records import StoredEmail
from shared.rules.decide import decide, merged
from shared.rules.diff import Changes, Effect
from shared.rules.model import Decision
from shared.rules.rule_set import RuleSet
from shared.status import Filing, Status

NOT_BY_PERSON = frozenset({"nothing to do", "older than what was approved", "reclassify"})
"""Why a mail was kept, as its last event says, where that was not a person's word. All else is left alone."""

NOT_OURS = frozenset({Filing.APPLYING, Filing.UNCLEAR, Filing.VANISHED})
"""In a worker's hands, waiting for a person to look, gone."""


class Fate(StrEnum):
    """What reclassify does with a stored mail."""

    SAME = "same"
    BACK = "back"
    FILED = "filed"
    BY_PERSON = "by_person"
    BUSY = "busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """A stored mail, what was decided and what became of it.

    `rule_set_id`: by which version. `kept_why`: why a kept mail was left, by its last event. `moved_on`: its owner
    moved it on after we filed it. `is_older` than what its owner approved for filing. `is_busy`: in a worker's hands,
    half way between COPY and EXPUNGE, or copied and left in its place. `is_lost`: its place is not known.
    """

    email: StoredEmail
    effect: Effect
    filing: Filing
    rule_set_id: int | None = None
    kept_why: str | None = None
    moved_on: bool = False
    is_older: bool = False
    is_busy: bool = False
    is_lost: bool = False

    @property
    def is_by_person(self) -> bool:
        """Whether a person decided what it is or where it stays: moved back, undone, kept, moved on."""
        if self.effect.decided_by == "person" or self.moved_on:
            return True
        return self.filing is Filing.KEPT and self.kept_why not in NOT_BY_PERSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What its owner includes beyond what waits: mail that was filed, mail that a person kept; at most so many."""

    filed: bool = False
    kept: bool = False
    limit: int


@dataclass(kw_only=True)
class Preview:
    """What the rules would change on stored mail, page after page; `back` are the ids that may go back, by filing."""

    rule_set: RuleSet
    now: dt.datetime
    reach: Reach
    rule_set_id: int
    changes: Changes = field(default_factory=Changes)
    fates: Counter[Fate] = field(default_factory=Counter)
    older: int = 0
    back: dict[Filing, list[int]] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether as many mails go back as their owner allowed."""
        return self.fates[Fate.BACK] >= self.reach.limit

    def look(self, page: Sequence[StoredDecision]) -> None:
        """Decide a page of stored mail and note what would change; stop where the preview is full."""
        for stored in page:
            if self.is_full:
                return
            self._look(stored)

    def _look(self, stored: StoredDecision) -> None:
        self.changes.compared += 1
        decision = as_it_stands(self.rule_set, stored.effect, decide(self.rule_set, stored.email, self.now))
        fate = judge(stored, decision, self.reach, self.rule_set_id)
        self.fates[fate] += 1
        if fate is not Fate.BACK:
            return
        self.back.setdefault(stored.filing, []).append(stored.email.id)
        if decision.wanted:
            self.changes.note_wanted(decision.wanted)
        self.changes.note(stored.email.id, stored.effect, Effect.of(decision))
        if stored.is_older and decision.actions:
            self.older += 1


def as_it_stands(rule_set: RuleSet, was: Effect, decision: Decision) -> Decision:
    """Return a decision of the rules; where they still leave a mail to the language model, what that said stands.

    Its category's actions are those of today.
    """
    if was.decided_by != "llm" or decision.status is not Status.UNCERTAIN or decision.wanted:
        return decision
    if was.status is Status.REVIEW:
        return replace(decision, status=Status.REVIEW, decided_by=was.decided_by)
    category = rule_set.categories.get(was.category or "")
    if category is None:
        return decision
    actions = merged((*decision.adds, *category.actions))
    return replace(
        decision, status=Status.CLASSIFIED, category=category.name, decided_by=was.decided_by, actions=actions
    )


def judge(stored: StoredDecision, decision: Decision, reach: Reach, rule_set_id: int) -> Fate:
    """Return what becomes of a stored mail of which the rules of this version say this now."""
    if decision.wanted and stored.rule_set_id == rule_set_id:  # it was read once, for this very version
        return Fate.SAME
    if not _would_change(stored, decision, reach):
        return Fate.SAME
    if stored.is_busy or stored.is_lost or stored.filing in NOT_OURS:
        return Fate.BUSY
    if stored.is_by_person and not reach.kept:
        return Fate.BY_PERSON
    if stored.filing is Filing.APPLIED and not reach.filed:
        return Fate.FILED
    return Fate.BACK


def _would_change(stored: StoredDecision, decision: Decision, reach: Reach) -> bool:
    """Another decision, one that needs parts not fetched, or the same one, which now may be carried out."""
    if decision.wanted or Effect.of(decision) != stored.effect:
        return True
    if stored.filing is not Filing.KEPT or decision.status is not Status.CLASSIFIED or not decision.actions:
        return False
    return reach.kept if stored.is_by_person else not stored.is_older
