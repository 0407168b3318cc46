"""`agent status`, `pause` and `resume`: how the accounts are doing, and the switch that stops everything."""

from typing import Any

import click

from shared.chain.schedule import TriggerState
from shared.cli.console import console, numbers, print_json, print_table
from shared.cli.report import left_to_ask
from shared.cli.stack import in_process
from shared.store.accounts import AccountState
from shared.wiring import Wiring


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def status(*, as_json: bool) -> None:
    """Show each account: mode, last success, mails by state."""
    with in_process() as root:
        states = root.store.accounts.states()
        is_paused = root.store.accounts.paused()
        trigger = root.trigger_state()
        llm = waiting_for_the_model(root, sum(state.counts.get("uncertain", 0) for state in states))
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
        print_json(
            {"accounts": rows, "paused": is_paused, "trigger": _as_json(trigger)} | ({"llm": llm} if llm else {})
        )
        return
    if is_paused:
        console().print("paused: nothing is done to any account (scripts/agent resume)")
    print_table(("account", "mode", "last success", "mails", "last error"), [_cells(state) for state in states])
    for sentence in [*_of_the_trigger(trigger), *left_to_ask(llm)]:
        console().print(sentence)


def _as_json(state: TriggerState) -> dict[str, Any]:
    leader = state.leader
    return {
        "leader": leader.holder if leader else None,
        "is_alive": leader is not None and leader.is_alive,
        "silent": dict(state.silent),
    }


def _of_the_trigger(state: TriggerState) -> list[str]:
    """Say who leads, where there is or was a trigger, and which accounts are silent."""
    told = [
        f"{account} is silent: {slots} times its sync was due, and none came to a good end"
        for account, slots in state.silent.items()
    ]
    if state.leader is None:
        return told
    silent_s = -state.leader.lasts_s
    is_at_work = "is at work" if state.leader.is_alive else f"is gone since {silent_s:.0f} s: nobody syncs"
    return [f"the trigger {state.leader.holder} {is_at_work}", *told]


def waiting_for_the_model(root: Wiring, mails: int) -> dict[str, Any] | None:
    """Say why mail that no rule decides is not asked about; None if nothing waits, or the model can be asked."""
    if not mails or not root.settings.classification.asks_llm:
        return None
    seen = root.llm_state()
    return {"state": "down", "detail": seen.fault, "hint": seen.hint, "waiting": mails} if seen.fault else None


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
