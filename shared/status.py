"""The state machines of an email and of an action: each an enum and a table; docs/state-machine.md is drawn from them.

The same words are enums in PostgreSQL; tests/unit/test_architecture.py compares enum, SQL and diagram.
"""

from enum import StrEnum


class Status(StrEnum):
    """What a mail is: its way through classification."""

    FETCHED = "fetched"
    UNCERTAIN = "uncertain"
    REVIEW = "review"
    CLASSIFIED = "classified"
    FAILED = "failed"


class Filing(StrEnum):
    """Where a mail is: what was done with it in its mailbox."""

    NONE = "none"
    PENDING = "pending"
    APPLYING = "applying"
    APPLIED = "applied"
    KEPT = "kept"
    HELD = "held"
    UNCLEAR = "unclear"
    VANISHED = "vanished"
    FAILED = "failed"


class ActionState(StrEnum):
    """How far one IMAP effect got. Each state is committed before the next command is sent."""

    PLANNED = "planned"
    SENT = "sent"
    COPY_SENT = "copy_sent"
    COPIED = "copied"
    EXPUNGE_SENT = "expunge_sent"
    DONE = "done"
    DONE_SOURCE_LEFT = "done_source_left"
    REFUSED = "refused"
    ABANDONED = "abandoned"


S, F, A = Status, Filing, ActionState

STATUS_TRANSITIONS: dict[Status, frozenset[Status]] = {
    S.FETCHED: frozenset({S.CLASSIFIED, S.UNCERTAIN, S.FAILED}),
    S.UNCERTAIN: frozenset({S.CLASSIFIED, S.REVIEW, S.FAILED, S.FETCHED}),
    S.REVIEW: frozenset({S.CLASSIFIED, S.FETCHED}),
    S.CLASSIFIED: frozenset({S.FETCHED}),
    S.FAILED: frozenset({S.FETCHED}),
}

FILING_TRANSITIONS: dict[Filing, frozenset[Filing]] = {
    F.NONE: frozenset({F.PENDING, F.KEPT}),
    F.PENDING: frozenset({F.APPLYING, F.KEPT, F.HELD, F.VANISHED}),
    F.HELD: frozenset({F.PENDING}),
    F.APPLYING: frozenset({F.APPLIED, F.PENDING, F.KEPT, F.UNCLEAR, F.FAILED, F.VANISHED}),
    F.UNCLEAR: frozenset({F.APPLIED, F.PENDING, F.KEPT}),
    F.APPLIED: frozenset({F.KEPT}),
    F.KEPT: frozenset({F.PENDING}),
    F.VANISHED: frozenset(),
    F.FAILED: frozenset({F.PENDING, F.KEPT}),
}

ACTION_TRANSITIONS: dict[ActionState, frozenset[ActionState]] = {
    A.PLANNED: frozenset({A.SENT, A.COPY_SENT, A.REFUSED, A.ABANDONED}),
    # UID MOVE and STORE: one command; seen not to have happened, it is planned again.
    A.SENT: frozenset({A.DONE, A.PLANNED, A.REFUSED, A.ABANDONED}),
    # COPY + UID EXPUNGE (RFC 4315): the source goes only after its copy is acknowledged and committed.
    # A copy that was wanted as such ends when it is there: its source stays.
    A.COPY_SENT: frozenset({A.COPIED, A.DONE, A.DONE_SOURCE_LEFT, A.PLANNED, A.REFUSED, A.ABANDONED}),
    A.COPIED: frozenset({A.EXPUNGE_SENT, A.DONE, A.DONE_SOURCE_LEFT, A.ABANDONED}),
    A.EXPUNGE_SENT: frozenset({A.DONE, A.COPIED, A.ABANDONED}),
    A.DONE: frozenset(),
    A.DONE_SOURCE_LEFT: frozenset(),
    A.REFUSED: frozenset(),
    A.ABANDONED: frozenset(),
}

HAPPENED = frozenset({A.DONE, A.DONE_SOURCE_LEFT})
"""Actions in these states had their effect."""

UNSETTLED = frozenset({A.SENT, A.COPY_SENT, A.COPIED, A.EXPUNGE_SENT})
"""Actions in these states may have reached the server: only reconciliation leads out of them after a crash."""
