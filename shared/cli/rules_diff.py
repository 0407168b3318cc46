"""`agent rules diff`: what rules in files would decide otherwise than the active ones, on stored mail."""

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import click

from shared.cli.changes import show_changes
from shared.cli.choice import chosen, mail_options
from shared.cli.console import console, print_json
from shared.cli.meter import meter
from shared.cli.rule_files import FILES, load_files
from shared.cli.stack import in_process
from shared.errors import InvalidRules
from shared.rules.diff import Changes, compare
from shared.rules.rule_set import RuleSet
from shared.wiring import Wiring

MAX_MAILS = 100_000


@click.command("diff")
@FILES
@mail_options
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000_000),
    default=MAX_MAILS,
    show_default=True,
    help="Compare at most this many mails, those stored last.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def diff(files: tuple[Path, ...], *, limit: int, as_json: bool, **words: Any) -> None:
    """Show what the rules in FILE would decide otherwise than the active ones, on mail that is stored.

    Nothing is changed. Both are asked now: about the flags, the age and the mailbox that each mail has now.
    """
    candidate = load_files(files)
    changes = Changes()
    with in_process() as root:
        number, active = _active(root)
        if active is None or active.digest != candidate.digest:
            _compare(root, active, candidate, limit, changes, words)
    if as_json:
        same = active is not None and active.digest == candidate.digest
        print_json({"active": number, "same_rules": same} | changes.as_json())
    else:
        _show(number, active, candidate, changes)


def _active(root: Wiring) -> tuple[int | None, RuleSet | None]:
    try:
        root.store.rule_sets.active_text()
    except InvalidRules:
        return None, None
    return root.store.rule_sets.active()


def _compare(
    root: Wiring, active: RuleSet | None, candidate: RuleSet, limit: int, changes: Changes, words: dict[str, Any]
) -> None:
    choice = chosen(root, None, **words)
    now = dt.datetime.now(dt.UTC)
    pages = root.store.stored_mails.pages(choice)
    emails = itertools.islice((stored.email for page in pages for stored in page), limit)
    with meter("comparing", min(limit, root.store.stored_mails.count(choice))) as count:
        while part := list(itertools.islice(emails, 1_000)):
            compare(active, candidate, part, now, changes)
            count(len(part))


def _show(number: int | None, active: RuleSet | None, candidate: RuleSet, changes: Changes) -> None:
    out = console()
    if active is not None and active.digest == candidate.digest:
        out.print(f"these rules are the active ones (version {number})")
        return
    against = "no rules: none were pushed yet" if active is None else f"version {number}, the active one"
    out.print(f"{changes.compared:,} mails compared with {against}: {changes.changed:,} would be decided otherwise")
    show_changes(changes, ("is", "would be"))
    if changes.changed:
        out.print("nothing was changed. To make these rules the active ones: scripts/agent rules push")
