"""`agent explain`: why a mail is where it is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from shared.cli.console import console, print_json, print_table
from shared.cli.shown import on_one_line
from shared.cli.stack import in_process
from shared.cli.why import why
from shared.errors import InvalidRules, NotFound
from shared.records import LoggedAction
from shared.rules.explain import RuleSaid, Said, retell
from shared.rules.rule_set import ConditionInfo, RuleSet
from shared.store.history import EmailHistory
from shared.wiring import Wiring

SAID = {"t": "true", "f": "false", "u": "not fetched", "-": "not asked"}
SECONDS = len("2026-03-01T12:00:00")
SHOWN_HEADERS = ("from", "subject", "date", "list-id")


@click.command()
@click.argument("mail")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def explain(mail: str, *, as_json: bool) -> None:
    """Show what was decided about MAIL (its id, or its <Message-ID>), by whom, and what was done.

    The conditions are shown as they were when it was decided. What the rules say now: `rules explain`.
    """
    with in_process() as root:
        history = root.store.emails.get(mail)
        rule_set = _rules_of(root, history)
    rules = retell(rule_set, history.trace or "") if rule_set else ()
    document = _document(history, rule_set, rules)
    if as_json:
        print_json(document)
    else:
        _show(document, rules)


def _rules_of(root: Wiring, history: EmailHistory) -> RuleSet | None:
    """Return the version that decided; None where nothing did, or where that text is no rule set any more."""
    if history.rule_set_id is None:
        return None
    try:
        version: RuleSet = root.store.rule_sets.version(history.rule_set_id)
    except (InvalidRules, NotFound):
        return None
    return version


def _document(history: EmailHistory, rule_set: RuleSet | None, rules: Sequence[RuleSaid]) -> dict[str, Any]:
    return {
        "email": email_document(history),
        "status": str(history.status),
        "filing": str(history.filing),
        "decision": {
            "category": history.category,
            "decided_by": history.decided_by,
            "confidence": history.confidence,
            "reason": history.reason,
            "rule_set": history.rule_set_id,
            "processed_at": history.processed_at.isoformat() if history.processed_at else None,
            "processing_time_ms": history.processing_time_ms,
        },
        "why": why(history, rule_set, rules),
        "rules": rule_rows(rules),
        "conditions": condition_rows(rules),
        "events": [asdict(event) | {"at": event.at.isoformat()} for event in history.events],
        "actions": [_action(action) for action in history.actions],
    }


def email_document(history: EmailHistory) -> dict[str, Any]:
    """Return what a mail is, and where."""
    email = history.email
    return {
        "id": email.id,
        "account": email.account,
        "message_id": history.message_id,
        "mailbox": email.mailbox,
        "ref": asdict(history.ref) if history.ref else None,
        "internaldate": email.internaldate.isoformat(),
        "size": email.size,
        "flags": sorted(email.flags),
        "headers": {name: email.headers[name] for name in SHOWN_HEADERS if email.headers.get(name)},
        "defects": list(history.defects),
    }


def _action(action: LoggedAction) -> dict[str, Any]:
    return {
        "id": action.id,
        "kind": str(action.kind),
        "target": action.target,
        "state": str(action.state),
        "source": asdict(action.source) if action.source else None,
        "target_mailbox": action.target_mailbox,
        "target_uid": action.target_uid,
        "undoes": action.undoes,
        "error": action.error,
    }


def rule_rows(rules: Sequence[RuleSaid]) -> list[dict[str, Any]]:
    """Return each rule with what it said."""
    return [{"rule": one.rule.name, "line": one.rule.place.line, "said": str(one.said)} for one in rules]


def said(info: ConditionInfo, letter: str) -> str:
    """Return what a condition said, in words; without a part of the mail to fetch, it is the authors who differ."""
    return "true of one author only" if letter == "u" and info.part is None else SAID.get(letter, letter)


def condition_rows(rules: Sequence[RuleSaid]) -> list[dict[str, Any]]:
    """Return each condition that was asked with what it said."""
    return [
        {"rule": info.rule, "line": info.line, "condition": info.text, "value": said(info, letter)}
        for one in rules
        for info, letter in one.conditions
        if letter != "-"
    ]


def _show(document: dict[str, Any], rules: Sequence[RuleSaid]) -> None:
    out = console()
    email, decision = document["email"], document["decision"]
    out.print(f"mail {email['id']} of {email['account']}, in {on_one_line(email['mailbox'])}")
    for name, values in email["headers"].items():
        out.print(f"  {name}: {on_one_line(' | '.join(values))}")
    out.print(f"status {document['status']}, filing {document['filing']}")
    out.print(f"decided by {decision['decided_by'] or 'nobody'}: {decision['category'] or 'no category'}")
    for sentence in document["why"]:
        out.print(f"  {sentence}")
    show_rules(rules)
    events = [event | {"at": event["at"][:SECONDS].replace("T", " ")} for event in document["events"]]
    _table(events, "events (UTC)", ("at", "what", "was", "became", "by", "why"))
    _table(document["actions"], "actions", ("kind", "target", "state", "error"))


def show_rules(rules: Sequence[RuleSaid], *, every_condition: bool = False) -> None:
    """Print the rules that were asked in their order, each condition of those that did not just say no.

    `every_condition`: also of those that did.
    """
    rows: list[tuple[object, ...]] = []
    for one in rules:
        if one.said is Said.NOT_ASKED:
            continue
        rows.append((one.rule.name, one.rule.place.line, "", one.said))
        if every_condition or one.said is not Said.NO:
            rows += [("", info.line, on_one_line(info.text), said(info, letter)) for info, letter in one.conditions]
    if rows:
        print_table(("rule", "line", "condition", "said"), rows, "the rules in their order")
    counts = Counter(one.said for one in rules)
    if counts[Said.NOT_ASKED] and rows:
        console().print(f"{counts[Said.NOT_ASKED]} of {len(rules)} rules were not asked")


def _table(rows: list[dict[str, Any]], title: str, columns: Sequence[str]) -> None:
    if rows:
        cells = [["" if row[column] is None else on_one_line(str(row[column])) for column in columns] for row in rows]
        print_table(columns, cells, title, whole=("at",))
