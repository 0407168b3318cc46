"""A quick look without a pool and without migrations: names, for who completes a word that a person is typing."""

import psycopg

from shared.store.database import OPTIONS, our_errors
from shared.store.queries import queries

CONNECT_TIMEOUT_S = 2  # libpq knows no shorter one
PATIENCE = " -c statement_timeout=1s -c lock_timeout=200ms"
MOST_NAMES = 200
MOST_RUNS = 20


def account_names(url: str) -> list[str]:
    """Return the names of the accounts, in their order; raise DatabaseDown rather than wait."""
    return _first_column(url, "list_account_names", MOST_NAMES)


def recent_runs(url: str) -> list[str]:
    """Return the ids of the runs that were begun last, newest first; raise DatabaseDown rather than wait."""
    return _first_column(url, "list_recent_runs", MOST_RUNS)


def _first_column(url: str, query: str, limit: int) -> list[str]:
    with (
        our_errors(),
        psycopg.connect(url, options=OPTIONS + PATIENCE, connect_timeout=CONNECT_TIMEOUT_S) as connection,
    ):
        return [str(row[0]) for row in connection.execute(queries()[query], {"limit": limit}).fetchall()]
