"""One decision beside what is known of the mail."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.eval.labels import JUNK, Half, Truth, source_of
from shared.records import ActionKind
from shared.rules.model import Decision
from shared.status import Status

NO_CATEGORY = "(none)"
_JUNK_ROLE = "\\Junk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A mail of the test set, decided. `said` is None where the rules leave it undecided."""

    id: str
    half: Half
    truth: Truth
    said: str | None
    rule: str
    junked: bool
    wanted: bool

    @property
    def source(self) -> str:
        """The archive it came from."""
        return source_of(self.id)

    @property
    def is_right(self) -> bool:
        """Whether what the rules said is what the label means, or no mistake for such a mail."""
        return self.said is not None and (self.said == self.truth.means or self.said in self.truth.also)

    @property
    def is_error(self) -> bool:
        """Whether the rules decided, and a label says otherwise."""
        return self.said is not None and self.truth.known and not self.is_right

    @property
    def is_ham_in_junk(self) -> bool:
        """Whether the rules call junk what no label calls so; an unknown mail counts as good."""
        return self.junked and not self.truth.is_junk


def judge(row: Mapping[str, Any], truth: Truth, decision: Decision) -> Judged:
    """Put a decision beside the truth."""
    decided = decision.status is Status.CLASSIFIED
    moved_to_junk = any(one.kind is ActionKind.MOVE and one.target == _JUNK_ROLE for one in decision.actions)
    return Judged(
        id=row["id"],
        half=half_of(row),
        truth=truth,
        said=(decision.category or NO_CATEGORY) if decided else None,
        rule=(decision.decided_by or "").removeprefix("rule:"),
        junked=moved_to_junk or (decided and decision.category == JUNK),
        wanted=bool(decision.wanted),
    )


def half_of(row: Mapping[str, Any]) -> Half:
    """Return the half a mail is in. Copies of a template stay together: one must not be practice for the other."""
    key = f"{source_of(row['id'])}/{row['template']}" if "template" in row else row["id"]
    return "design" if hashlib.sha256(key.encode()).digest()[0] % 2 == 0 else "held-out"
