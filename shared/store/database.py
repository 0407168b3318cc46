"""The connection pool, transactions, and the one place where PostgreSQL's errors become ours."""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
import psycopg
from psycopg import errors
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool

from shared.errors import Conflict, DatabaseDown, EmailAgentError, NotFound
from shared.store.queries import queries

RECONNECT_TIMEOUT_S = 3.0  # then the next call tries anew: no long back-off once the server is there again
WHERE_IT_IS = "does it run? DATABASE_URL or the secret 'postgres-url' says where; without both the embedded one serves"
GONE = "-c tcp_user_timeout=30s -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
"""Lets the server notice, and let go of locks, when a container was taken off the network without a goodbye."""
OPTIONS = (
    f"-c jit=off -c statement_timeout=120s -c lock_timeout=30s -c client_min_messages=warning -c timezone=UTC {GONE}"
)

Clock = Callable[[], dt.datetime]
Connection = psycopg.Connection[DictRow]
Cursor = psycopg.Cursor[DictRow]


@contextlib.contextmanager
def our_errors() -> Iterator[None]:
    """Map the driver's errors to ours; texts name no row, because a row is somebody's mail."""
    try:
        yield
    except errors.DiskFull as error:
        raise DatabaseDown("the database's disk is full") from error
    except errors.UniqueViolation as error:
        raise Conflict(f"this exists already ({error.diag.constraint_name})") from error
    except errors.ForeignKeyViolation as error:
        raise NotFound(f"it refers to something that is gone ({error.diag.constraint_name})") from error
    except errors.DeadlockDetected as error:  # a late worker met the one that took over
        raise Conflict("two workers wanted the same rows; nothing was changed") from error
    except errors.QueryCanceled as error:
        raise DatabaseDown("the database took too long") from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        why = error.sqlstate or type(error).__name__
        raise DatabaseDown(f"PostgreSQL cannot be reached ({why})", hint=WHERE_IT_IS) from error
    except psycopg.Error as error:
        what = error.diag.constraint_name or error.diag.message_primary or type(error).__name__
        raise EmailAgentError(f"PostgreSQL refused a statement ({error.sqlstate}: {what})") from error


class Transaction:
    """One open transaction that runs named queries; `%(now)s` is the injected time, or NULL for the server's."""

    def __init__(self, connection: Connection, now: dt.datetime | None) -> None:
        self.connection = connection
        self.now = now

    def run(self, name: str, /, **parameters: Any) -> Cursor:
        """Execute the query `name`."""
        return self.connection.execute(queries()[name], parameters | {"now": self.now})

    def all(self, name: str, /, **parameters: Any) -> list[DictRow]:
        """Return all rows."""
        return self.run(name, **parameters).fetchall()

    def one(self, name: str, /, **parameters: Any) -> DictRow | None:
        """Return the first row, if there is one."""
        return self.run(name, **parameters).fetchone()

    def value(self, name: str, /, **parameters: Any) -> Any:
        """Return the first column of the first row; None without a row."""
        row = self.one(name, **parameters)
        return None if row is None else next(iter(row.values()))

    def copy(self, name: str, rows: str) -> None:
        """Run a COPY … FROM STDIN with all rows in one write."""
        with self.connection.cursor().copy(queries()[name]) as copy:
            copy.write(rows)


class Database:
    """The pool; `clock` replaces the server's time, for tests."""

    def __init__(self, url: str, *, pool_size: int, pool_timeout_s: float, clock: Clock | None = None) -> None:
        self._clock = clock
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            connection_class=psycopg.Connection[DictRow],
            kwargs={"row_factory": dict_row, "options": OPTIONS, "connect_timeout": 5, "prepare_threshold": None},
            min_size=1,
            max_size=pool_size,
            num_workers=1,
            timeout=pool_timeout_s,
            reconnect_timeout=RECONNECT_TIMEOUT_S,
            check=ConnectionPool.check_connection,
            configure=_read_json_fast,
            open=True,
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    @contextlib.contextmanager
    def transaction(self, *, relaxed: bool = False) -> Iterator[Transaction]:
        """Run one transaction, committed on a clean exit, else rolled back.

        `relaxed`: a crash of the server may forget it (synchronous_commit off), unless one that is not relaxed was
        committed after it: the log is written in order. Only for what is read or decided again, and for leases, under
        which nothing is done before a claim or a step is committed.
        """
        with our_errors(), self._pool.connection() as connection:
            transaction = Transaction(connection, self._clock() if self._clock else None)
            if relaxed:
                transaction.run("relax_commit")
            yield transaction

    def give_space_back(self) -> None:
        """Take deleted mail off the disk now, and let statistics say so: plans for the next mail hang on them."""
        with our_errors(), self._pool.connection() as connection:
            connection.set_autocommit(True)  # VACUUM takes no part in a transaction
            try:
                connection.execute(queries()["vacuum"])
            finally:
                connection.set_autocommit(False)


def _read_json_fast(connection: Connection) -> None:
    set_json_loads(orjson.loads, connection)


def counts(row: Mapping[str, Any] | None) -> dict[str, int]:
    """Return a row of numbers as counts."""
    return {name: int(value or 0) for name, value in (row or {}).items()}
