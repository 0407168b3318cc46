"""Commands that are imported when asked for: what is completed and guessed without importing any."""

import sys

import click
import pytest
from click.shell_completion import ShellComplete

from shared.cli.app import agent
from shared.cli.lazy import LazyGroup

group = LazyGroup(name="agent", modules={"sync": "no.such.module", "status": "no.such.module", "up": "no.such.module"})


def test_names_are_completed_without_an_import() -> None:
    """TAB is fast: a module that is not there does not matter to it."""
    found = ShellComplete(group, {}, "agent", "_X").get_completions([], "s")

    assert ["sync", "status"] == [item.value for item in found]
    assert "no.such.module" not in sys.modules


def test_options_are_completed_too() -> None:
    """After a dash come the options of the group."""
    found = ShellComplete(group, {}, "agent", "_X").get_completions([], "--h")

    assert ["--help"] == [item.value for item in found]


def test_a_wrong_command_is_guessed() -> None:
    """The error names the command that is nearest."""
    with pytest.raises(click.NoSuchCommand) as caught:
        group.main(["snyc"], standalone_mode=False)

    assert ["sync"] == caught.value.possibilities


def test_help_lists_whole_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    """No sentence is cut off in the middle, however narrow the terminal."""
    agent.main(["accounts", "--help"], standalone_mode=False, terminal_width=60)

    assert "..." not in capsys.readouterr().out.split("Commands:")[1]
