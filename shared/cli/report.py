"""What a person reads after a sync or an undo: numbers, what is not as usual in a sentence each, what to do next."""

from collections.abc import Mapping
from typing import Any

from shared.chain.answers import Summary
from shared.cli.console import console, numbers, print_table

SENTENCES = {
    "missing_mailboxes": ("1 mailbox is missing on the server", "{} mailboxes are missing on the server"),
    "partly_read": (
        "older mail of 1 mailbox comes with later syncs",
        "older mail of {} mailboxes comes with later syncs",
    ),
    "capped": ("the hourly cap leaves 1 mail for later", "the hourly cap leaves {} mails for later"),
    "held": ("1 move is held", "{} moves are held"),
    "left_alone": ("1 mail was left alone: `explain` says why", "{} mails were left alone: `explain` says why"),
    "copies_left": ("1 copy stays: there is no delete", "{} copies stay: there is no delete"),
}
"""Counts that are told in words, for one and for several."""


def sentences(counts: Mapping[str, int]) -> list[str]:
    """Return what is not as usual, a sentence for each count that is not zero."""
    told = [(counts.get(name, 0), one, several) for name, (one, several) in SENTENCES.items()]
    return [one if number == 1 else several.format(number) for number, one, several in told if number]


def left_to_ask(llm: Mapping[str, Any] | None) -> list[str]:
    """Return who waits for the language model, why, and what can be done about it; empty if nobody does."""
    if not llm:
        return []
    mails = "1 mail waits" if llm["waiting"] == 1 else f"{llm['waiting']:,} mails wait"
    if llm["state"] == "waiting":
        return [f"{mails} for the language model: the next sync goes on, or scripts/agent sync --llm all"]
    hint = f" ({llm['hint']})" if llm.get("hint") else ""
    return [f"{mails} for the language model: {llm['detail']}{hint}"]


def show_sync(summary: Summary) -> None:
    """Print what a sync did, and the command that comes next."""
    out = console()
    mode = "dry run" if summary.dry_run else summary.mode
    out.print(f"{summary.account} ({mode}): {_plain(summary)}; {summary.ms / 1000:.1f} s")
    for target, mails in summary.targets.items():
        out.print(f"  {mails:>6}  → {target}")
    if summary.plan:
        columns = ("mailbox", "action", "target", "mails")
        print_table(columns, [[row.get(column, "") for column in columns] for row in summary.plan])
    for sentence in [*sentences(summary.counts), *left_to_ask(summary.llm)]:
        out.print(f"  {sentence}")
    if summary.outcome == "held":
        out.print(f"  unusually many moves: to do them, scripts/agent sync --confirm {summary.run}")
    elif summary.outcome == "paused":
        out.print("  paused: nothing was done")
    elif summary.mode == "observe" and summary.counts.get("classified") and not summary.dry_run:
        out.print(f"  nothing was changed. The plan: scripts/agent sync {summary.account} --dry-run")
    elif summary.counts.get("applied"):
        out.print(f"  to take it back: scripts/agent undo {summary.run}")


def show_undo(summary: Summary, undone: object) -> None:
    """Print what an undo took back, and what it left alone."""
    out = console()
    out.print(f"{summary.account}: run {undone} undone: {_plain(summary)}")
    for sentence in sentences(summary.counts):
        out.print(f"  {sentence}")


def _plain(summary: Summary) -> str:
    counts = summary.as_json()["counts"]
    return numbers({name: number for name, number in counts.items() if name not in SENTENCES})
