"""A group of commands of which only the one that is asked for is imported: the others cost a second at each start."""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Imports a command when it is looked up; `modules` has the module of each, which defines it under its name."""

    def __init__(self, *arguments: Any, modules: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._modules = dict(modules or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands, in the order given."""
        return [*self._modules, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None if there is none of that name."""
        if cmd_name not in self._modules:
            return super().get_command(ctx, cmd_name)
        command = getattr(importlib.import_module(self._modules[cmd_name]), cmd_name)
        return command if isinstance(command, click.Command) else None
