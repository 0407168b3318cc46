"""The pages about rules show rules that work: they load, their tests pass, and an editor finds no fault."""

import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from shared.rules.check import run_rule_tests
from shared.rules.imports.gmail import import_gmail
from shared.rules.imports.sieve import import_sieve
from shared.rules.language import ACTIONS, ADDRESS_OPERATORS, CONDITIONS
from shared.rules.load import load_rules
from shared.rules.schema import json_schema

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "rules.md", *sorted((ROOT / "docs" / "howto").glob("*.md"))]
BLOCK = re.compile(r"^```(yaml|sieve|xml)\n(.*?)^```", re.DOTALL | re.MULTILINE)
BLOCKS = [
    pytest.param(kind, text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, (kind, text) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")))
]
YAML = [block for block in BLOCKS if block.values[0] == "yaml"]
FOREIGN = [block for block in BLOCKS if block.values[0] != "yaml"]


def whole(text: str) -> str:
    """A rule file: the block itself, or one rule made of the keys that it shows."""
    if re.search("^version:", text, re.MULTILINE):
        return text
    return "version: 1\nrules:\n- name: r\n  then: keep\n" + re.sub("^", "  ", text, flags=re.MULTILINE)


@pytest.mark.parametrize(("kind", "text"), YAML)
def test_examples_work(kind: str, text: str) -> None:
    """An example loads, its tests pass, and it has tests."""

    rules = load_rules(whole(text))

    assert [] == run_rule_tests(rules)
    assert [] == [rule.name for rule in rules.rules if not rule.tests]


@pytest.mark.parametrize(("kind", "text"), YAML)
def test_editors_find_no_fault(kind: str, text: str) -> None:
    """The schema takes every example."""

    errors = Draft202012Validator(json_schema()).iter_errors(yaml.safe_load(whole(text)))

    assert [] == [error.message for error in errors]


@pytest.mark.parametrize(("kind", "text"), FOREIGN)
def test_rules_of_other_programs_are_imported(kind: str, text: str) -> None:
    """What a page shows as something to import is imported, and what it becomes is what the page shows next."""

    found = import_gmail(text.encode(), "f") if kind == "xml" else import_sieve(text.encode(), "f")
    shown = [page.read_text(encoding="utf-8") for page in PAGES]
    made = found.text.split("rules:\n", 1)[1].strip("\n")

    assert any(made in page for page in shown), made


def test_every_word_has_an_example() -> None:
    """docs/rules.md shows each condition, each operator and each action in an example."""

    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    shown = "\n".join(text for kind, text in BLOCK.findall(page) if kind == "yaml")
    words = set(re.findall(r"[a-z-]+", re.sub(r"\n *- \{mail: .*", "", shown)))

    assert set() == (CONDITIONS | ADDRESS_OPERATORS | ACTIONS) - words
