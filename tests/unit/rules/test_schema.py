"""The JSON Schema for editors says what the loader says, as far as words and shapes go. Run as a module to rewrite.

python -m tests.unit.rules.test_schema
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from shared.errors import InvalidRules
from shared.rules import language
from shared.rules.load import load_rules
from shared.rules.schema import ABOUT, json_schema, schema_text

ROOT = Path(__file__).resolve().parents[3]
COMMITTED = ROOT / "rules" / "schema.json"
LISTS = "version: 1\nlists: {l: [a@b.example, c.example]}\ncategories: {c: {then: read}}\nrules:\n"


def errors(text: str) -> list[str]:
    return [error.message for error in Draft202012Validator(json_schema()).iter_errors(yaml.safe_load(text))]


def loads(text: str) -> bool:
    try:
        load_rules(text)
    except InvalidRules:
        return False
    return True


def rule(when: str = "{subject: a}", **more: str) -> str:
    lines = {"name": "r", "when": when, "then": "keep"} | more
    return LISTS + "- " + "\n  ".join(f"{key}: {value}" for key, value in lines.items()) + "\n"


def test_the_committed_schema_is_what_the_tables_say() -> None:
    """rules/schema.json is made from the tables of the language; else: python -m tests.unit.rules.test_schema."""

    assert schema_text() == COMMITTED.read_text(encoding="utf-8")


def test_the_schema_is_one() -> None:
    """The schema is a JSON Schema of 2020-12, and refers to nothing that is not in it."""

    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    references = set(_references(schema))

    assert {f"#/$defs/{name}" for name in schema["$defs"]} >= references


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [value["$ref"]] if "$ref" in value else [one for part in value.values() for one in _references(part)]
    return [one for part in value for one in _references(part)] if isinstance(value, list) else []


def test_shipped_rules_are_valid() -> None:
    """An editor finds nothing wrong in the rules that the project brings."""

    assert [] == errors((ROOT / "rules" / "default.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        rule("always"),
        rule("{from: a@b.example, to: [a@b.example], cc: {domain: [b.example]}, bcc: {plus: x}, sender: {in: l}}"),
        rule("{recipient: {starts-with: me+}, delivered-to: {is: {in: l}}, reply-to: {exists: true}}"),
        rule("{subject: [a, {in: l}], body: 2026, list-id: {domain: x.example, contains: x}}"),
        rule("{header: X-Spam}"),
        rule("{header: {name: X-Spam, is: ok}}"),
        rule("{all: [{seen: true}, {flagged: false}], any: {answered: true, list-mail: false}, not: {keyword: $A}}"),
        rule("{attachment: true}"),
        rule("{attachment: a.ics}"),
        rule("{attachment: {name: {ends-with: [.pdf]}, type: a/b, size: {over: 1 MB}, count: {under: 3}}}"),
        rule("{size: {over: 5, under: 1 GB}, age: {over: 30d}, mailbox: INBOX, account: work}"),
        rule(then="[{copy: A}, {copy: [B, C/D]}, {move: E}]"),
        rule(then="[read, {keyword: [$A, $B]}, {unflag: $C}, {move: A/B}]", category="c"),
        rule(**{"continue": "true", "tests": "[{mail: {from: a@b.example, x-y: [a, b]}, matches: false}]"}),
        rule(tests="[{mail: {subject: a, attachments: [a, {name: b, size: 1 MB}], flags: [$A]}, then: keep}]"),
        rule(tests="[{mail: {subject: b, body: x, size: 5, age: 3d}, uncertain: true}]"),
    ],
)
def test_what_loads_is_valid(text: str) -> None:
    """What the loader takes an editor takes."""

    assert loads(text)
    assert [] == errors(text)


@pytest.mark.parametrize(
    "text",
    [
        rule().replace("version: 1", "version: 2"),
        rule().replace("version: 1\n", ""),
        rule().replace("categories", "category"),
        rule("{form: a@b.example}"),
        rule("{}"),
        rule("never"),
        rule("{subject: {domain: a}}"),
        rule("{mailbox: {plus: a}}"),
        rule("{list-id: {plus: a}}"),
        rule("{from: {}}"),
        rule("{from: []}"),
        rule("{seen: maybe}"),
        rule("{size: 5 MB}"),
        rule("{size: {at-least: 5 MB}}"),
        rule("{header: {is: a}}"),
        rule("{header: {name: X-A}}"),
        rule("{attachment: {extension: pdf}}"),
        rule("{all: []}"),
        rule("{not: a}"),
        rule(then="delete"),
        rule(then="{forward: A}"),
        rule(then="{read: A}"),
        rule(then="[]"),
        rule(tests="[{matches: true}]"),
        rule(tests="[{mail: {}}]"),
        rule(extra="1"),
        rule("always").replace("  then: keep\n", ""),
        rule("always").replace("name: r", "name: '!'"),
    ],
)
def test_what_is_invalid_does_not_load(text: str) -> None:
    """What an editor marks the loader refuses."""

    assert not loads(text)
    assert [] != errors(text)


def test_every_word_is_explained() -> None:
    """An editor shows a sentence beside each word of the language, and explains no word that there is not."""

    words = {word for table in vars(language).values() if isinstance(table, frozenset) for word in table}
    words |= set(language.NAMED_ACTIONS) | set(language.TEXT_CONDITIONS) | set(language.FLAG_CONDITIONS)
    values = set(language.ACTIONS) - set(language.NAMED_ACTIONS)
    of_mails = {"flags", "attachments"}

    assert words - values - of_mails == set(ABOUT)


if __name__ == "__main__":
    COMMITTED.write_text(json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
