"""What is asked about the whole: the server itself, what is stuck, what went wrong lately."""

import datetime as dt
from dataclasses import dataclass

from psycopg.rows import DictRow

from shared.store.database import Database

HOURS_OF_A_DAY = 24
OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a PostgreSQL says of itself; `may_forget` names the settings with which a crash loses what was committed."""

    version: str
    number: int
    clock: dt.datetime
    migrations: int
    newest_migration: str
    settings: dict[str, str]
    may_forget: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The run that was finished last."""

    account: str
    outcome: str
    started_at: dt.datetime
    finished_at: dt.datetime


class Monitoring:
    """Questions about all accounts together; nothing is changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def server(self) -> ServerFacts:
        """Return what the server says of itself."""
        with self._database.transaction() as transaction:
            return _facts(transaction.run("read_server").fetchone() or {})

    def settings(self, names: list[str]) -> dict[str, str | None]:
        """Return settings of the server, as it shows them; None for one that its version does not know."""
        with self._database.transaction() as transaction:
            return {row["name"]: row["value"] for row in transaction.all("read_settings", names=names)}

    def classified(self) -> int:
        """Return how many mails were sorted."""
        with self._database.transaction() as transaction:
            return int(transaction.value("count_classified"))

    def average_ms(self) -> float | None:
        """Return the average processing time of the last hour; None if nothing was processed in it."""
        with self._database.transaction() as transaction:
            average = transaction.value("average_processing_time")
        return None if average is None else float(average)

    def stale_claims(self, grace_s: float) -> int:
        """Return how many mails are in the hands of a worker that must be dead."""
        with self._database.transaction() as transaction:
            return int(transaction.value("count_stale_claims", grace=grace_s))

    def failed_lately(self, hours: int = HOURS_OF_A_DAY) -> int:
        """Return how many mails were given up lately."""
        with self._database.transaction() as transaction:
            return int(transaction.value("count_recent_failures", hours=hours))

    def refused_lately(self, hours: int = HOURS_OF_A_DAY) -> dict[str, int]:
        """Return how many moves and copies each account's server refused lately, the most first."""
        with self._database.transaction() as transaction:
            return {row["name"]: row["actions"] for row in transaction.all("list_recent_refusals", hours=hours)}

    def last_run(self) -> LastRun | None:
        """Return the run that was finished last, of any account."""
        with self._database.transaction() as transaction:
            row = transaction.one("read_last_run")
        return LastRun(**row) if row else None


def _facts(row: DictRow) -> ServerFacts:
    durability = ("fsync", "full_page_writes", "synchronous_commit")
    return ServerFacts(
        version=str(row["version"]).split()[0],
        number=row["number"],
        clock=row["clock"],
        migrations=row["migrations"],
        newest_migration=row["newest"] or "",
        settings={name: row[name] for name in ("shared_buffers", "effective_cache_size", "work_mem")},
        may_forget=tuple(name for name in durability if row[name] == OFF),
    )
