"""What is due, and who is the trigger: rows of `accounts` and one of `leases`."""

import uuid
from dataclasses import dataclass, field

from psycopg.rows import DictRow

from shared.errors import NotFound
from shared.store.database import Database, Transaction
from shared.timetable import Ending, Leader, Outlook, Timetable


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A trigger that leads, or would: who it is, how long its lease lasts, and how often accounts are synced."""

    holder: str
    lease_s: float
    interval_s: float
    token: uuid.UUID = field(default_factory=uuid.uuid4)


class Schedule:
    """What everybody may see and set."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def leader(self) -> Leader | None:
        """Return who leads, or led last without taking its leave."""
        with self._database.transaction() as transaction:
            row = transaction.one("read_leader")
        return None if row is None else Leader(holder=row["holder"], lasts_s=row["lasts_s"])

    def outlook(self, interval_s: float) -> Outlook:
        """Return the time, and the accounts that may be synced; those without an interval of their own get this."""
        with self._database.transaction() as transaction:
            return _outlook(transaction, interval_s)

    def set_interval(self, account: str, minutes: int | None) -> None:
        """Set how often the trigger syncs an account; None leaves it to the setting."""
        with self._database.transaction() as transaction:
            if not transaction.one("set_sync_interval", account=account, minutes=minutes):
                raise NotFound("there is no such account")

    def ledger(self, post: Post) -> "TriggerLedger":
        """Return what a trigger writes down."""
        return TriggerLedger(self._database, post)


class TriggerLedger:
    """What one trigger writes down, under its own lease; what may be forgotten by a crash is only time."""

    def __init__(self, database: Database, post: Post) -> None:
        self._database = database
        self._post = post

    def beat(self) -> Outlook | None:
        """Take or renew the lead, and look; None while another trigger has it."""
        post = self._post
        with self._database.transaction(relaxed=True) as transaction:
            if not transaction.one("hold_lead", holder=post.holder, token=post.token, seconds=post.lease_s):
                return None
            return _outlook(transaction, post.interval_s)

    def start(self, account: str) -> bool:
        """Note the start of a sync; False unless we lead and the account may be synced."""
        with self._database.transaction() as transaction:
            return transaction.one("note_sync_start", account=account, token=self._post.token) is not None

    def end(self, account: str, run: uuid.UUID, ending: Ending) -> None:
        """Note how a sync ended, and give its lease back unless its last call did."""
        with self._database.transaction() as transaction:
            transaction.run("note_sync_end", account=account, ending=str(ending))
            if ending is not Ending.DONE:
                transaction.run("release_sync", run=run)

    def leave(self) -> None:
        """Let another trigger lead at once."""
        with self._database.transaction() as transaction:
            transaction.run("give_up_lead", token=self._post.token)


def _outlook(transaction: Transaction, interval_s: float) -> Outlook:
    rows = transaction.all("list_timetables", interval_s=interval_s)
    return Outlook(at=transaction.value("read_time"), accounts=[_timetable(row) for row in rows])


def _timetable(row: DictRow) -> Timetable:
    return Timetable(**row)
