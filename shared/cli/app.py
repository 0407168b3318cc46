"""The commands together, and the one place where an error ends the program."""

import errno
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from shared.cli.exits import Exit, complain, exit_of
from shared.cli.lazy import LazyGroup
from shared.errors import EmailAgentError

INTERRUPTED = 130
SILENCE = logging.NullHandler()
"""A library's warning is no line of ours on stderr: what it warns of becomes our error, where it matters."""
OUTPUT_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


COMMANDS = {
    "up": "shared.cli.up",
    "accounts": "shared.cli.accounts",
    "rules": "shared.cli.rules",
    "sync": "shared.cli.sync",
    "trigger": "shared.cli.trigger",
    "status": "shared.cli.status",
    "explain": "shared.cli.explain",
    "parse": "shared.cli.parse",
    "reclassify": "shared.cli.reclassify",
    "review": "shared.cli.review",
    "undo": "shared.cli.sync",
    "pause": "shared.cli.status",
    "resume": "shared.cli.status",
    "doctor": "shared.cli.doctor",
    "llm": "shared.cli.llm",
    "completion": "shared.cli.completion",
}


@click.group(
    cls=LazyGroup, modules=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name=None, version="0.1.0", prog_name="agent")
def agent() -> None:
    """Sort mail over IMAP by rules: see what would be done, do it, take it back.

    A new account starts in `observe`: nothing is done to it until `accounts mode NAME apply`.
    """


def _path_of(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "agent"


def leave_output() -> None:
    """Send what is still unwritten nowhere: Python would fail on it once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave with its exit code."""
    if sys.stdout is None:  # closed by whoever called; what is told there is wanted by nobody
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open to the end of the program
    logging.getLogger().addHandler(SILENCE)
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        result = agent.main(args=words, prog_name="agent", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else Exit.OK)
    except EmailAgentError as error:
        complain(type(error).__name__, error.detail, error.hint, as_json=as_json)
        sys.exit(exit_of(error))
    except click.UsageError as error:
        hint = "" if isinstance(error, NoArgsIsHelpError) else f"{_path_of(error)} --help"
        complain("Usage", error.format_message(), hint, as_json=as_json)
        sys.exit(Exit.USAGE)
    except click.ClickException as error:
        complain("Error", error.format_message(), "", as_json=as_json)
        sys.exit(Exit.ERROR)
    except UnicodeEncodeError as error:
        if not any(error.object in word for word in words):
            raise
        complain("Usage", "an argument is not UTF-8", "", as_json=as_json)
        sys.exit(Exit.USAGE)
    except OSError as error:
        if error.errno not in OUTPUT_FAULTS or error.filename is not None:
            raise
        complain("Unwritable", f"the output cannot be written: {error.strerror}", "", as_json=as_json)
        leave_output()
        sys.exit(Exit.ERROR)
    except (click.Abort, KeyboardInterrupt):
        complain("Interrupted", "interrupted", "", as_json=as_json)
        sys.exit(INTERRUPTED)
