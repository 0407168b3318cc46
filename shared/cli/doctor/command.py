"""The command: take all looks, and show them."""

from collections.abc import Callable

import click
from rich.table import Table
from rich.text import Text

from shared.cli.console import console, print_json
from shared.cli.doctor.check import Check, Group, failed
from shared.cli.doctor.database import database_checks
from shared.cli.doctor.deployment import platform_checks
from shared.cli.doctor.functions import function_checks
from shared.cli.doctor.machine import disk, machine_checks
from shared.cli.doctor.mail import mail_checks
from shared.cli.doctor.optional import optional_checks
from shared.cli.doctor.secrets import secret_checks
from shared.cli.stack import in_process
from shared.errors import EmailAgentError
from shared.settings import Settings
from shared.wiring import Wiring

STORED: tuple[tuple[str, Callable[[Wiring], list[Check]]], ...] = (
    ("database", database_checks),
    ("mail", mail_checks),
    ("optional parts", optional_checks),
)
"""What is asked of the database, by heading."""

MAX_NAME = 24


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A list of checks on stdout.")
def doctor(*, as_json: bool) -> int:
    """Check the installation; exit code 1 if mail is not sorted, or not safely, until somebody does something.

    A check that is ok may have a note: what waits for a person, or an optional part that is not there.
    """
    groups = _groups()
    checks = [check for group in groups for check in group.checks]
    if as_json:
        print_json([check.as_json() for check in checks])
    else:
        _show(groups)
    return 0 if all(check.ok for check in checks) else 1


def _groups() -> list[Group]:
    machine = machine_checks()
    try:
        settings = Settings.from_environment()
    except EmailAgentError as error:
        return [Group(title="machine", checks=[*machine, failed("settings", error)])]
    stored = _stored()  # first: a command makes the secrets that are missing
    calls = f"readable; {settings.work.max_inflight} calls of a function at once"
    return [
        Group(title="machine", checks=[*machine, *platform_checks(settings), disk(settings)]),
        Group(title="installation", checks=[Check(check="settings", found=calls), *secret_checks(settings)]),
        Group(title="functions", checks=function_checks(settings)),
        *stored,
    ]


def _stored() -> list[Group]:
    groups = []
    title = ""
    try:
        with in_process() as root:
            for title, look in STORED:
                groups.append(Group(title=title, checks=look(root)))
    except EmailAgentError as error:
        groups.append(Group(title=title or "database", checks=[failed("postgres", error)]))
    return groups


def _show(groups: list[Group]) -> None:
    out = console()
    width = min(MAX_NAME, max(len(check.check) for group in groups for check in group.checks))
    for group in groups:
        out.print(Text(group.title, style="bold"))
        table = Table.grid(padding=(0, 1))
        table.add_column(width=len("  note"), no_wrap=True)
        table.add_column(width=width, overflow="fold")
        table.add_column()
        for check in group.checks:
            table.add_row(_word(check), Text(check.check), _found(check))
        out.print(table)


def _word(check: Check) -> Text:
    if not check.ok:
        return Text("  no", style="bold red")
    return Text("  note", style="yellow") if check.hint else Text("  yes", style="green")


def _found(check: Check) -> Text:
    return Text(check.found if not check.hint else f"{check.found}\n→ {check.hint}")
