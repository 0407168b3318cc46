"""What the rooms promise to each other and to who reads them: imports, sizes, names, state machines, errors."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from shared import errors
from shared.errors import EmailAgentError
from shared.status import ACTION_TRANSITIONS, FILING_TRANSITIONS, STATUS_TRANSITIONS, ActionState, Filing, Status
from tests.fixtures.source_code import PROGRAM, ROOT, sources, tree

MAX_HANDLER_LINES = 25
SQL = re.compile(
    r"\b(SELECT\b.+\bFROM|INSERT\s+INTO|UPDATE\b.+\bSET|DELETE\s+FROM|TRUNCATE\s+\w|(CREATE|ALTER|DROP)\s+(TABLE|TYPE|INDEX))\b",
    re.S,
)
EDGE = re.compile(r"^\s*(\w+) --> (\w+)\s*$", re.M)
ROW = re.compile(r"^\| (\w+) → (\w+) \| (.+) \| (.+) \|$", re.M)
TREE_LINE = re.compile(r"^(?P<indent>[│├└─ ]*)(?P<name>[A-Z]\w+) +(?P<status>\d{3})\b")
INDENT = 4

MACHINES: dict[str, tuple[type[StrEnum], Mapping[Any, frozenset[Any]], str]] = {
    "Status": (Status, STATUS_TRANSITIONS, "email_status"),
    "Filing": (Filing, FILING_TRANSITIONS, "email_filing"),
    "Action": (ActionState, ACTION_TRANSITIONS, "action_state"),
}
machines = pytest.mark.parametrize("title", MACHINES)


def imported(text: str) -> set[str]:
    """The dotted names that a module imports."""
    names = set()
    for node in ast.walk(tree(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def docstrings(module: ast.Module) -> set[int]:
    """The identities of the string nodes that only explain."""
    return {
        id(statement.value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }


def section(title: str) -> str:
    """The part of docs/state-machine.md about one machine."""
    page = (ROOT / "docs" / "state-machine.md").read_text(encoding="utf-8")
    return page.split(f"\n## {title}: ", 1)[1].split("\n## ", 1)[0]


def edges(transitions: Mapping[Any, frozenset[Any]]) -> list[tuple[str, str]]:
    return sorted((was, became) for was, targets in transitions.items() for became in targets)


# -- rooms


def test_doors_are_thin() -> None:
    """A handler has at most 25 lines, tries nothing, and imports only the web, the wiring and the pipeline."""

    doors = {path: text for path, text in sources("functions").items() if path.name == "handler.py"}
    allowed = ("flask", "datetime", "shared.batch", "shared.web", "shared.wiring", "shared.pipeline")
    strangers = {name for text in doors.values() for name in imported(text) if not name.startswith(allowed)}
    tries = [path for path, text in doors.items() if any(isinstance(node, ast.Try) for node in ast.walk(tree(text)))]

    assert (4, set(), []) == (len(doors), strangers, tries)
    assert [] == [path for path, text in doors.items() if len(text.splitlines()) > MAX_HANDLER_LINES]


def test_sql_is_in_sql_files() -> None:
    """No string in the program is an SQL statement: those have a name and a place in shared/store/sql."""

    found = []
    for path, text in sources(*PROGRAM).items():
        explaining = docstrings(tree(text))
        for node in ast.walk(tree(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explaining:
                found += [f"{path}:{node.lineno}"] if SQL.search(node.value) else []

    assert [] == found


def test_load_tests_are_outsiders() -> None:
    """The load tests import nothing of the program."""

    names = {name.split(".")[0] for text in sources("loadtests").values() for name in imported(text)}

    assert set() == names & set(PROGRAM)


def test_gateways_do_not_import_the_ports() -> None:
    """The pipeline says what it needs; the gateways satisfy it without importing it."""

    gateways = sources("shared/imap", "shared/store", "shared/llm", "shared/embedded")

    assert [] == [path for path, text in gateways.items() if any("shared.pipeline" in name for name in imported(text))]


def test_imports_go_downwards() -> None:
    """The contracts in pyproject.toml hold."""

    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr


# -- state machines


@machines
def test_words_are_the_same_in_sql(title: str) -> None:
    """The enum in PostgreSQL has the words of the enum in Python, in its order."""

    enum, _, name = MACHINES[title]
    schema = (ROOT / "shared" / "store" / "schema.sql").read_text(encoding="utf-8")
    body = schema.split(f"CREATE TYPE {name} AS ENUM (", 1)[1].split(")", 1)[0]

    assert [str(member) for member in enum] == re.findall(r"'(\w+)'", body)


@machines
def test_every_state_has_its_edges(title: str) -> None:
    """The table has one line per state, and no edge leads back to where it began."""

    enum, transitions, _ = MACHINES[title]

    assert set(enum) == set(transitions)
    assert [] == [state for state, targets in transitions.items() if state in targets]


@machines
def test_diagram_is_the_table(title: str) -> None:
    """The diagram in docs/state-machine.md draws exactly the edges of the table."""

    diagram = section(title).split("```mermaid", 1)[1].split("```", 1)[0]

    assert edges(MACHINES[title][1]) == sorted(EDGE.findall(diagram))


@machines
def test_every_edge_is_explained(title: str) -> None:
    """docs/state-machine.md says of each edge who takes it and when."""

    assert edges(MACHINES[title][1]) == sorted((was, became) for was, became, _, _ in ROW.findall(section(title)))


# -- errors


def error_classes() -> list[type[EmailAgentError]]:
    return [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, EmailAgentError)]


def drawn_errors() -> dict[str, tuple[str, int]]:
    """Each error of the tree at the top of errors.py: its parent and its HTTP status."""
    parents = ["Exception"]
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := TREE_LINE.match(line):
            depth = len(match["indent"]) // INDENT
            drawn[match["name"]] = (parents[depth], int(match["status"]))
            parents[depth + 1 :] = [match["name"]]
    return drawn


def test_error_tree_is_true() -> None:
    """The tree drawn in errors.py has every error class, with its parent and its HTTP status."""

    found = {kind.__name__: (kind.__bases__[0].__name__, kind.http_status) for kind in error_classes()}

    assert found == drawn_errors()


def test_no_error_is_made_elsewhere() -> None:
    """Rooms raise the errors of the tree; the chain's own GatewayDown is one that no function ever answers."""

    names = {kind.__name__ for kind in error_classes()}
    made = {
        node.name
        for path, text in sources(*PROGRAM).items()
        for node in ast.walk(tree(text))
        if isinstance(node, ast.ClassDef) and path != Path("shared/errors.py")
        if any(isinstance(parent, ast.Name) and parent.id in names for parent in node.bases)
    }

    assert {"GatewayDown"} == made


def test_every_error_has_a_sentence() -> None:
    """The docstring of an error class is its default message: one sentence."""

    assert [] == [kind.__name__ for kind in error_classes() if not (kind.__doc__ or "").strip().endswith(".")]


def test_no_group_is_possessive() -> None:
    """Python before 3.11.5, Debian's among them, does not step back where the last round of such a group fails."""
    possessive = re.compile(r"(?<!\\)\)[*+?]\+|\(\?>")

    found = [str(path) for path in (ROOT / "shared").rglob("*.py") if possessive.search(path.read_text("utf-8"))]

    assert [] == found
