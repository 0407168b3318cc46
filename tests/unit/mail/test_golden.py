"""The self-written mails in tests/mail, and what is read in each. Run as a module to rewrite: people read the diff.

python -m tests.unit.mail.test_golden
"""

import json
from pathlib import Path

import pytest

from shared.cli.parse import as_document
from shared.mail.parse import parse_email

MAILS = Path(__file__).parents[2] / "mail"
LEAST = {"rfc": 12, "legacy": 10, "malformed": 15, "hostile": 15}
PATHS = sorted(MAILS.rglob("*.eml"))


def golden(path: Path) -> str:
    document = as_document(parse_email(path.read_bytes()))
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_golden_mail(path: Path) -> None:
    """What is read in a mail is what people read in it; else: make golden."""

    assert path.with_suffix(".json").read_text(encoding="utf-8") == golden(path)


def test_there_are_enough_of_each_kind() -> None:
    """Each kind has its mails, and no expectation is left without one."""

    counts = {kind: len(list((MAILS / kind).glob("*.eml"))) for kind in LEAST}

    assert [] == [kind for kind, least in LEAST.items() if counts[kind] < least]
    assert {path.with_suffix(".json") for path in PATHS} == set(MAILS.rglob("*.json"))


if __name__ == "__main__":
    for known in PATHS:
        known.with_suffix(".json").write_text(golden(known), encoding="utf-8")
