"""Bring a database to the present schema: numbered files, forward only, each once, one transaction each."""

import hashlib
from pathlib import Path

import psycopg

from shared.errors import InvalidSettings
from shared.store.database import OPTIONS, our_errors
from shared.store.queries import queries

FOLDER = Path(__file__).parent / "migrations"


def migrate(url: str, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing and return the names applied now; the advisory lock makes a second process wait.

    A file that was applied once and has another content now is refused: it would never reach this database.
    """
    applied: list[str] = []
    with our_errors(), psycopg.connect(url, options=OPTIONS, autocommit=True, connect_timeout=5) as connection:
        connection.execute(queries()["lock_migrations"])
        connection.execute(queries()["create_migrations"])
        known: dict[str, str] = dict(connection.execute(queries()["list_migrations"]).fetchall())
        for file in sorted(folder.glob("[0-9]*.sql")):
            text = file.read_bytes()
            digest = hashlib.sha256(text).hexdigest()
            if file.name not in known:
                with connection.transaction():
                    connection.execute(text)
                    connection.execute(queries()["record_migration"], {"name": file.name, "digest": digest})
                applied.append(file.name)
            elif known[file.name] != digest:
                raise InvalidSettings(f"migration {file.name} was changed after it was applied to this database")
    return applied
