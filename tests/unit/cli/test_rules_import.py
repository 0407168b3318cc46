"""`agent rules import` and `agent rules schema`: what they print and write, and their exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.cli.app import main
from shared.rules.load import load_rules

SIEVE = 'if header "subject" "a" { fileinto "A"; stop; }\nif envelope "to" "x" { fileinto "B"; }\n'
GMAIL = (
    "<feed xmlns:apps='http://schemas.google.com/apps/2006'><entry><apps:property name='from' value='a@x.example'/>"
    "<apps:property name='label' value='A'/></entry></feed>"
)
Agent = Callable[..., tuple[int, str, str]]


@pytest.fixture
def agent(capsys: pytest.CaptureFixture[str]) -> Agent:
    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def file(folder: Path, text: str, name: str = "filters") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rules_go_to_stdout_and_remarks_to_stderr(agent: Agent, tmp_path: Path) -> None:
    """What was made can be piped on; what was not is told beside it, with its line."""

    code, out, err = agent("rules", "import", file(tmp_path, SIEVE))

    assert (0, ["a"]) == (code, [rule.name for rule in load_rules(out).rules])
    assert "filters:2:4: left out: envelope" in err
    assert err.endswith("sieve: 1 rules, 1 stand there as comments only; 2 remarks\n")


@pytest.mark.parametrize(("text", "kind"), [(SIEVE, "sieve"), (GMAIL, "gmail"), ("\ufeff\n" + GMAIL, "gmail")])
def test_the_format_is_seen(agent: Agent, tmp_path: Path, text: str, kind: str) -> None:
    """Which of the two a file is need not be said."""

    _, out, _ = agent("rules", "import", "--json", file(tmp_path, text))

    assert kind == json.loads(out)["format"]


def test_as_json(agent: Agent, tmp_path: Path) -> None:
    """--json gives the rules, the counts and the remarks as one object."""

    _, out, err = agent("rules", "import", "--json", file(tmp_path, SIEVE))
    found = json.loads(out)

    assert (1, 1, "", None) == (found["rules"], found["left_out"], err, found["output"])
    assert {"line": 2, "column": 4, "effect": "left out", "part": 'envelope "to", "x"'.replace(",", "")} == {
        key: found["remarks"][0][key] for key in ("line", "column", "effect", "part")
    }
    assert load_rules(found["text"])


def test_output_makes_a_new_file(agent: Agent, tmp_path: Path) -> None:
    """--output writes a file that passes `rules check`, and never over another."""

    made = tmp_path / "made.yml"
    first, out, _ = agent("rules", "import", file(tmp_path, GMAIL), "--output", made)
    checked, _, _ = agent("rules", "check", made)
    again, _, err = agent("rules", "import", file(tmp_path, SIEVE), "--output", made)

    assert (0, "", 0, 1) == (first, out, checked, again)
    assert "made.yml cannot be written: File exists" in err
    assert "a@x.example" in made.read_text(encoding="utf-8")


def test_nothing_to_import(agent: Agent, tmp_path: Path) -> None:
    """Where nothing could be carried over the exit code is 1, and no file is made."""

    made = tmp_path / "made.yml"
    code, _, _ = agent("rules", "import", file(tmp_path, 'if envelope "to" "x" { discard; }'), "--output", made)

    assert (1, False) == (code, made.exists())


def test_unknown_stops(agent: Agent, tmp_path: Path) -> None:
    """--past-unknown-stops lets rules act behind a test that is not known here."""

    script = file(tmp_path, 'if spamtest "5" { stop; } if header "subject" "a" { discard; }')

    careful, _, err = agent("rules", "import", script)
    bold, _, _ = agent("rules", "import", "--past-unknown-stops", script)

    assert (1, 0) == (careful, bold)
    assert err.endswith("to import what follows it: --past-unknown-stops\n")


@pytest.mark.parametrize(
    ("text", "words", "fault"),
    [
        ("keep", [], "filters:1:1: the script ends too early"),
        (GMAIL, ["--format", "sieve"], "filters:1:1: not readable as Sieve"),
        (SIEVE, ["--format", "gmail"], "filters:1:1: not readable as XML"),
    ],
)
def test_files_that_are_not_readable(agent: Agent, tmp_path: Path, text: str, words: list[str], fault: str) -> None:
    """A file that is not of its format ends with exit code 3 and a place."""

    code, out, err = agent("rules", "import", *words, file(tmp_path, text))

    assert (3, "") == (code, out)
    assert err.startswith(fault)


def test_a_file_that_is_not_there(agent: Agent, tmp_path: Path) -> None:
    """A missing file is told as one that cannot be read."""

    code, _, err = agent("rules", "import", tmp_path / "none.xml")

    assert (3, "none.xml:1:1: cannot be read: No such file or directory\n") == (code, err)


def test_the_schema_is_printed(agent: Agent) -> None:
    """`rules schema` prints a JSON Schema."""

    code, out, _ = agent("rules", "schema")

    assert (0, "https://json-schema.org/draft/2020-12/schema") == (code, json.loads(out)["$schema"])
