"""`agent status`, `pause` and `resume`: how the accounts are doing, and the switch that stops everything."""

import click

from shared.cli.console import console, numbers, print_json, print_table
from shared.cli.stack import in_process
from shared.store.accounts import AccountState


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def status(*, as_json: bool) -> None:
    """Show each account: mode, last success, mails by state."""
    with in_process() as root:
        states = root.store.accounts.states()
        is_paused = root.store.accounts.paused()
    if as_json:
        rows = [
            {
                "name": state.account.name,
                "mode": str(state.account.mode),
                "last_success_at": state.last_success_at.isoformat() if state.last_success_at else None,
                "counts": dict(state.counts),
                "last_error": state.last_error,
                "consecutive_failures": state.consecutive_failures,
            }
            for state in states
        ]
        print_json({"accounts": rows, "paused": is_paused})
        return
    if is_paused:
        console().print("paused: nothing is done to any account (scripts/agent resume)")
    print_table(("account", "mode", "last success", "mails", "last error"), [_cells(state) for state in states])


def _cells(state: AccountState) -> tuple[object, ...]:
    return (
        state.account.name,
        state.account.mode,
        f"{state.last_success_at:%Y-%m-%d %H:%M} UTC" if state.last_success_at else "never",
        numbers({name.removeprefix("filing:"): n for name, n in state.counts.items() if name != "filing:none"}),
        state.last_error if state.consecutive_failures else "",
    )


@click.command()
def pause() -> None:
    """Stop everything: no account is read or changed until `resume`."""
    with in_process() as root:
        root.store.accounts.pause()
    console().print("paused")


@click.command()
def resume() -> None:
    """End the pause."""
    with in_process() as root:
        root.store.accounts.resume()
    console().print("resumed")
