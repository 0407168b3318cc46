"""Mails that are stored, page by page, with what was decided and what became of them."""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from psycopg.rows import DictRow

from shared.records import ActionKind
from shared.rules.diff import Effect
from shared.rules.model import Action
from shared.rules.reclassify import StoredDecision
from shared.status import Filing, Status
from shared.store.database import Database
from shared.store.decisions import stored_email

PAGE_MAILS = 1_000
BEYOND_THE_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MailChoice:
    """Which stored mails are meant; None is all. `since` and `until` are of INTERNALDATE, `until` is not included."""

    account: str | None = None
    mailbox: str | None = None
    statuses: Sequence[Status] | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def parameters(self) -> dict[str, Any]:
        """Return it as the statements take it."""
        return {
            "account": self.account,
            "mailbox": self.mailbox,
            "statuses": None if self.statuses is None else [str(status) for status in self.statuses],
            "since": self.since,
            "until": self.until,
        }


class StoredMails:
    """Rows of `emails`, read without touching them; mail that vanished is left out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, choice: MailChoice) -> int:
        """Return how many stored mails are meant."""
        with self._database.transaction() as transaction:
            return int(transaction.value("count_stored_mails", **choice.parameters()))

    def pages(self, choice: MailChoice, *, page_mails: int = PAGE_MAILS) -> Iterator[list[StoredDecision]]:
        """Yield the mails that are meant, those stored last first; no connection is held between two pages."""
        before = BEYOND_THE_LAST
        while True:
            with self._database.transaction() as transaction:
                rows = transaction.all("stored_mails", **choice.parameters(), before=before, limit=page_mails)
            if rows:
                yield [stored_decision(row) for row in rows]
            if len(rows) < page_mails:
                return
            before = rows[-1]["id"]


def stored_decision(row: DictRow) -> StoredDecision:
    """Return a row with what was decided and what became of it."""
    return StoredDecision(
        email=stored_email(row),
        effect=Effect(
            status=Status(row["status"]),
            category=row["category"],
            decided_by=row["decided_by"],
            actions=_actions(row["actions"]),
        ),
        filing=Filing(row["filing"]),
        rule_set_id=row["rule_set_id"],
        kept_why=row["kept_why"],
        moved_on=row["moved_on"],
        is_older=row["is_older"],
        is_busy=row["is_busy"],
        is_lost=row["is_lost"],
    )


@lru_cache(maxsize=1024)
def _actions(text: str) -> tuple[Action, ...]:
    """Read actions; many mails share them."""
    return tuple(Action(kind=ActionKind(one["kind"]), target=one["target"]) for one in json.loads(text))
