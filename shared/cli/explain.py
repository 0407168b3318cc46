"""`agent explain`: why a mail is where it is."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from shared.cli.console import console, print_json, print_table
from shared.cli.stack import in_process
from shared.records import LoggedAction
from shared.rules.rule_set import RuleSet
from shared.store.history import EmailHistory

SAID = {"t": "true", "f": "false", "u": "not fetched", "-": "not asked"}
SHOWN_HEADERS = ("from", "subject", "date", "list-id")


@click.command()
@click.argument("mail")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def explain(mail: str, *, as_json: bool) -> None:
    """Show what was decided about MAIL (its id, or its <Message-ID>), by whom, and what was done."""
    with in_process() as root:
        history = root.store.emails.get(mail)
        rule_set = root.store.rule_sets.version(history.rule_set_id) if history.rule_set_id else None
    document = _document(history, rule_set)
    if as_json:
        print_json(document)
    else:
        _show(document)


def _document(history: EmailHistory, rule_set: RuleSet | None) -> dict[str, Any]:
    return {
        "email": _email(history),
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
        "conditions": _conditions(history.trace or "", rule_set),
        "events": [asdict(event) | {"at": event.at.isoformat()} for event in history.events],
        "actions": [_action(action) for action in history.actions],
    }


def _email(history: EmailHistory) -> dict[str, Any]:
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


def _conditions(trace: str, rule_set: RuleSet | None) -> list[dict[str, Any]]:
    """Pair each condition that was asked with what it said."""
    if rule_set is None:
        return []
    pairs = zip(rule_set.conditions, trace, strict=False)
    return [
        {"rule": info.rule, "line": info.line, "condition": info.text, "value": SAID.get(said, said)}
        for info, said in pairs
        if said != "-"
    ]


def _show(document: dict[str, Any]) -> None:
    out = console()
    email, decision = document["email"], document["decision"]
    out.print(f"mail {email['id']} of {email['account']}, in {email['mailbox']}")
    for name, values in email["headers"].items():
        out.print(f"  {name}: {_on_one_line(' | '.join(values))}")
    out.print(f"status {document['status']}, filing {document['filing']}")
    out.print(f"decided by {decision['decided_by'] or 'nobody'}: {decision['category'] or 'no category'}")
    if decision["reason"]:
        out.print(f"  {decision['reason']}")
    _table(document["conditions"], "conditions that were asked", ("rule", "line", "condition", "value"))
    _table(document["events"], "events", ("at", "what", "was", "became", "by", "why"))
    _table(document["actions"], "actions", ("kind", "target", "state", "error"))


def _table(rows: list[dict[str, Any]], title: str, columns: Sequence[str]) -> None:
    if rows:
        print_table(
            columns, [["" if row[column] is None else row[column] for column in columns] for row in rows], title
        )


def _on_one_line(text: str) -> str:
    """A header is a stranger's text: it must not move the cursor."""
    return "".join(character if character.isprintable() else "�" for character in text)
