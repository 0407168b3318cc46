"""Giving stored mail back to the rules, many rows in one statement."""

from collections.abc import Sequence

from shared.status import Filing
from shared.store.arrays import array_literal
from shared.store.database import Database


class Reclassify:
    """What a person asks to be decided anew; the next sync decides it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def send_back(self, ids: Sequence[int], filing: Filing) -> int:
        """Make these mails `fetched` in one transaction, an event each; return how many.

        Those that are no longer at this filing, or in a worker's hands, are left as they are.
        """
        listed = array_literal(ids)
        with self._database.transaction() as transaction:
            transaction.run("lock_mails", ids=listed)
            return int(transaction.value("send_back", ids=listed, filings=array_literal(str(filing) for _ in ids)))
