"""Mail that waits for a person, and what the person decides."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import DictRow

from shared.errors import Conflict, NotFound
from shared.rules.model import Action
from shared.status import FILING_TRANSITIONS, STATUS_TRANSITIONS, Filing, Status
from shared.store.database import Database, Transaction

UNDECIDED = frozenset({Status.REVIEW, Status.UNCERTAIN})
WAITS_FOR = ("review", "uncertain", "failed", "unclear", "held")
"""What a mail can wait for: a word of its status, or of its filing where that is stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMail:
    """A mail that waits for a person; `run` is the run that holds it."""

    id: int
    account: str
    mailbox: str
    internaldate: dt.datetime
    headers: Mapping[str, Sequence[str]]
    status: Status
    filing: Filing
    why: str
    run: uuid.UUID | None


class Reviews:
    """What a person decides goes along the edges of the state machines, with an event for each step."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, *, account: str | None = None, waits_for: str | None = None, limit: int) -> list[WaitingMail]:
        """Return mail that waits for a person, stored last first."""
        with self._database.transaction() as transaction:
            rows = transaction.all("list_reviews", account=account, waits_for=waits_for, limit=limit)
        return [_waiting(row) for row in rows]

    def count(self, account: str | None = None) -> Mapping[str, int]:
        """Count mail that waits for a person by what it waits for."""
        with self._database.transaction() as transaction:
            return {row["waits_for"]: row["mails"] for row in transaction.all("count_reviews", account=account)}

    def categorise(self, email_id: int, category: str, actions: Sequence[Action]) -> Filing:
        """A person says what an undecided mail is, and with it what is done; return its filing."""
        with self._database.transaction() as transaction:
            mail = _Mail.lock(transaction, email_id)
            if mail.status not in UNDECIDED:
                raise Conflict(f"mail {email_id} is {mail.status}", hint=_way_out(mail))
            mail.classify(f"decided by a person: {category}", category, actions)
            return mail.filing

    def keep(self, email_id: int) -> Filing:
        """A person says that a mail stays where it is."""
        with self._database.transaction() as transaction:
            mail = _Mail.lock(transaction, email_id)
            if mail.status in UNDECIDED:
                mail.classify("a person says: it stays", None, ())
            elif mail.filing is Filing.HELD:
                mail.file(Filing.PENDING, Filing.KEPT, why="a person says: it stays")
            elif Filing.KEPT in FILING_TRANSITIONS[mail.filing] and mail.filing is not Filing.APPLIED:
                mail.file(Filing.KEPT, why="a person says: it stays")
            else:
                raise Conflict(f"mail {email_id} is {mail.filing}", hint=_way_out(mail))
            return mail.filing

    def retry(self, email_id: int) -> Status | Filing:
        """A person asks for another try: of the rules, where there is no decision, else of the filing."""
        with self._database.transaction() as transaction:
            mail = _Mail.lock(transaction, email_id)
            if mail.status in UNDECIDED | {Status.FAILED}:
                mail.look_again("a person says: try again")
                return Status.FETCHED
            if mail.filing not in (Filing.UNCLEAR, Filing.FAILED, Filing.KEPT) or not mail.actions:
                raise Conflict(f"mail {email_id} is {mail.status}, {mail.filing}", hint=_way_out(mail))
            if mail.is_lost:
                raise Conflict(f"nobody knows where mail {email_id} is", hint="keep it: review decide --keep")
            if mail.is_copied:
                raise Conflict(f"mail {email_id} was copied already", hint="keep it: review decide --keep")
            mail.file(Filing.PENDING, why="a person says: try again")
            return mail.filing


@dataclass(slots=True, kw_only=True)
class _Mail:
    """One mail, locked by a transaction; each step must be an edge, and is noted."""

    transaction: Transaction
    id: int
    status: Status
    filing: Filing
    actions: list[Any]
    decision_id: uuid.UUID | None
    is_lost: bool
    is_copied: bool

    @classmethod
    def lock(cls, transaction: Transaction, email_id: int) -> "_Mail":
        transaction.run("lock_mails", ids=[email_id])
        row = transaction.one("read_review", id=email_id)
        if row is None:
            raise NotFound("there is no such mail")
        if row["is_busy"]:
            raise Conflict(f"mail {email_id} is in a worker's hands", hint="the next sync ends it: scripts/agent sync")
        return cls(
            transaction=transaction,
            id=email_id,
            status=Status(row["status"]),
            filing=Filing(row["filing"]),
            actions=row["actions"],
            decision_id=row["decision_id"],
            is_lost=row["is_lost"],
            is_copied=row["is_copied"],
        )

    def classify(self, why: str, category: str | None, actions: Sequence[Action]) -> None:
        filing = Filing.PENDING if actions else Filing.KEPT
        document = json.dumps([{"kind": str(action.kind), "target": action.target} for action in actions])
        self._drop_planned()
        self._change("decide_by_person", filing=str(filing), category=category, actions=document, why=why)
        self._note_status(Status.CLASSIFIED, why)
        self._note_filing(filing, why)

    def look_again(self, why: str) -> None:
        self._change("look_again_by_person")
        self._note_status(Status.FETCHED, why)
        if self.filing is Filing.KEPT:  # an event of this word lets the next decision file it
            self._note("filing", Filing.KEPT, Filing.KEPT, "reclassify")

    def file(self, *steps: Filing, why: str) -> None:
        self._drop_planned()
        self._change("file_by_person", filing=str(steps[-1]))
        for step in steps:
            self._note_filing(step, why)

    def _change(self, query: str, **parameters: Any) -> None:
        was = {"was": str(self.status), "was_filing": str(self.filing)}
        if self.transaction.one(query, id=self.id, **was, **parameters) is None:
            raise Conflict(f"mail {self.id} changed meanwhile")

    def _drop_planned(self) -> None:
        if self.decision_id is not None:
            self.transaction.run("drop_planned", id=self.id, decision_id=self.decision_id)

    def _note_status(self, became: Status, why: str) -> None:
        if became not in STATUS_TRANSITIONS[self.status]:
            raise Conflict(f"a mail cannot go from {self.status} to {became}")
        self._note("status", self.status, became, why)
        self.status = became

    def _note_filing(self, became: Filing, why: str) -> None:
        if became is not self.filing and became not in FILING_TRANSITIONS[self.filing]:
            raise Conflict(f"a mail cannot go from {self.filing} to {became}")
        self._note("filing", self.filing, became, why)
        self.filing = became

    def _note(self, what: str, was: Status | Filing, became: Status | Filing, why: str) -> None:
        self.transaction.run("note_decision", id=self.id, what=what, was=str(was), became=str(became), why=why)


def _way_out(mail: _Mail) -> str:
    """Return what its owner can do with a mail that this decision does not fit."""
    if mail.filing is Filing.HELD:
        return "held mail is released by the run that holds it: scripts/agent sync --confirm RUN; or --keep"
    if mail.filing in (Filing.UNCLEAR, Filing.FAILED):
        return "its filing waits for you: review decide --keep or --retry"
    if mail.status is Status.FAILED:
        return "it could not be decided: review decide --keep or --retry"
    return "it does not wait for you; to decide it by other rules: scripts/agent reclassify"


def _waiting(row: DictRow) -> WaitingMail:
    filing = Filing(row["filing"])
    is_stuck = filing in (Filing.UNCLEAR, Filing.FAILED, Filing.HELD)
    return WaitingMail(
        id=row["id"],
        account=row["account"],
        mailbox=row["mailbox"],
        internaldate=row["internaldate"],
        headers=row["headers"],
        status=Status(row["status"]),
        filing=filing,
        why=(row["last_why"] if is_stuck else row["reason"]) or "",
        run=row["held_run"],
    )
