"""The documented codes and limits are those of the program."""

import ast
import re
from pathlib import Path

from shared.mail import limits
from shared.mail.defects import DefectCode, Defects
from shared.mail.limits import MAX_DEFECTS

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "mail.md").read_text(encoding="utf-8")
CODE = re.compile(r"^\| `([a-z0-9-]+)` \|", re.M)
LIMIT = re.compile(r"^\| `(MAX_\w+)` \| ([\d,]+) \|", re.M)


def test_every_code_is_documented() -> None:
    """docs/mail.md explains exactly the codes there are, in their order."""

    assert [str(code) for code in DefectCode] == CODE.findall(PAGE)


def test_every_limit_is_documented() -> None:
    """docs/mail.md gives exactly the limits there are, with their values."""

    known = {name: f"{value:,}" for name, value in vars(limits).items() if name.startswith("MAX_")}

    assert known == dict(LIMIT.findall(PAGE))


def test_every_code_is_used() -> None:
    """No code is left that nothing notes."""

    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "shared" / "mail").glob("*.py")]
    used = {
        node.attr
        for text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "DefectCode"
    }

    assert set() == {code.name for code in DefectCode} - used


def test_defects_are_bounded_and_in_order() -> None:
    """However much is wrong, the list stays short; it is ordered by place, and each is in it once."""

    defects = Defects()
    for number in range(MAX_DEFECTS * 2):
        defects.add(DefectCode.PART_TOO_DEEP, f"part:{number % (MAX_DEFECTS + 50):03}")
    listed = defects.listed()

    assert MAX_DEFECTS == len(listed) == len(set(listed))
    assert sorted(listed) == list(listed)
