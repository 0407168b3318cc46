"""Plans: what is done to many mails stays in proportion to them, whatever the statistics of PostgreSQL say."""

import re
import uuid

import psycopg

from shared.store import PostgresStore
from shared.store.queries import queries
from tests.integration.store.values import MOVE, add_mails, apply_all, classify_all, make_account

CLAIM = {
    "mailbox": "INBOX",
    "run": uuid.UUID(int=1),
    "token": uuid.UUID(int=2),
    "expires_at": None,
    "limit": 5000,
    "careful": 100,
    "max_attempts": 3,
    "now": None,
}


def test_a_claim_reaches_each_mail_by_its_id(store: PostgresStore, database_url: str) -> None:
    """Where nothing waited when statistics were taken, what waits now is not looked through once for each mail."""
    account = make_account(store)
    add_mails(store, account, range(1, 300))
    classify_all(store, account, MOVE)
    apply_all(store, account)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        parameters = CLAIM | {"account_id": account.id}
        plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + queries()["claim_pending"], parameters))
    updated = re.search(r"Update on emails (\w+).*?Index Scan using (\w+) on emails \1", plan, re.DOTALL)

    assert updated is not None and updated[2] == "emails_pkey"


def test_a_deleted_account_leaves_no_space_behind(store: PostgresStore, database_url: str) -> None:
    """What was deleted is off the disk, and the planner does not take the table for an empty one later."""
    account = make_account(store)
    add_mails(store, account, range(1, 300))
    store.accounts.delete(account.name)
    with psycopg.connect(database_url) as connection:
        size = connection.execute("SELECT pg_relation_size('emails')").fetchone()

    assert (0,) == size
