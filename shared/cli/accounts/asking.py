"""What a person is asked, or a script must say: without a terminal, what is missing is wrong usage."""

import sys
from pathlib import Path

import click

MAX_PASSWORD_BYTES = 4096


def can_ask() -> bool:
    """Whether somebody sits there to answer."""
    return sys.stdin.isatty()


def ask(question: str, option: str, default: str | None = None) -> str:
    """Return what a person answers; `option` is what a script must give instead."""
    if not can_ask():
        raise usage(f"{option} is missing, and there is no terminal to ask on")
    return str(click.prompt(question, default=default, err=True)).strip()


def accept(question: str, option: str) -> None:
    """Go on if a person says yes; `option` is what a script must give instead."""
    if not can_ask():
        raise usage(f"{question.rstrip('?')}: that takes a yes; without a terminal, {option}")
    click.confirm(question, abort=True, err=True)


def usage(message: str) -> click.UsageError:
    """Return the error that names the running command."""
    return click.UsageError(message, ctx=click.get_current_context(silent=True))


def say(line: str) -> None:
    """Tell a person something that is no result."""
    click.echo(line, err=True)


def read_password(file: Path | None) -> str:
    """Return the password from a file, `-` is stdin, or ask for it without showing it."""
    if file is None:
        if not can_ask():
            raise usage("--password-file is missing, and there is no terminal to ask on")
        return str(click.prompt("Password", hide_input=True, err=True))
    with click.open_file(str(file), "rb") as source:
        content: bytes = source.read(MAX_PASSWORD_BYTES + 1)
    if len(content) > MAX_PASSWORD_BYTES:
        raise click.BadParameter(f"larger than {MAX_PASSWORD_BYTES} bytes", param_hint="--password-file")
    try:
        password = content.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise click.BadParameter("not a UTF-8 text", param_hint="--password-file") from error
    if not password:
        raise click.BadParameter("the file is empty", param_hint="--password-file")
    return password
