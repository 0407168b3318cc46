"""A store whose time only moves when told."""

from collections.abc import Iterator

import pytest

from shared.store import PostgresStore, open_store
from tests.integration.store.values import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed_store(database_url: str, clock: Clock) -> Iterator[PostgresStore]:
    """A store whose time is `clock`."""
    with open_store(database_url, clock=clock) as opened:
        yield opened
