"""Thirty rule files as people get them wrong, each with the lines that tell them."""

from pathlib import Path

import pytest

from shared.errors import InvalidRules
from shared.rules.load import load_rule_files

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yml"))


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_file_says_where_and_what_was_meant(path):
    """Every fault is shown, as `file:line:column: text`, in the order of its lines; the expected ones stand beside."""

    with pytest.raises(InvalidRules) as caught:
        load_rule_files([path])

    assert path.with_suffix(".txt").read_text(encoding="utf-8") == caught.value.detail + "\n"


def test_there_are_thirty():
    """None is lost on the way."""

    assert len(BROKEN) >= 30
