"""A user on Dovecot, and a proxy before it that makes it a lesser server."""

from collections.abc import Iterator

import pytest

from tests.faults.proxy import WireProxy
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.mailserver import DovecotPost


@pytest.fixture
def post(dovecot: DovecotUser) -> DovecotPost:
    """A fresh user on Dovecot."""
    return DovecotPost(user=dovecot)


@pytest.fixture
def proxy(request: pytest.FixtureRequest, dovecot: DovecotUser) -> Iterator[WireProxy]:
    """A proxy before Dovecot; a test's parameter names the abilities it hides."""
    with WireProxy(upstream=(dovecot.host, dovecot.port), mask=getattr(request, "param", ())) as between:
        yield between
