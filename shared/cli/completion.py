"""`agent completion`: what makes a shell complete our words on TAB."""

import os
import shlex
import sys
from pathlib import Path

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from shared.errors import EmailAgentError
from shared.settings import ROOT

PROGRAM = "agent"
VARIABLE = "_AGENT_COMPLETE"
CALL = f"PYTHONPATH={shlex.quote(str(ROOT))} {shlex.quote(sys.executable)} -m shared.cli 2>/dev/null"
"""How the shell asks us: not by the program's name, which may be a path, an alias, or on nobody's PATH."""
BY_NAME: dict[type[ShellComplete], tuple[tuple[str, str], ...]] = {
    BashComplete: (("_complete $1)", f"_complete {CALL})"),),
    ZshComplete: (
        (f"_complete {PROGRAM})", f"_complete {CALL})"),
        (f"    (( ! $+commands[{PROGRAM}] )) && return 1\n", ""),
    ),
    FishComplete: ((f"COMP_CWORD=(commandline -t) {PROGRAM})", f"COMP_CWORD=(commandline -t) {CALL})"),),
}
"""What in click's scripts calls the program by its name, and what stands there instead."""
SHELLS: dict[str, type[ShellComplete]] = {shell.name: shell for shell in BY_NAME}


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)), required=False)
@click.pass_context
def completion(context: click.Context, shell: str | None) -> None:
    """Print the script that completes commands, options, account names and runs on TAB; without SHELL, for yours.

    For bash and zsh: source <(scripts/agent completion bash). For fish: scripts/agent completion fish | source.
    """
    chosen = SHELLS[shell or _own_shell()]
    click.echo(script(context.find_root().command, chosen))


def _own_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise click.UsageError(f"which shell? {', '.join(SHELLS)}")
    return name


def script(agent: click.Command, shell: type[ShellComplete]) -> str:
    """Return click's script for this shell, with our own way of calling the program; any path to it is completed."""
    text = shell(agent, {}, PROGRAM, VARIABLE).source()
    for theirs, ours in BY_NAME[shell]:
        if theirs not in text:
            raise EmailAgentError(f"this version of click completes {shell.name} in another way")
        text = text.replace(theirs, ours)
    return text
