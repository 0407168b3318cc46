"""The one envelope that travels between the functions: each function's output is a valid input of the next."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from shared.errors import BadRequest

REQUEST_KEYS = {"account", "run", "mailbox", "limit", "issued_at", "final", "dry_run", "undo", "confirm"}
RESULT_KEYS = {"stage", "counts", "more", "ms", "outcome", "mode", "plan", "imap_commands", "decided_by", "targets"} | {
    "llm",
}
MAX_LIMIT = 100_000
MAX_NAME = 200
MAX_NUMBER = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A request to a function, and its answer.

    In: `account`, and where wanted `run` (made by the caller, or by the first function), `mailbox`, `limit` (mails),
    `issued_at` (unix seconds, ± 300), `final` (the run's last call), `dry_run`, `undo` and `confirm` (run ids).
    Out: the same plus `stage`, `counts`, `more` (call again), `ms`, `imap_commands`; from apply-actions also `outcome`
    and, of a dry run, its `plan`; from classify-llm, where the model cannot be asked, `llm`: why, and who waits; from a
    run's last call `counts`, `decided_by` and `targets` of the whole run.
    """

    account: str
    run: uuid.UUID = field(default_factory=uuid.uuid4)
    mailbox: str | None = None
    limit: int | None = None
    issued_at: float | None = None
    final: bool = False
    dry_run: bool = False
    undo: uuid.UUID | None = None
    confirm: uuid.UUID | None = None
    stage: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    more: bool = False
    ms: int = 0
    outcome: str | None = None
    plan: list[dict[str, Any]] | None = None
    imap_commands: int = 0
    mode: str | None = None
    decided_by: dict[str, int] | None = None
    targets: dict[str, int] | None = None
    llm: dict[str, Any] | None = None

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Read a request or another function's answer; raise BadRequest naming the first field that is wrong."""
        if not isinstance(document, dict):
            raise BadRequest("the body must be a JSON object")
        unknown = sorted(set(document) - REQUEST_KEYS - RESULT_KEYS)
        if unknown:
            raise BadRequest(f"unknown field {unknown[0]!r}")
        account = document.get("account")
        if not isinstance(account, str) or not 0 < len(account) <= MAX_NAME or "\x00" in account:
            raise BadRequest("'account' must be a name of 1 to 200 characters")
        run = _uuid(document, "run")
        return cls(
            account=account,
            run=run or uuid.uuid4(),
            mailbox=_typed(document, "mailbox", str),
            limit=_limit(document),
            issued_at=_number(document, "issued_at"),
            final=_typed(document, "final", bool) or False,
            dry_run=_typed(document, "dry_run", bool) or False,
            undo=_uuid(document, "undo"),
            confirm=_uuid(document, "confirm"),
        )

    def answer(self, stage: str, counts: Mapping[str, int], **result: Any) -> Self:
        """Return this batch as the answer of `stage`; `result` names further fields of this class."""
        return replace(self, stage=stage, counts=dict(counts), **result)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object, without fields that say nothing."""
        document = {key: value for key, value in asdict(self).items() if value is not None and value is not False}
        return json.loads(json.dumps(document | {"more": self.more}, default=str))  # type: ignore[no-any-return]  # loads is Any


def _typed(document: dict[str, Any], key: str, kind: type) -> Any:
    value = document.get(key)
    if value is not None and (not isinstance(value, kind) or (isinstance(value, str) and "\x00" in value)):
        raise BadRequest(f"{key!r} must be a {kind.__name__}")
    return value


def _number(document: dict[str, Any], key: str) -> float | None:
    value = document.get(key)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= MAX_NUMBER:  # NaN compares with nothing; 10**400 is no float
        raise BadRequest(f"{key!r} must be a number")
    return float(value)


def _limit(document: dict[str, Any]) -> int | None:
    value = document.get("limit")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_LIMIT):
        raise BadRequest(f"'limit' must be a whole number from 1 to {MAX_LIMIT}")
    return value


def _uuid(document: dict[str, Any], key: str) -> uuid.UUID | None:
    value = document.get(key)
    if value is None:
        return None
    try:
        return uuid.UUID(value)
    except (ValueError, AttributeError, TypeError) as error:
        raise BadRequest(f"{key!r} must be a UUID") from error
