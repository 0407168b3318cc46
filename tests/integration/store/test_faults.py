"""A database that is down, full or slow is said to be so, without a word of anybody's mail."""

from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from shared.embedded.postgres import embedded_postgres
from shared.errors import DatabaseDown, EmailAgentError
from shared.store import PostgresStore, migrate, open_store
from shared.store.database import our_errors
from tests.integration.store.values import add_mails, make_account


def test_no_server_is_database_down(tmp_path: Path) -> None:
    """Without a server the first call says so within the pool's time."""
    with (
        open_store(f"postgresql://nobody@/none?host={tmp_path}", pool_timeout_s=0.5) as store,
        pytest.raises(DatabaseDown),
    ):
        store.ping()


def test_a_cut_connection_heals(store: PostgresStore, database_url: str) -> None:
    """After the server ended all our connections, the next call works again."""
    store.ping()
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
    with psycopg.connect(database_url) as connection:
        connection.execute(cut, [connection.info.backend_pid])

    assert store.accounts.paused() is False


def test_a_restarted_server_is_found_again(tmp_path: Path) -> None:
    """A store outlives its server: down while it is down, working again afterwards, nothing lost."""
    with embedded_postgres(tmp_path, durable=False) as url:
        migrate(url)
    with open_store(url, pool_timeout_s=2) as store:
        with embedded_postgres(tmp_path, durable=False):
            account = make_account(store)
        with pytest.raises(DatabaseDown):
            store.ping()
        with embedded_postgres(tmp_path, durable=False):
            assert store.accounts.get("work") == account


def test_a_full_disk_is_named() -> None:
    """A full disk is a dependency that is down, and the text says which."""
    with pytest.raises(DatabaseDown, match="disk is full"), our_errors():
        raise errors.DiskFull("could not extend file")


def test_errors_show_no_mail(store: PostgresStore, database_url: str) -> None:
    """A refused row is not in the error's text: only the constraint's name is."""
    add_mails(store, make_account(store), range(1, 2))
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(EmailAgentError) as caught,
        our_errors(),
    ):
        connection.execute("UPDATE emails SET filing = 'applying', message_id = '<secret@example>'")

    assert "emails_" in caught.value.detail
    assert "secret" not in caught.value.detail
