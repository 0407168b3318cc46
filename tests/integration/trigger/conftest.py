"""The real stack, one for each module; for each test an account of its own with letters to file."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.fakes.ollama_server import OllamaServer
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.postgres import database_of
from tests.integration.bad_input.gateway import running
from tests.integration.trigger.between import Between
from tests.integration.trigger.scene import Scene, Stack


@pytest.fixture(scope="module")
def database(postgres_url: str, template_database: str) -> Iterator[str]:
    """A migrated database of this module."""
    name = f"{template_database}_trigger"
    with closing(psycopg.connect(postgres_url, autocommit=True)) as server:
        made, dropped = (
            sql.SQL(text).format(sql.Identifier(name), sql.Identifier(template_database))
            for text in ("CREATE DATABASE {0} TEMPLATE {1}", "DROP DATABASE {0} WITH (FORCE)")
        )
        server.execute(made)
        yield database_of(postgres_url, name)
        server.execute(dropped)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Stack]:
    """The functions under gunicorn, and a model that is always unsure."""
    folder = tmp_path_factory.mktemp("stack")
    with OllamaServer(label=lambda _document: "U") as model, pytest.MonkeyPatch.context() as environment:
        environment.setenv("OLLAMA_HOST", model.url)
        environment.setenv("OLLAMA_MODEL", "tiny")
        with running(folder, database) as gateway:
            yield Stack(gateway=gateway, secrets=folder / "secrets", url=database)


@pytest.fixture
def scene(stack: Stack, tmp_path: Path, dovecot: DovecotUser) -> Iterator[Scene]:
    with Between(stack.gateway.url) as between:
        made = Scene(user=dovecot, stack=stack, between=between, folder=tmp_path)
        yield made
        made.end()
