"""Two workers that wait for each other's rows: one is told of a conflict, and none of its changes remain."""

import threading

import psycopg
import pytest

from shared.errors import Conflict
from shared.store import PostgresStore
from shared.store.database import our_errors
from tests.integration.store.values import add_mails, make_account

TOUCH = "UPDATE emails SET size = size + 1 WHERE message_id = %s"


def test_a_deadlock_is_a_conflict(store: PostgresStore, database_url: str) -> None:
    """PostgreSQL is not down then: whoever is sent away tries again."""
    add_mails(store, make_account(store), range(1, 3))
    first, second = "<1@example>", "<2@example>"
    with psycopg.connect(database_url) as late, psycopg.connect(database_url) as heir:
        late.execute(TOUCH, [first])
        heir.execute(TOUCH, [second])
        late.execute("SET deadlock_timeout = '1min'")  # so that the heir is the one who finds out
        waiting = threading.Thread(target=late.execute, args=(TOUCH, [second]))
        waiting.start()
        with pytest.raises(Conflict), our_errors():
            heir.execute(TOUCH, [first])
        heir.rollback()
        waiting.join()
