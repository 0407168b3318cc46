"""Two rule sets over the same mails: what would be decided otherwise, counted, with a few mails of each kind."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from shared.records import StoredEmail
from shared.rules.decide import decide
from shared.rules.model import Action, Decision
from shared.rules.rule_set import RuleSet
from shared.status import Status

SAMPLES = 3
"""Mails named of each kind of change."""

PARTS = {"text": "the text", "structure": "the list of attachments"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a decision comes to, without how it was reached; status None: there is no decision yet.

    `needs`: parts of the mail that must be fetched before anything can be decided.
    """

    status: Status | None = None
    category: str | None = None
    decided_by: str | None = None
    actions: tuple[Action, ...] = ()
    needs: tuple[str, ...] = ()

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """Return what this decision comes to."""
        return cls(
            status=decision.status,
            category=decision.category,
            decided_by=decision.decided_by,
            actions=decision.actions,
            needs=tuple(sorted(decision.wanted)),
        )

    def __str__(self) -> str:
        if self.status is None:
            return "not decided yet"
        if self.needs:
            return f"not known before {in_words(self.needs)} can be read"
        if self.status is not Status.CLASSIFIED:
            return str(self.status)
        words = [self.category or "no category", f"({self.decided_by})"]
        return " ".join([*words, "→", ", ".join(f"{one.kind} {one.target}" for one in self.actions) or "stays"])

    def as_json(self) -> dict[str, Any]:
        """Return it with JSON's types."""
        return {
            "status": None if self.status is None else str(self.status),
            "category": self.category,
            "decided_by": self.decided_by,
            "actions": [{"kind": str(one.kind), "target": one.target} for one in self.actions],
            "needs": list(self.needs),
        }


def in_words(parts: Iterable[str]) -> str:
    """Name parts of a mail."""
    named = [PARTS.get(part, part.replace("header:", "the field ", 1)) for part in sorted(parts)]
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


UNDECIDED = Effect()


@dataclass(slots=True, kw_only=True)
class Change:
    """One kind of change: how many mails, and the ids of the first few."""

    was: Effect
    becomes: Effect
    mails: int = 0
    samples: list[int] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it with JSON's types."""
        return {
            "was": self.was.as_json(),
            "becomes": self.becomes.as_json(),
            "mails": self.mails,
            "samples": self.samples,
        }


@dataclass(slots=True)
class Changes:
    """All changes so far. `wanted` counts mails that hang on a part that was not fetched, by part."""

    compared: int = 0
    changed: int = 0
    waiting: int = 0
    wanted: Counter[str] = field(default_factory=Counter)
    _kinds: dict[tuple[Effect, Effect], Change] = field(default_factory=dict)

    def note(self, email_id: int, was: Effect, becomes: Effect) -> None:
        """Count one mail that would be decided otherwise."""
        self.changed += 1
        kind = self._kinds.get((was, becomes))
        if kind is None:
            kind = self._kinds[was, becomes] = Change(was=was, becomes=becomes)
        kind.mails += 1
        if len(kind.samples) < SAMPLES:
            kind.samples.append(email_id)

    def note_wanted(self, parts: Iterable[str]) -> None:
        """Count one mail that cannot be decided before these parts are fetched."""
        self.waiting += 1
        self.wanted.update(parts)

    @property
    def kinds(self) -> list[Change]:
        """Return the kinds of change, the most frequent first."""
        return sorted(self._kinds.values(), key=lambda change: (-change.mails, change.samples))

    def as_json(self) -> dict[str, Any]:
        """Return it with JSON's types."""
        return {
            "compared": self.compared,
            "changed": self.changed,
            "changes": [change.as_json() for change in self.kinds],
            "waiting_for_parts": self.waiting,
            "wanted": dict(sorted(self.wanted.items())),
        }


def compare(
    active: RuleSet | None, candidate: RuleSet, emails: Iterable[StoredEmail], now: dt.datetime, changes: Changes
) -> None:
    """Note what `candidate` would decide otherwise than `active` (None: there are no rules yet) on these mails.

    Where either hangs on a part that was not fetched, its effect is that it needs it.
    """
    for email in emails:
        changes.compared += 1
        decision = decide(candidate, email, now)
        if decision.wanted:
            changes.note_wanted(decision.wanted)
        was = UNDECIDED if active is None else Effect.of(decide(active, email, now))
        becomes = Effect.of(decision)
        if was != becomes:
            changes.note(email.id, was, becomes)
