"""A mail as conditions look at it."""

import pytest

from shared.imap.reader import HEADER_FIELDS
from shared.rules.view import FETCHED_HEADERS, fold


def test_the_rules_know_what_every_fetch_asks_for():
    """A field that a condition takes as known is one the fetch asks for, and the other way round."""

    assert {name.lower() for name in HEADER_FIELDS.decode().split()} == set(FETCHED_HEADERS)


@pytest.mark.parametrize(
    ("text", "folded"),
    [("HeLLo", "hello"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("É", "é"), ("ﬁn", "fin"), ("\ud800x", "?x")],
)
def test_folding_forgets_case_and_compatibility_forms(text, folded):
    """Two spellings of one word compare equal."""

    assert folded == fold(text)
