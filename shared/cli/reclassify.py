"""`agent reclassify`: give stored mail back to the rules where the active ones say something else now."""

import datetime as dt
import sys
from typing import Any

import click

from shared.cli.changes import show_changes
from shared.cli.choice import DECIDED, chosen, mail_options
from shared.cli.console import console, print_json
from shared.cli.exits import Exit
from shared.cli.meter import meter
from shared.cli.stack import in_process
from shared.rules.reclassify import Fate, Preview, Reach
from shared.store.stored_mails import MailChoice
from shared.wiring import Wiring

MAX_MAILS = 100_000
BATCH_MAILS = 1_000
"""Mails sent back in one transaction."""

LEFT_ALONE = {
    Fate.FILED: "filed already; --filed includes them",
    Fate.BY_PERSON: "kept, moved or decided by a person; --kept includes them",
    Fate.BUSY: "at work, copied before, or their place is not known",
}


@click.command()
@mail_options
@click.option(
    "--status",
    "statuses",
    type=click.Choice([str(status) for status in DECIDED]),
    multiple=True,
    help="Only mail of this status; repeatable. Default: all.",
)
@click.option("--filed", is_flag=True, help="Also mail that was filed already: it may be moved again.")
@click.option("--kept", is_flag=True, help="Also mail that a person kept, moved back or decided.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000_000),
    default=MAX_MAILS,
    show_default=True,
    help="Give back at most this many mails, those stored last.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be decided otherwise.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def reclassify(
    *,
    statuses: tuple[str, ...],
    filed: bool,
    kept: bool,
    limit: int,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **words: Any,
) -> int:
    """Let the active rules decide stored mail anew, where they say something else now.

    Shows what would change, and asks. The next `sync` decides these mails and files them, with all its brakes.
    """
    with in_process() as root:
        number, rule_set = root.store.rule_sets.active()
        reach = Reach(filed=filed, kept=kept, limit=limit)
        preview = Preview(rule_set=rule_set, rule_set_id=number, now=dt.datetime.now(dt.UTC), reach=reach)
        _look(root, preview, chosen(root, statuses or DECIDED, **words))
        if not as_json:
            _show(preview, number)
        outcome = _outcome(preview, dry_run=dry_run, yes=yes, as_json=as_json)
        sent_back = _send_back(root, preview) if outcome == "done" else 0
    if as_json:
        print_json(_document(preview, number) | {"outcome": outcome, "sent_back": sent_back})
    else:
        _show_outcome(outcome, preview, sent_back)
    return Exit.WAITS if outcome == "waits" else Exit.OK


def _look(root: Wiring, preview: Preview, choice: MailChoice) -> None:
    with meter("deciding", root.store.stored_mails.count(choice)) as count:
        for page in root.store.stored_mails.pages(choice):
            preview.look(page)
            count(len(page))
            if preview.is_full:
                return


def _outcome(preview: Preview, *, dry_run: bool, yes: bool, as_json: bool) -> str:
    if not preview.fates[Fate.BACK]:
        return "nothing"
    if dry_run:
        return "dry_run"
    if yes:
        return "done"
    if as_json or not sys.stdin.isatty():
        return "waits"
    return "done" if click.confirm(f"Decide these {preview.fates[Fate.BACK]:,} mails anew?", err=True) else "declined"


def _send_back(root: Wiring, preview: Preview) -> int:
    sent = 0
    with meter("giving back", preview.fates[Fate.BACK]) as count:
        for filing, ids in preview.back.items():
            for start in range(0, len(ids), BATCH_MAILS):
                batch = ids[start : start + BATCH_MAILS]
                sent += root.store.reclassify.send_back(batch, filing)
                count(len(batch))
    return sent


def _document(preview: Preview, number: int) -> dict[str, Any]:
    left = {str(fate): preview.fates[fate] for fate in LEFT_ALONE}
    return {"rule_set": number} | preview.changes.as_json() | {"left_alone": left, "stay_as_older": preview.older}


def _show(preview: Preview, number: int) -> None:
    out = console()
    changes = preview.changes
    out.print(
        f"{changes.compared:,} mails decided by version {number}, the active rules:"
        f" {changes.changed:,} would be decided otherwise"
    )
    show_changes(changes, ("was", "would be"))
    for fate, why in LEFT_ALONE.items():
        if preview.fates[fate]:
            out.print(f"{preview.fates[fate]:,} more are left alone: {why}")
    if preview.older:
        out.print(f"{preview.older:,} stay where they are: older than what was approved for filing")
    if preview.is_full:
        out.print(f"the limit of {preview.reach.limit:,} is reached: run it again for the rest")


def _show_outcome(outcome: str, preview: Preview, sent_back: int) -> None:
    out = console()
    if outcome == "done":
        out.print(f"{sent_back:,} mails wait to be decided anew: scripts/agent sync")
        if changed := preview.fates[Fate.BACK] - sent_back:
            out.print(f"{changed:,} changed meanwhile and stay as they are")
    elif outcome in ("dry_run", "declined"):
        out.print("nothing was changed")
    elif outcome == "waits":
        click.echo("waits for your word: run it again with --yes", err=True)
