"""The whole chain on real faasd, with a real mail server and a real PostgreSQL."""

from collections import Counter
from hashlib import sha256

from tests.openfaas.stack import Stack, expected_places

MAILS = 500


def test_500_mails(stack: Stack) -> None:
    """One sync through the gateway files each mail where the rules say, byte by byte and exactly once."""
    person = stack.person(MAILS)

    summary = stack.sync(person)

    assert ("done", MAILS) == (summary.outcome, summary.counts["fetched"])
    assert expected_places(MAILS) == person.where()
    assert Counter(sha256(raw).hexdigest() for raw in person.mails) == person.files()


def test_second_sync_is_idle(stack: Stack) -> None:
    """A second sync moves nothing and needs a handful of commands."""
    person = stack.person(20)
    stack.sync(person)
    before = person.where()

    summary = stack.sync(person)

    assert ("done", before) == (summary.outcome, person.where())
    assert summary.imap_commands <= 5
