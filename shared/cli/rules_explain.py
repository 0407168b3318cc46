"""`agent rules explain`: what rules say of one mail now, stored or in a file, with each condition's truth value."""

import datetime as dt
from pathlib import Path
from typing import Any

import click

from shared.cli.console import console, print_json
from shared.cli.explain import condition_rows, rule_rows, show_rules
from shared.cli.rule_files import FILES, load_files
from shared.cli.shown import on_one_line
from shared.cli.stack import in_process
from shared.errors import NotFound
from shared.mail.parse import parse_email
from shared.records import StoredEmail
from shared.rules.diff import Effect, in_words
from shared.rules.explain import AskedNow, ask_now
from shared.rules.fetch_plan import fetch_plan
from shared.rules.rule_set import RuleSet

MAX_FILE_BYTES = 50 << 20


@click.command()
@click.argument("mail")
@FILES
@click.option("--all", "all_conditions", is_flag=True, help="Also the conditions of rules that do not match.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def explain(mail: str, files: tuple[Path, ...], *, all_conditions: bool, as_json: bool) -> None:
    """Say what the rules in FILE would decide about MAIL now, and what each condition says.

    MAIL is a stored mail (its id, or its <Message-ID>) or a file (.eml). Without FILE the active rules are asked.
    What was decided when the mail came: `explain MAIL`.
    """
    email, rule_set = _read(mail, files)
    asked = ask_now(rule_set, email, dt.datetime.now(dt.UTC))
    if as_json:
        print_json(_document(asked))
    else:
        _show(email, asked, all_conditions=all_conditions)


def _read(mail: str, files: tuple[Path, ...]) -> tuple[StoredEmail, RuleSet]:
    """Return the mail and the rules; the database is only asked for what no file says."""
    path = Path(mail)
    is_file = not mail.startswith("<") and not mail.isdigit() and _is_file(path)
    if mail.endswith(".eml") and not is_file:
        raise NotFound(f"there is no file {on_one_line(mail)}")
    if is_file and files:
        rule_set = load_files(files)
        return mail_in(path, rule_set), rule_set
    with in_process() as root:
        rule_set = load_files(files) if files else root.store.rule_sets.active()[1]
        email = mail_in(path, rule_set) if is_file else root.store.emails.get(mail).email
    return email, rule_set


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # what is too long for a name is none
        return False


def mail_in(path: Path, rule_set: RuleSet) -> StoredEmail:
    """Read a mail from a file: all that these rules ask is known; when and where it arrived a file does not say."""
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise NotFound(f"{on_one_line(str(path))} cannot be read: {error.strerror}") from error
    read = parse_email(octets)
    return StoredEmail(
        id=0,
        account="",
        mailbox="INBOX",
        flags=frozenset(),
        internaldate=read.date or dt.datetime.now(dt.UTC),
        size=read.size,
        headers={name: list[str]() for name in fetch_plan(rule_set).headers} | dict(read.headers),
        text=read.text,
        attachments=read.attachments,
    )


def _document(asked: AskedNow) -> dict[str, Any]:
    effect = Effect.of(asked.decision)
    return {
        "decision": effect.as_json() | {"reason": asked.decision.reason},
        "rules": rule_rows(asked.rules),
        "conditions": condition_rows(asked.rules),
    }


def _show(email: StoredEmail, asked: AskedNow, *, all_conditions: bool) -> None:
    out = console()
    for name in ("from", "subject"):
        out.print(f"  {name}: {on_one_line(' | '.join(email.headers.get(name) or []))}")
    out.print(f"{on_one_line(str(Effect.of(asked.decision)))}: {on_one_line(asked.decision.reason)}")
    if asked.decision.wanted:
        out.print(f"  {in_words(asked.decision.wanted)} is fetched when the mail is decided: scripts/agent reclassify")
    show_rules(asked.rules, every_condition=all_conditions)
