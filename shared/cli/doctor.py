"""`agent doctor`: what is there, what is missing, and what to do about it."""

import shutil
import sys
from collections.abc import Callable
from typing import Any

import click

from shared.chain.client import check_gateway
from shared.cli.console import print_json, print_table
from shared.cli.stack import in_process
from shared.errors import EmailAgentError
from shared.settings import Settings
from shared.wiring import Wiring

FREE_BYTES_WANTED = 1 << 30


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A list of checks on stdout.")
def doctor(*, as_json: bool) -> int:
    """Check the installation; exit code 1 if something is not as it should be."""
    rows = _checks()
    if as_json:
        print_json(rows)
    else:
        cells = [[row["check"], "yes" if row["ok"] else "no", row["found"], row["hint"]] for row in rows]
        print_table(("check", "ok", "found", "hint"), cells)
    return 0 if all(row["ok"] for row in rows) else 1


def _checks() -> list[dict[str, Any]]:
    rows = [_row("python", lambda: sys.version.split()[0], "")]
    try:
        settings = Settings.from_environment()
    except EmailAgentError as error:
        return [*rows, {"check": "settings", "ok": False, "found": error.detail, "hint": error.hint}]
    rows.append({"check": "settings", "ok": True, "found": "readable", "hint": ""})
    rows.append(_disk(settings))
    rows.append(_row("gateway", lambda: _gateway(settings), "scripts/agent up"))
    try:
        with in_process() as root:
            rows.extend(_stored(root))
    except EmailAgentError as error:
        rows.append({"check": "postgres", "ok": False, "found": error.detail, "hint": error.hint})
    return rows


def _row(check: str, look: Callable[[], str], hint: str) -> dict[str, Any]:
    try:
        return {"check": check, "ok": True, "found": look(), "hint": ""}
    except EmailAgentError as error:
        return {"check": check, "ok": False, "found": error.detail, "hint": error.hint or hint}


def _disk(settings: Settings) -> dict[str, Any]:
    home = settings.places.home.absolute()
    try:
        place = next(folder for folder in (home, *home.parents) if folder.exists())
        free = shutil.disk_usage(place).free
    except OSError as error:
        found = f"{home}: {error.strerror}"
        return {"check": "disk", "ok": False, "found": found, "hint": "AGENT_HOME names a folder of yours"}
    found = f"{free / (1 << 30):.1f} GiB free"
    is_enough = free >= FREE_BYTES_WANTED
    return {"check": "disk", "ok": is_enough, "found": found, "hint": "" if is_enough else f"1 GiB wanted at {place}"}


def _gateway(settings: Settings) -> str:
    check_gateway(settings.places.gateway_url)
    return f"answers at {settings.places.gateway_url}"


def _stored(root: Wiring) -> list[dict[str, Any]]:
    rows = [
        {"check": need, "ok": answer == "ok", "found": answer, "hint": "" if answer == "ok" else "see SECRETS_DIR"}
        for need, answer in root.ready().items()
    ]
    rows.append(_row("rules", lambda: f"version {root.store.rule_sets.active()[0]} is active", ""))
    for state in root.store.accounts.states():
        found = f"{state.account.mode}; {state.consecutive_failures} failures in a row"
        is_well = state.consecutive_failures == 0
        hint = "" if is_well else f"{state.last_error}; scripts/agent accounts test {state.account.name}"
        rows.append({"check": f"account {state.account.name}", "ok": is_well, "found": found, "hint": hint})
    return rows
