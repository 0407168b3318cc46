"""What another set of rules would change, as a person reads it."""

from shared.cli.console import console, print_table
from shared.cli.shown import on_one_line
from shared.rules.diff import Changes, in_words

KINDS_SHOWN = 40


def show_changes(changes: Changes, columns: tuple[str, str]) -> None:
    """Print a table of the changes, the most frequent first, and what must be fetched before."""
    kinds = changes.kinds
    rows = [
        (
            f"{change.mails:,}",
            on_one_line(str(change.was)),
            on_one_line(str(change.becomes)),
            ", ".join(map(str, change.samples)),
        )
        for change in kinds[:KINDS_SHOWN]
    ]
    if rows:
        print_table(("mails", *columns, "such as"), rows)
    if len(kinds) > KINDS_SHOWN:
        console().print(f"and {len(kinds) - KINDS_SHOWN} more kinds of change")
    if changes.waiting:
        mails = "1 mail needs" if changes.waiting == 1 else f"{changes.waiting:,} mails need"
        console().print(f"{mails} something fetched first: {in_words(changes.wanted)}")
