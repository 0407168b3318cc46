"""The store: PostgreSQL is the queue, the cache and the memory. Statements live in sql/, the tables in schema.sql."""

from shared.store.migrate import migrate
from shared.store.store import PostgresStore, open_store

__all__ = ["PostgresStore", "migrate", "open_store"]
