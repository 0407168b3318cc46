"""The documents say what the program says: commands, exit codes, fields, errors, links. Run as a module to rewrite.

python -m tests.unit.test_docs
"""

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import get_args

import click
import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared import errors
from shared.batch import REQUEST_KEYS, RESULT_KEYS
from shared.cli.app import agent
from shared.cli.exits import Exit
from shared.errors import EmailAgentError
from shared.security.signing import sign
from shared.settings import REFUSED, Group, Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ROOMS = ("shared", "functions", "scripts", "tests", "rules", "config")
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "scripts").rglob("*.md")])
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?[^)]*\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.M)
CODE_BLOCK = re.compile(r"^ *```.*?^ *```", re.M | re.S)
TREE_LINE = re.compile(r"^[│├└─ ]*([A-Z]\w+) +\d{3} *(.*)$", re.M)
FILE = re.compile(r"`((?:[\w-]+/)*[\w-]+\.(?:py|sql|yml|toml))`")
MEMBER = re.compile(r"`(\w+)\.(\w+)`")
SUFFIXES = ("py", "sql", "yml", "md")
MAKE_TARGET = re.compile(r"^([a-z-]+):.*## ", re.M)
FORBIDDEN = re.compile(r"/home/\w|/root/|/tmp/|\bTODO\b|\bFIXME\b|[Cc]oming soon")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def first_column(text: str, heading: str) -> list[str]:
    """The words in the first column of the table whose first heading this is."""
    rows = text.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`?([\w./$-]+)`?", row.split("|")[1])]


# -- parts of pages that are written by this module


def commands_part() -> str:
    """Every command with its help and options, as click knows them."""
    return "\n\n".join(part for name, command in commands(agent, "") for part in command_lines(name, command))


def commands(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in sorted(group.list_commands(context)):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


def command_lines(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command)
    arguments = [known.make_metavar(context) for known in command.params if isinstance(known, click.Argument)]
    yield f"### `{' '.join([name, *arguments])}`"
    yield " ".join((command.help or "").split()).replace("<", "\\<")
    options = [option_line(option) for option in command.params if isinstance(option, click.Option)]
    if options:
        yield "\n".join(options)


def option_line(option: click.Option) -> str:
    metavar = option.make_metavar(click.Context(agent)).replace("INTEGER RANGE", "N")
    words = option.opts[0] if option.is_flag else f"{option.opts[0]} {metavar}"
    about = " ".join(filter(None, [option.help, f"Default: {option.default}." if option.show_default else None]))
    return f"- `{words}`: {about}"


def errors_part() -> str:
    """Every error class with its status, when to call again, and what it means."""
    said = dict(TREE_LINE.findall(errors.__doc__ or ""))
    lines = ["| error | status | Retry-After | when |", "|---|---|---|---|"]
    for name, about in said.items():
        kind: type[EmailAgentError] = getattr(errors, name)
        wait = f"{kind.retry_after_s} s" if kind.retry_after_s else ""
        sentence = about.replace("; Retry-After", "") or (kind.__doc__ or "").strip().rstrip(".").replace("\n", " ")
        if kind is not EmailAgentError:
            lines.append(f"| {name} | {kind.http_status} | {wait} | {sentence[0].upper()}{sentence[1:]} |")
    return "\n".join(lines)


def settings_groups() -> list[type[Group]]:
    """The groups of settings, in the order in which they are read."""
    return [field.type for field in dataclasses.fields(Settings) if isinstance(field.type, type)]


def settings_part() -> str:
    """Every setting by group: its default, what it may be, and the sentence under its field."""
    parts = [f"## {(group.__doc__ or '').rstrip('.')}\n\n{settings_table(group)}" for group in settings_groups()]
    refused = [f"| `{name}` | {reason} |" for name, reason in REFUSED.items()]
    return "\n\n".join([*parts, "\n".join(["## Refused", "", "| variable | why |", "|---|---|", *refused])])


def settings_table(group: type[Group]) -> str:
    lines = ["| variable | default | may be | meaning |", "|---|---|---|---|"]
    for name, field in group.model_fields.items():
        sentence = field_docstrings(group)[name].rstrip(".")
        lines.append(f"| `{field.validation_alias}` | {default_of(field)} | {values_of(field)} | {sentence} |")
    return "\n".join(lines)


def field_docstrings(group: type[Group]) -> dict[str, str]:
    """The string under each field of a class."""
    body = ast.parse(inspect.getsource(group)).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def default_of(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, Path):
        return f"`./{value.relative_to(ROOT)}`"
    word = str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
    return "" if value is None else f"`{word}`"


def values_of(field: FieldInfo) -> str:
    """What a field takes, in words."""
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)]
    kind = kinds[0]
    assert isinstance(kind, type)
    if issubclass(kind, StrEnum):
        return ", ".join(f"`{word}`" for word in kind)
    if kind is bool:
        return "`true`, `false`"
    if kind in (int, float):
        bounds = {
            name: getattr(item, name) for item in field.metadata for name in ("gt", "ge", "le") if hasattr(item, name)
        }
        low = f"more than {bounds['gt']:g}" if "gt" in bounds else f"{bounds['ge']:g}"
        return f"{low} to {bounds['le']:,g}" if "ge" in bounds else f"{low}, up to {bounds['le']:,g}"
    return {Path: "a folder", SecretStr: "a URL"}.get(kind, "text")


WRITTEN = {
    "commands": ("cli.md", commands_part),
    "errors": ("http.md", errors_part),
    "settings": ("settings.md", settings_part),
}


def with_part(text: str, name: str, part: str) -> str:
    """The page with the part between its two markers replaced."""
    begin, end = f"<!-- {name}: written by `python -m tests.unit.test_docs` -->\n", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    return before + begin + f"\n{part}\n\n" + end + rest.partition(end)[2]


def rewrite() -> None:
    for name, (file, make) in WRITTEN.items():
        (DOCS / file).write_text(with_part(page(file), name, make()), encoding="utf-8")


@pytest.mark.parametrize("name", WRITTEN)
def test_written_parts_are_up_to_date(name: str) -> None:
    """What a page takes from the program is what the program says now; else: python -m tests.unit.test_docs."""

    file, make = WRITTEN[name]

    assert with_part(page(file), name, make()) == page(file)


# -- the rest is compared


def test_exit_codes() -> None:
    """docs/cli.md lists exactly the exit codes of the program."""

    assert [str(int(code)) for code in Exit] == first_column(page("cli.md"), "exit code")


def test_fields_of_the_envelope() -> None:
    """docs/http.md lists exactly the fields that a function reads and those that it answers."""

    assert (sorted(REQUEST_KEYS), sorted(RESULT_KEYS)) == (
        sorted(first_column(page("http.md"), "in")),
        sorted(first_column(page("http.md"), "out")),
    )


def test_every_setting_has_a_sentence() -> None:
    """Under each field of the settings stands what it means, and no name that is honoured is refused."""
    fields = [(group, name) for group in settings_groups() for name in group.model_fields]
    names = [str(group.model_fields[name].validation_alias) for group, name in fields]

    assert [] == [name for group, name in fields if not field_docstrings(group).get(name, "").endswith(".")]
    assert sorted(names) == sorted(set(names) - set(REFUSED))


def test_signing_recipe() -> None:
    """The signature that docs/http.md describes is the one that is checked."""

    assert sign(b"Jefe", b"what do ya want for nothing?") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"  # RFC 4231 section 4.3
    )
    assert "`X-Signature: sha256=<hex of HMAC-SHA256(key, body)>`" in page("http.md")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link leads to a file, and to a heading in it; no page names a machine's folders."""
    text = path.read_text(encoding="utf-8")
    links = [(path.parent / target if target else path, anchor) for target, anchor in LINK.findall(text)]

    assert [] == [str(target) for target, _ in links if not target.exists()]
    assert [] == [f"{target}#{anchor}" for target, anchor in links if anchor and anchor not in anchors(target)]
    assert [] == FORBIDDEN.findall(text)


def anchors(page: Path) -> set[str]:
    """What links may name in a page: its headings, spelled as a forge spells them."""
    headings = HEADING.findall(CODE_BLOCK.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("## What always holds\n", {"what-always-holds"}),
        ("# Why this, and not …\n", {"why-this-and-not-"}),
        ("### `rules push [FILE]...`\n", {"rules-push-file"}),
        ("```sh\n# no heading\n```\n## One\n", {"one"}),
    ],
)
def test_anchors_are_spelled_as_a_forge_does(tmp_path: Path, text: str, expected: set[str]) -> None:
    """A heading's anchor is its words in lower case, joined by hyphens; a comment in a shell block is no heading."""
    (tmp_path / "page.md").write_text(text, encoding="utf-8")

    assert expected == anchors(tmp_path / "page.md")


def test_every_page_is_on_the_map() -> None:
    """docs/README.md and the lists in it lead to every page."""
    lists = [DOCS / "README.md", DOCS / "howto" / "README.md"]
    known = {(page.parent / target).resolve() for page in lists for target, _ in LINK.findall(page.read_text("utf-8"))}

    assert [] == [str(page.relative_to(ROOT)) for page in DOCS.glob("*.md") if page not in {*known, *lists}]
    assert [] == [str(page.relative_to(ROOT)) for page in DOCS.glob("howto/*.md") if page not in {*known, *lists}]


def is_there(name: str) -> bool:
    """Whether a file of this name, or with this end of a path, is in the repository."""
    return (ROOT / name).exists() or any(next((ROOT / room).glob(f"**/{name}"), None) for room in ROOMS)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_that_is_named_exists(path: Path) -> None:
    """Every file, and every function of a module, that a page names between backticks is there."""

    text = path.read_text(encoding="utf-8")
    modules = {file.stem: file.read_text(encoding="utf-8") for file in (ROOT / "shared").rglob("*.py")}
    functions = [(module, name) for module, name in MEMBER.findall(text) if module in modules and name not in SUFFIXES]

    assert [] == [name for name in FILE.findall(text) if not is_there(name)]
    assert [] == [f"{module}.{name}" for module, name in functions if not re.search(rf"\b{name}\b", modules[module])]


def test_commands_that_are_named_exist() -> None:
    """Every `make` target and every command of scripts/agent that the README names is there."""

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(MAKE_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    known = {words for name, _ in commands(agent, "") for words in (name, name.split()[0])}
    named = {words.strip() for words in re.findall(r"scripts/agent ((?:[a-z]+ ?){1,2})", text)}

    assert set() == set(re.findall(r"\bmake ([a-z-]+)`", text)) - targets
    assert set() == {words for words in named if words not in known and words.split()[0] not in known}


def test_every_target_has_help() -> None:
    """`make help` lists every target of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, re.M)

    assert sorted(phony.split()) == sorted(MAKE_TARGET.findall(text)) == sorted(re.findall(r"^([\w-]+):", text, re.M))


def test_adrs_are_numbered() -> None:
    """The decisions are numbered without a gap, and each says context, decision and consequences."""

    pages = sorted((DOCS / "adr").glob("*.md"))

    assert [f"{number:04}" for number in range(1, len(pages) + 1)] == [path.name[:4] for path in pages]
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert ["Context", "Decision", "Consequences"] == re.findall(r"^## (.+)$", text, re.M), path.name


if __name__ == "__main__":
    rewrite()
