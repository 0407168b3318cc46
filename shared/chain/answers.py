"""What the functions answered, and what a whole sync came to."""

import uuid
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import BadAnswer, EmailAgentError

COUNT_NAMES = (
    "fetched",
    "classified",
    "uncertain",
    "review",
    "applied",
    "kept",
    "failed",
    "vanished",
    "unclear",
)
"""The counts every summary has, in this order; others follow where they say something."""

NOTED = ("held", "capped", "missing_mailboxes", "partly_read", "left_alone", "copies_left")
"""The counts that say what is not as usual; a summary has those that are not zero."""


class Answer(BaseModel):
    """A function's answer, as far as the chain reads it; text from outside, so it is checked."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    account: str
    run: uuid.UUID
    stage: str
    counts: dict[str, int] = {}
    more: bool = False
    imap_commands: int = 0
    outcome: str | None = None
    mode: str | None = None
    plan: list[dict[str, Any]] | None = None
    decided_by: dict[str, int] | None = None
    targets: dict[str, int] | None = None
    llm: dict[str, Any] | None = None

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Read an answer; raise BadAnswer naming the field that is wrong."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise BadAnswer(f"a function's answer has a wrong or missing field {where!r}") from error

    def count(self, *names: str) -> int:
        """Add up the counts of these names."""
        return sum(self.counts.get(name, 0) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one sync or undo did; with an `error`, what it did until then."""

    run: uuid.UUID
    account: str
    outcome: str
    mode: str = ""
    dry_run: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    decided_by: dict[str, int] = field(default_factory=dict)
    targets: dict[str, int] = field(default_factory=dict)
    imap_commands: int = 0
    ms: int = 0
    plan: list[dict[str, Any]] | None = None
    llm: dict[str, Any] | None = None
    error: EmailAgentError | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of `sync --json`."""
        extra = {name: number for name, number in self.counts.items() if name not in COUNT_NAMES and number}
        document: dict[str, Any] = {
            "run": str(self.run),
            "account": self.account,
            "mode": self.mode,
            "dry_run": self.dry_run,
            "outcome": self.outcome,
            "counts": {name: self.counts.get(name, 0) for name in COUNT_NAMES} | extra,
            "decided_by": self.decided_by,
            "targets": self.targets,
            "imap_commands": self.imap_commands,
            "ms": self.ms,
        }
        if self.plan is not None:
            document["plan"] = self.plan
        if self.llm is not None:
            document["llm"] = self.llm
        if self.error is not None:
            kind = type(self.error).__name__
            document["error"] = {"error": kind, "detail": self.error.detail, "hint": self.error.hint}
        return document
