"""Options and arguments that several account commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from shared.cli.words import accounts_at_hand
from shared.records import Tls

Command = TypeVar("Command", bound=Callable[..., Any])

named = click.argument("name", shell_complete=accounts_at_hand)
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
password_file = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Read the password there, - is stdin; else it is asked.",
)


def server_options(command: Command) -> Command:
    """Add the options that say where and as whom to log in."""
    ca_file = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in (
        click.option(
            "--allow-plaintext", is_flag=True, help="With --tls none: accept a server that is not this machine."
        ),
        click.option("--ca-file", type=ca_file, help="Trust this CA instead of the system's."),
        click.option("--username", help="What the mail server knows you as."),
        click.option("--tls", type=click.Choice([str(tls) for tls in Tls]), help="How the connection is protected."),
        click.option("--port", type=click.IntRange(1, 65535), help="The mail server's port."),
        click.option("--host", help="The mail server's name."),
    ):
        command = option(command)
    return command
