"""What rules say of a mail: Action and Decision; the RuleSet itself is in rule_set.py."""

from dataclasses import dataclass, replace
from typing import Self

from shared.records import ActionKind
from shared.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    r"""One IMAP effect a decision asks for.

    `target`: a flag or keyword, a mailbox name as the user's YAML writes it (`/` between levels), or a special-use role
    such as `\\Archive` (RFC 6154), resolved against the server when it is applied.
    """

    kind: ActionKind
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a mail is and what to do with it. `actions` hold at most one move, last; empty means leave it where it is.

    `decided_by` is `rule:<name>`, `memory`, `model`, `llm`, `person`, or `error` when the mail itself cannot be
    handled (status failed). `trace` is one character per condition of the rule set, in order of appearance: `t` true,
    `f` false, `u` not known (not fetched, or true of one of several authors), `-` not asked. `wanted`: parts not
    fetched (`text`, `structure`, `header:<name>`) that the decision hangs on; fetched, they may change it. `adds`: of
    an uncertain decision, what rules that go on would do beside what somebody else decides.
    """

    status: Status
    reason: str
    decided_by: str | None = None
    category: str | None = None
    actions: tuple[Action, ...] = ()
    trace: str = ""
    confidence: float | None = None
    ms: float = 0.0
    wanted: frozenset[str] = frozenset()
    adds: tuple[Action, ...] = ()

    def timed(self, ms: float) -> Self:
        """Return this decision with the milliseconds it took."""
        return replace(self, ms=ms)
