"""TAB in real shells: what a person types is completed, and nothing is started for it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from shared.embedded.postgres import embedded_postgres, running_url
from shared.store import migrate, open_store
from tests.fixtures.terminal import Terminal
from tests.integration.store.values import make_account

ROOT = Path(__file__).parents[3]
PATIENCE_S = 30.0
SHELLS = ("bash", "zsh", "fish")
INTERACTIVE = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
}
SETUP = {
    "bash": "PS1='> '; bind 'set enable-bracketed-paste off'; source {script}; echo rea''dy",
    "zsh": "PS1='> '; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -D; source {script}; echo rea''dy",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running embedded PostgreSQL with two accounts, one of which no shell should see."""
    folder = tmp_path_factory.mktemp("home")
    with embedded_postgres(folder, durable=False) as url:
        migrate(url)
        with open_store(url) as store:
            make_account(store, "work")
            make_account(store, "$(touch work-of-evil)")
        yield folder


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "SECRETS_DIR"}}
    return clean | {"AGENT_HOME": str(home), "TERM": "dumb", "PYTHONPATH": str(ROOT)}


Complete = Callable[[str, str], str]


@pytest.fixture(params=SHELLS)
def complete(request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path) -> Iterator[Complete]:
    """What a real shell makes of a line and TAB."""
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "completion"
    script.write_text(completion(environment, shell))

    def of_fish(line: str, _expected: str) -> str:
        command = ["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"]
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True
        )
        return done.stdout

    def of_terminal(line: str, expected: str) -> str:
        with Terminal(INTERACTIVE[shell], environment, ROOT) as terminal:
            terminal.write(SETUP[shell].format(script=script) + "\n")
            terminal.wait_for("ready")
            terminal.write(line + "\t")
            terminal.wait_for(re.escape(expected))
            return terminal.seen

    yield of_fish if shell == "fish" else of_terminal


def completion(environment: Mapping[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "shared.cli", "completion", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("scripts/agent stat", "status"),
        ("scripts/agent accounts mode wo", "work"),
        ("scripts/agent accounts mode work obs", "observe"),
        ("scripts/agent undo la", "last"),
        ("scripts/agent sync --dry", "--dry-run"),
        ("agent rules pu", "push"),
    ],
)
def test_tab_completes(complete: Complete, line: str, expected: str) -> None:
    """Commands, options, modes, account names and `last`, for the path and for the name."""
    assert expected in complete(line, expected)


def answers(environment: Mapping[str, str], *words: str) -> list[str]:
    """What the program itself answers to a shell."""
    asked = {"_AGENT_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    command = [sys.executable, "-m", "shared.cli"]
    done = subprocess.run(command, env={**environment, **asked}, capture_output=True, text=True, check=True)
    assert "" == done.stderr
    return [line.removeprefix("plain,") for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    "words", [("agent", "sync", ""), ("agent", "accounts", "test", ""), ("agent", "review", "list", "--account", "")]
)
def test_names_that_a_shell_would_run_are_not_offered(environment: dict[str, str], words: tuple[str, ...]) -> None:
    """A name that needs quoting is never put on a command line."""
    assert ["work"] == answers(environment, *words)


def test_tab_starts_no_database(environment: dict[str, str], tmp_path: Path) -> None:
    """Where the embedded PostgreSQL does not run, names are not completed, and it still does not run."""
    away = environment | {"AGENT_HOME": str(tmp_path / "nowhere")}

    assert ["last"] == answers(away, "agent", "undo", "")
    assert not (tmp_path / "nowhere").exists()
    assert running_url(tmp_path / "nowhere") is None


def test_trouble_is_silent(environment: dict[str, str]) -> None:
    """A bad setting and a database that is down complete nothing, and say nothing into the line."""
    assert [] == answers(environment | {"DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "agent", "sync", "")
    assert [] == answers(environment | {"IMAP_TIMEOUT": "soon"}, "agent", "sync", "")


def test_the_shell_at_hand_is_taken(environment: dict[str, str]) -> None:
    """Without a word the script is that of $SHELL."""
    assert completion(environment | {"SHELL": "/usr/bin/fish"}) == completion(environment, "fish")
