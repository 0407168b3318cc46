"""PostgreSQL as the pipeline sees it: one attribute per table group, one transaction per method."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from shared.store.accounts import Accounts
from shared.store.actions import Actions
from shared.store.database import Clock, Database
from shared.store.emails import Emails
from shared.store.leases import Leases
from shared.store.monitoring import Monitoring
from shared.store.parts import Parts
from shared.store.reclassify import Reclassify
from shared.store.reviews import Reviews
from shared.store.rule_sets import RuleSets
from shared.store.runs import Runs
from shared.store.schedule import Schedule
from shared.store.stored_mails import StoredMails
from shared.store.uncertain import Uncertain


class PostgresStore:
    """The gateway to PostgreSQL; no connection is held between two calls."""

    def __init__(
        self,
        database: Database,
        *,
        takeover_grace_s: float,
        claim_timeout_s: float,
        max_attempts: int,
        parse: Callable[[str], Any],
    ) -> None:
        self._database = database
        self.accounts = Accounts(database)
        self.leases = Leases(database, takeover_grace_s=takeover_grace_s)
        self.runs = Runs(database, claim_timeout_s=claim_timeout_s)
        self.schedule = Schedule(database)
        self.emails = Emails(database, max_attempts=max_attempts)
        self.parts = Parts(database, max_attempts=max_attempts)
        self.uncertain = Uncertain(database, max_attempts=max_attempts)
        self.rule_sets = RuleSets(database, parse=parse)
        self.actions = Actions(database, max_attempts=max_attempts)
        self.stored_mails = StoredMails(database)
        self.reclassify = Reclassify(database)
        self.reviews = Reviews(database)
        self.monitoring = Monitoring(database)

    def ping(self) -> None:
        """Raise DatabaseDown unless PostgreSQL answers and has our tables."""
        self.accounts.paused()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()


@contextlib.contextmanager
def open_store(
    url: str,
    *,
    takeover_grace_s: float = 90.0,
    claim_timeout_s: float = 300.0,
    max_attempts: int = 3,
    pool_size: int = 4,
    pool_timeout_s: float = 10.0,
    parse: Callable[[str], Any] = str,
    clock: Clock | None = None,
) -> Iterator[PostgresStore]:
    """Yield a store on a migrated database; `takeover_grace_s` is the longest command timeout.

    Opens no connection in the caller's way: a database that is down shows at the first call, as DatabaseDown.
    """
    database = Database(url, pool_size=pool_size, pool_timeout_s=pool_timeout_s, clock=clock)
    store = PostgresStore(
        database,
        takeover_grace_s=takeover_grace_s,
        claim_timeout_s=claim_timeout_s,
        max_attempts=max_attempts,
        parse=parse,
    )
    try:
        yield store
    finally:
        store.close()
