"""Runs: one row per sync of an account, and the lease that keeps a second sync away."""

import datetime as dt
import uuid
from dataclasses import dataclass

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from shared.errors import LeaseHeld, NotFound
from shared.records import Mode, Run, RunSummary
from shared.store.database import Database, Transaction

STATUS_COUNTS = ("fetched", "classified", "uncertain", "review", "failed")
FILING_COUNTS = ("applied", "kept", "held", "vanished", "unclear", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as it was written down."""

    run: Run
    mode: Mode
    outcome: str | None
    started_at: dt.datetime
    finished_at: dt.datetime | None


class Runs:
    """Rows of `runs`; every call of a run renews its sync lease for `claim_timeout_s`."""

    def __init__(self, database: Database, *, claim_timeout_s: float) -> None:
        self._database = database
        self._claim_timeout_s = claim_timeout_s

    def open(self, account_id: int, run: uuid.UUID, *, dry_run: bool) -> Run:
        """Open or continue a run; LeaseHeld if another run is at work. Once dry, a run stays dry."""
        with self._database.transaction(relaxed=True) as transaction:
            transaction.run("open_run", run=run, account_id=account_id, dry_run=dry_run)
            # The lease first: who waits here for a call that closes the run must then see it finished.
            if not transaction.one("hold_sync", account_id=account_id, run=run, seconds=self._claim_timeout_s):
                raise LeaseHeld
            row = transaction.one("read_run", run=run)
            if row is None or row["account_id"] != account_id:
                raise NotFound("there is no such run of this account")
        opened = _run(row)
        return opened if opened.dry_run or not dry_run else _run({**row, "dry_run": True})

    def step_aside(self, run: uuid.UUID) -> None:
        """Give the sync lease back without ending the run: its call failed, another run may go first."""
        with self._database.transaction(relaxed=True) as transaction:
            transaction.run("release_sync", run=run)

    def close(self, run: uuid.UUID, outcome: str, summary: RunSummary | None = None) -> None:
        """End the run and its lease; a run that ended before stays as it was written down.

        `summary` is what was counted a moment ago; without it, it is counted now.
        """
        with self._database.transaction() as transaction:
            summary = summary or _summary(transaction, run)
            if not transaction.one("close_run", run=run, outcome=outcome, counts=Jsonb(dict(summary.counts))):
                raise NotFound("there is no such run")

    def confirm(self, account_id: int, held_run: uuid.UUID, run: uuid.UUID) -> int:
        """Approve what `held_run` held: its mails become pending, and `run` may move their number; return it."""
        with self._database.transaction() as transaction:
            held = transaction.one("read_run", run=held_run)
            if held is None or held["account_id"] != account_id:
                raise NotFound("there is no such run of this account")
            if not transaction.one("lock_run", run=run, account_id=account_id):
                raise NotFound("the run that shall apply is not open")
            released = int(transaction.value("confirm_held", account_id=account_id, held_run=held_run, run=run))
            if not released:
                raise NotFound("that run holds no mail")
            transaction.run("approve_run", run=run, released=released)
            return released

    def get(self, run: uuid.UUID) -> RunRecord:
        """Return what was written down of a run."""
        with self._database.transaction() as transaction:
            row = transaction.one("read_run", run=run)
        if row is None:
            raise NotFound("there is no such run", hint="`explain` names the runs of a mail; `undo last`: the latest")
        return RunRecord(
            run=_run(row),
            mode=Mode(row["mode"]),
            outcome=row["outcome"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
        )

    def last(self, account_id: int) -> RunRecord:
        """Return the latest run of an account."""
        with self._database.transaction() as transaction:
            run = transaction.value("last_run", account_id=account_id)
        if run is None:
            raise NotFound("this account has no run yet")
        return self.get(run)

    def last_filing(self) -> tuple[str, uuid.UUID]:
        """Return the account's name and the id of the latest run that filed mail."""
        with self._database.transaction() as transaction:
            row = transaction.one("last_filing_run")
        if row is None:
            raise NotFound("no run has filed mail yet")
        return row["name"], row["id"]

    def summary(self, run: uuid.UUID) -> RunSummary:
        """Return what the run did, counted from its events and actions."""
        with self._database.transaction() as transaction:
            return _summary(transaction, run)


def _run(row: DictRow) -> Run:
    return Run(
        id=row["id"],
        account_id=row["account_id"],
        dry_run=row["dry_run"],
        approved_moves=row["approved_moves"],
        finished=row["finished_at"] is not None,
        moved=row["moved"],
    )


def _summary(transaction: Transaction, run: uuid.UUID) -> RunSummary:
    numbers = dict.fromkeys((*STATUS_COUNTS, *FILING_COUNTS), 0)
    rows = transaction.all("count_run", run=run)
    for row in rows:
        wanted = {"status": STATUS_COUNTS, "filing": FILING_COUNTS}.get(row["what"], ())
        if row["became"] in wanted:
            numbers[row["became"]] += row["mails"]
    if any(row["passed_on"] for row in rows):  # uncertain at first, and then asked about: one mail, one place
        numbers["uncertain"] -= transaction.value("count_run_passed_on", run=run)
    deciders = {row["name"]: row["mails"] for row in transaction.all("count_run_deciders", run=run)}
    targets = {row["name"]: row["mails"] for row in transaction.all("count_run_targets", run=run)}
    return RunSummary(counts=numbers, decided_by=deciders, targets=targets)
