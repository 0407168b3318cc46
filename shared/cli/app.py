"""The commands together, and how an error leaves the program: a sentence on stderr and an exit code."""

import json
import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import NoReturn

import click

from shared.cli.accounts import accounts
from shared.cli.doctor import doctor
from shared.cli.explain import explain
from shared.cli.rules import rules
from shared.cli.status import pause, resume, status
from shared.cli.sync import sync, undo
from shared.cli.up import up
from shared.errors import (
    BadAnswer,
    DeadlineExceeded,
    DependencyDown,
    EmailAgentError,
    InvalidRules,
    InvalidSettings,
    LeaseHeld,
    LoginRefused,
)

INTERRUPTED = 130


class Exit(IntEnum):
    """What the exit codes say."""

    OK = 0
    ERROR = 1
    USAGE = 2
    INVALID = 3
    UNREACHABLE = 4
    WAITS = 5
    RUNNING = 6


EXITS: tuple[tuple[type[EmailAgentError], Exit], ...] = (
    (LoginRefused, Exit.ERROR),  # the server was reached, and said no
    (InvalidRules, Exit.INVALID),
    (InvalidSettings, Exit.INVALID),
    (DependencyDown, Exit.UNREACHABLE),
    (DeadlineExceeded, Exit.UNREACHABLE),
    (BadAnswer, Exit.UNREACHABLE),
    (LeaseHeld, Exit.RUNNING),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name=None, version="0.1.0", prog_name="agent")
def agent() -> None:
    """Sort mail over IMAP by rules: see what would be done, do it, take it back.

    A new account starts in `observe`: nothing is done to it until `accounts mode NAME apply`.
    """


for command in (up, accounts, rules, sync, status, explain, undo, pause, resume, doctor):
    agent.add_command(command)


def exit_of(error: EmailAgentError) -> Exit:
    """Return the exit code that says what kind of error this is."""
    return next((code for kind, code in EXITS if isinstance(error, kind)), Exit.ERROR)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        result = agent.main(args=words, prog_name="agent", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else Exit.OK)
    except EmailAgentError as error:
        _complain(type(error).__name__, error.detail, error.hint, as_json=as_json)
        sys.exit(exit_of(error))
    except click.UsageError as error:
        hint = f"{error.ctx.command_path if error.ctx else 'agent'} --help"
        _complain("Usage", error.format_message(), hint, as_json=as_json)
        sys.exit(Exit.USAGE)
    except click.ClickException as error:
        _complain("Error", error.format_message(), "", as_json=as_json)
        sys.exit(Exit.ERROR)
    except (click.Abort, KeyboardInterrupt):
        _complain("Interrupted", "interrupted", "", as_json=as_json)
        sys.exit(INTERRUPTED)


def _complain(error: str, detail: str, hint: str, *, as_json: bool) -> None:
    if as_json:
        text = json.dumps({"error": error, "detail": detail, "hint": hint}, ensure_ascii=False)
    else:
        text = f"{detail}\n  {hint}" if hint else detail
    click.echo(text, err=True)
