"""Fixtures live in tests/fixtures, one file per server."""

pytest_plugins = [
    "tests.fixtures.postgres",
    "tests.fixtures.agent",
    "tests.fixtures.dovecot",
    "tests.fixtures.pymap",
]
