"""config/postgresql-arm.conf: a real PostgreSQL starts with it, and does what it is for."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from shared.cli.doctor.deployment import differences
from shared.store import migrate, open_store
from tests.fixtures.debian_postgres import debian_postgres

CONF = Path(__file__).parents[3] / "config" / "postgresql-arm.conf"
LINE = re.compile(r"^(\w+) = (\S+)(?: +# .+)?$")
LOUD = re.compile(r"\b(WARNING|ERROR|FATAL|PANIC):")
DESIGN = {
    "shared_buffers": "2GB",
    "effective_cache_size": "6GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "2",
    "max_parallel_workers": "4",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "200",
}
ENOUGH_BYTES = 3 << 30


def settings() -> dict[str, str]:
    """What the file sets, line by line."""
    lines = [line for line in CONF.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    found = [LINE.match(line) for line in lines]
    assert None not in found, "each line is `name = value`, with its reason behind it"
    return {match[1]: match[2] for match in found if match}


def free_bytes() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))


@pytest.fixture(scope="module")
def lowered() -> dict[str, str]:
    """What a small machine cannot give."""
    return {} if free_bytes() > ENOUGH_BYTES else {"shared_buffers": "128MB"}


@pytest.fixture(scope="module")
def server(lowered: dict[str, str]) -> Iterator[tuple[str, Path]]:
    """The server's URL, and its log."""
    with tempfile.TemporaryDirectory(prefix="conf-") as home:
        more = "".join(f"{name} = {value}\n" for name, value in lowered.items())
        with debian_postgres(Path(home), CONF.read_text(encoding="utf-8") + more) as url:
            yield url, Path(home) / "log"


def test_design_is_in_the_file() -> None:
    """The nine values of the design are as its author wrote them."""

    assert DESIGN == {name: value for name, value in settings().items() if name in DESIGN}


def test_server_has_every_value(server: tuple[str, Path], lowered: dict[str, str]) -> None:
    """Each line takes effect, and the doctor finds that it does, as a role that may do no more than it must."""
    with psycopg.connect(server[0], autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN")
        connection.execute("CREATE DATABASE plain OWNER plain")
    url = make_conninfo(server[0], user="plain", dbname="plain")
    migrate(url)
    with open_store(url) as store:
        found = store.monitoring.settings(list(settings()))

    assert [] == differences(settings() | lowered, found)


def test_server_without_the_file_is_told_apart(database_url: str) -> None:
    """The same comparison finds that another server does not have these values."""
    with open_store(database_url) as store:
        found = store.monitoring.settings(list(settings()))

    assert [name for name in differences(settings(), found) if name.startswith("shared_buffers is ")]


def test_server_complains_of_nothing(server: tuple[str, Path]) -> None:
    """No line is unknown, given twice with effect, or out of range."""
    log = server[1].read_text(encoding="utf-8")

    assert [] == [line for line in log.splitlines() if LOUD.search(line) and "starting up" not in line]


def test_program_fits_into_it(server: tuple[str, Path]) -> None:
    """The tables are made and read with these settings."""
    migrate(server[0])

    with open_store(server[0]) as store:
        assert [] == store.accounts.states()


def test_log_has_no_value(server: tuple[str, Path]) -> None:
    """A query that is slow, and one that fails, are logged without what they were about."""
    with psycopg.connect(server[0], autocommit=True) as connection:
        connection.execute("CREATE TABLE mails (subject text UNIQUE)")
        connection.execute("INSERT INTO mails SELECT %s FROM pg_sleep(1.1)", ["hush-slow"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO mails VALUES (%s)", ["hush-slow"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO mails VALUES ('hush-slow')")
    log = server[1].read_text(encoding="utf-8")

    assert "INSERT INTO mails SELECT $1 FROM pg_sleep(1.1)" in log
    assert 2 == log.count("duplicate key value violates unique constraint")
    assert "hush" not in log
