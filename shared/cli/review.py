"""`agent review`: the mail that waits for a person, and what the person says."""

from collections.abc import Sequence
from typing import Any

import click

from shared.cli.console import console, numbers, print_json, print_table
from shared.cli.exits import Exit, complain, exit_of, worst
from shared.cli.lazy import Sentences
from shared.cli.shown import on_one_line
from shared.cli.stack import in_process
from shared.cli.words import accounts_at_hand
from shared.errors import EmailAgentError, NotFound
from shared.rules.rule_set import Category
from shared.status import Filing
from shared.store.reviews import WAITS_FOR, WaitingMail
from shared.wiring import Wiring

SHOWN_MAILS = 50
STUCK = frozenset({Filing.UNCLEAR, Filing.FAILED, Filing.HELD})


@click.group(cls=Sentences)
def review() -> None:
    """Show the mail that waits for a person, and decide on it."""


@review.command("list")
@click.option("--account", help="Only mail of this account.", shell_complete=accounts_at_hand)
@click.option("--waits-for", type=click.Choice(WAITS_FOR), help="Only mail that waits for this.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=SHOWN_MAILS, show_default=True, help="At most this many mails."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def list_reviews(*, account: str | None, waits_for: str | None, limit: int, as_json: bool) -> None:
    """List mail that no rule decided, whose filing failed or is held, or that nobody can find."""
    with in_process() as root:
        if account is not None:
            root.store.accounts.get(account)
        counts = root.store.reviews.count(account)
        waiting = root.store.reviews.list(account=account, waits_for=waits_for, limit=limit)
    if as_json:
        print_json({"counts": dict(counts), "mails": [_row(mail) for mail in waiting]})
        return
    console().print(f"waiting for a person: {numbers(counts)}")
    if waiting:
        print_table(("mail", "account", "mailbox", "waits for", "from", "subject", "why"), [_cells(m) for m in waiting])
        console().print("to decide: scripts/agent review decide MAIL --category NAME | --keep | --retry")


@review.command()
@click.argument("mails", nargs=-1, required=True, metavar="MAIL...")
@click.option("--category", help="What it is: a category of the active rules. It is filed as that category says.")
@click.option("--keep", is_flag=True, help="It stays where it is.")
@click.option("--retry", is_flag=True, help="Ask the rules again, or try again to file it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def decide(mails: tuple[str, ...], *, category: str | None, keep: bool, retry: bool, as_json: bool) -> int:
    """Decide on each MAIL (its id, or its <Message-ID>): what it is, that it stays, or that it is tried again."""
    if sum([category is not None, keep, retry]) != 1:
        raise click.UsageError("say one of --category NAME, --keep and --retry")
    decided: list[dict[str, Any]] = []
    failed: list[Exit] = []
    with in_process() as root:
        chosen = _category(root, category) if category is not None else None
        for mail in mails:
            try:
                decided.append(_decide(root, mail, chosen, keep=keep))
            except EmailAgentError as error:
                complain(type(error).__name__, error.detail, error.hint, as_json=as_json)
                failed.append(exit_of(error))
    if as_json:
        print_json({"decided": decided, "failed": len(failed)})
    else:
        _show_decided(decided)
    return worst(failed)


def _category(root: Wiring, name: str) -> Category:
    categories: dict[str, Category] = root.store.rule_sets.active()[1].categories
    if name not in categories:
        known = ", ".join(sorted(categories)) or "none"
        raise NotFound(f"the active rules have no category {name!r}", hint=f"known: {known}")
    return categories[name]


def _decide(root: Wiring, mail: str, category: Category | None, *, keep: bool) -> dict[str, Any]:
    email_id = root.store.emails.get(mail).email.id
    if category is not None:
        became = str(root.store.reviews.categorise(email_id, category.name, category.actions))
    elif keep:
        became = str(root.store.reviews.keep(email_id))
    else:
        became = str(root.store.reviews.retry(email_id))
    return {"id": email_id, "became": became}


def _show_decided(decided: Sequence[dict[str, Any]]) -> None:
    out = console()
    for one in decided:
        out.print(f"mail {one['id']}: {one['became']}")
    if any(one["became"] in ("pending", "fetched") for one in decided):
        out.print("the next sync does it: scripts/agent sync")


def _waits_for(mail: WaitingMail) -> str:
    return str(mail.filing if mail.filing in STUCK else mail.status)


def _row(mail: WaitingMail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "account": mail.account,
        "mailbox": mail.mailbox,
        "waits_for": _waits_for(mail),
        "status": str(mail.status),
        "filing": str(mail.filing),
        "internaldate": mail.internaldate.isoformat(),
        "from": _header(mail, "from"),
        "subject": _header(mail, "subject"),
        "why": mail.why,
        "run": None if mail.run is None else str(mail.run),
    }


def _cells(mail: WaitingMail) -> tuple[object, ...]:
    why = f"sync --confirm {mail.run}" if mail.run else on_one_line(mail.why, 60)
    return (
        mail.id,
        on_one_line(mail.account, 20),
        on_one_line(mail.mailbox, 30),
        _waits_for(mail),
        on_one_line(_header(mail, "from"), 40),
        on_one_line(_header(mail, "subject"), 50),
        why,
    )


def _header(mail: WaitingMail, name: str) -> str:
    return " ".join(mail.headers.get(name, ())[:1])
