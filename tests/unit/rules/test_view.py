"""A mail as conditions look at it."""

import time
import unicodedata

import pytest

from shared.imap.reader import HEADER_FIELDS
from shared.rules.folding import MAX_MARKS, fold, normalised
from shared.rules.view import FETCHED_HEADERS


def test_the_rules_know_what_every_fetch_asks_for():
    """A field that a condition takes as known is one the fetch asks for, and the other way round."""

    assert {name.lower() for name in HEADER_FIELDS.decode().split()} == set(FETCHED_HEADERS)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("HeLLo", "hello"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("É", "é"),
        ("ﬁn", "fin"),
        ("\ud800x", "?x"),
        ("İŞ", "iş"),
    ],
)
def test_folding_forgets_case_and_compatibility_forms(text, folded):
    """Two spellings of one word compare equal."""

    assert folded == fold(text)


@pytest.mark.parametrize(
    "marks", ["\u0315", "\u0315\u0316", "\u0344", "\u0f73\u0315", "\uff9e\u0315", "\u0315\u200b\u0316"]
)
def test_time_grows_with_length_alone(marks):
    """A stack of marks that no script has costs no more than other text of its length."""

    started = time.process_time()
    folded = fold("a" + marks * (200_000 // len(marks)) + "b")

    assert time.process_time() - started < 1
    assert ("a", "b") == (unicodedata.normalize("NFD", folded)[0], folded[-1])
    assert len(folded) <= 2 * MAX_MARKS + 2


@pytest.mark.parametrize(
    "text", ["a" + "\u0316\u0315" * (MAX_MARKS // 2) + "b", "😀" * 100, "ｶﾞ" * 50, "«»" * 50, "के" * 50]
)
def test_what_people_write_is_not_cut(text):
    """Long runs of symbols, and as many marks as any script stacks, are only normalised."""

    assert unicodedata.normalize("NFKC", text) == normalised(text)


@pytest.mark.parametrize(
    "text", ["caf\u00e9 \u00ad\u00bd \u00aa", "caf\u00e9 \u200b\u2019", "\u00e9" * 40, "e\u0301" * 40, "日本" * 40]
)
def test_the_quick_ways_lead_to_the_same_place(text):
    """Latin-1 text and short runs of marks are normalised as any other text is."""

    assert unicodedata.normalize("NFKC", text.replace("\u00ad", "").replace("\u200b", "")) == normalised(text)
