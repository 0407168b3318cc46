"""How an error leaves the program: a sentence on stderr, and an exit code that says what kind of error it is."""

import json
from collections.abc import Iterable
from enum import IntEnum

import click

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
WORST_FIRST = (Exit.ERROR, Exit.INVALID, Exit.UNREACHABLE, Exit.RUNNING, Exit.WAITS)
"""Of several accounts: first what needs its owner, then what may pass by itself, then what only waits for a word."""


def exit_of(error: EmailAgentError) -> Exit:
    """Return the exit code that says what kind of error this is."""
    return next((code for kind, code in EXITS if isinstance(error, kind)), Exit.ERROR)


def worst(codes: Iterable[Exit]) -> Exit:
    """Return the exit code of several things done one after the other."""
    found = set(codes)
    return next((code for code in WORST_FIRST if code in found), Exit.OK)


def complain(error: str, detail: str, hint: str, *, as_json: bool) -> None:
    """Say on stderr what went wrong: one JSON object, or a sentence and what to do about it."""
    if as_json:
        text = json.dumps({"error": error, "detail": detail, "hint": hint}, ensure_ascii=False)
    else:
        text = f"{detail}\n  {hint}" if hint else detail
    click.echo(text, err=True)
