"""Migrations: the full picture, once each, one process at a time."""

import itertools
import threading
from pathlib import Path

import psycopg
import pytest

from shared.errors import InvalidSettings
from shared.records import ActionKind, Mode, Tls
from shared.status import ActionState, Filing, Status
from shared.store import PostgresStore, migrate
from shared.store.migrate import FOLDER
from tests.integration.store.values import make_account, make_mail, read_to

SCHEMA = FOLDER.parent / "schema.sql"
CATALOG = """
SELECT 'column', table_name, column_name, data_type, udt_name, is_nullable, column_default, is_identity
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'migrations'
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype::text, '', '', ''
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> coalesce(to_regclass('migrations'), 0)
UNION ALL
SELECT 'index', tablename, indexname, indexdef, '', '', '', ''
FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'migrations'
UNION ALL
SELECT 'enum', typname, enumlabel, (rank() OVER (PARTITION BY typname ORDER BY enumsortorder))::text, '', '', '', ''
FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid
"""


def catalog_of(url: str) -> set[tuple[str | None, ...]]:
    with psycopg.connect(url) as connection:
        return set(connection.execute(CATALOG).fetchall())


def test_migrations_make_the_schema(database_url: str, empty_database_url: str) -> None:
    """All migrations together make exactly what schema.sql shows."""
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(SCHEMA.read_bytes())

    assert catalog_of(empty_database_url) == catalog_of(database_url)


def test_enums_are_the_same_words(database_url: str) -> None:
    """Each PostgreSQL enum has the words of its Python enum, in the same order."""
    kinds = {
        "email_status": Status,
        "email_filing": Filing,
        "action_state": ActionState,
        "action_kind": ActionKind,
        "account_mode": Mode,
        "tls_mode": Tls,
    }
    query = "SELECT enumlabel FROM pg_enum WHERE enumtypid = %s::regtype ORDER BY enumsortorder"
    with psycopg.connect(database_url) as connection:
        found = {name: [row[0] for row in connection.execute(query, [name])] for name in kinds}

    assert {name: [str(word) for word in kind] for name, kind in kinds.items()} == found


def test_each_migration_runs_once(empty_database_url: str) -> None:
    """A second call applies nothing."""
    files = sorted(file.name for file in FOLDER.glob("*.sql"))

    assert (files, []) == (migrate(empty_database_url), migrate(empty_database_url))


def test_two_processes_migrate_once(empty_database_url: str) -> None:
    """Of several that start together one applies the files, and none fails."""
    applied: list[list[str]] = []
    threads = [threading.Thread(target=lambda: applied.append(migrate(empty_database_url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(file.name for file in FOLDER.glob("*.sql")) == list(itertools.chain(*applied))


def test_changed_migration_is_refused(empty_database_url: str, tmp_path: Path) -> None:
    """A file that was applied and then edited stops the start, and nothing else is applied."""
    file = tmp_path / "0001_a.sql"
    file.write_text("CREATE TABLE a ();")
    migrate(empty_database_url, tmp_path)
    file.write_text("CREATE TABLE b ();")

    with pytest.raises(InvalidSettings, match=r"0001_a\.sql"):
        migrate(empty_database_url, tmp_path)


def test_failed_migration_leaves_nothing(empty_database_url: str, tmp_path: Path) -> None:
    """A migration that fails half-way is not there at all, and runs when it is repaired."""
    file = tmp_path / "0001_a.sql"
    file.write_text("CREATE TABLE a (); SELECT 1 / 0;")
    with pytest.raises(Exception, match="22012"):
        migrate(empty_database_url, tmp_path)
    file.write_text("CREATE TABLE a ();")

    assert migrate(empty_database_url, tmp_path) == ["0001_a.sql"]


def test_header_fields_outlive_their_type(store: PostgresStore, database_url: str) -> None:
    """What was stored as jsonb comes back as it went in."""
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE emails ALTER COLUMN headers TYPE jsonb")
        connection.execute("DELETE FROM migrations WHERE name = '0008_headers.sql'")
    account = make_account(store)
    headers = {"subject": ['Grüße "\\ \N{SNOWMAN}', ""], "from": ["a@example"]}
    store.emails.add(account.id, [make_mail(1, headers=headers)], read_to(store, account, "INBOX", 1))

    assert ["0008_headers.sql"] == migrate(database_url)
    assert headers == store.emails.get("<1@example>").email.headers


def test_monitoring_queries_run_as_written(store: PostgresStore, database_url: str) -> None:
    """The two queries of the specification run, word for word."""
    with psycopg.connect(database_url) as connection:
        counted = connection.execute("SELECT COUNT(*) FROM emails WHERE status='classified';").fetchone()
        average = connection.execute(
            "SELECT AVG(processing_time_ms) FROM emails WHERE processed_at > NOW() - INTERVAL '1 hour';"
        ).fetchone()

    assert (counted, average) == ((0,), (None,))
