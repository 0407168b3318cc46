"""A mail's history in sentences."""

import datetime as dt
from typing import Any

import pytest

from shared.cli.explain import condition_rows
from shared.cli.why import why
from shared.records import ActionKind, EmailRef, LoggedAction, StoredEmail
from shared.rules.explain import ask_now
from shared.rules.load import load_rules
from shared.status import ActionState, Filing, Status
from shared.store.history import EmailEvent, EmailHistory

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def history(status: Status = Status.CLASSIFIED, filing: Filing = Filing.NONE, **fields: Any) -> EmailHistory:
    email = StoredEmail(id=7, account="work", mailbox="INBOX", flags=frozenset(), internaldate=NOW, size=1, headers={})
    usual: dict[str, Any] = {
        "message_id": "<m@x>",
        "ref": None,
        "defects": (),
        "category": "bills",
        "decided_by": "rule:bills",
        "confidence": None,
        "reason": "rule bills (rules.yml:3)",
        "trace": "",
        "rule_set_id": 1,
        "processing_time_ms": 0.1,
        "processed_at": NOW,
        "attempts": 0,
        "events": (),
        "actions": (),
    }
    return EmailHistory(email=email, status=status, filing=filing, **usual | fields)


def filing_event(why: str, by: str) -> EmailEvent:
    return EmailEvent(at=NOW, what="filing", was="applied", became="kept", why=why, by=by, run=None)


def action(
    kind: ActionKind, target: str, state: ActionState = ActionState.DONE, undoes: int | None = None
) -> LoggedAction:
    source = EmailRef(mailbox="INBOX", uidvalidity=1, uid=1)
    return LoggedAction(id=1, email_id=7, kind=kind, target=target, state=state, source=source, undoes=undoes)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("filing", Filing)
@pytest.mark.parametrize("decided_by", ["rule:bills", "person", "memory", "model", "llm", "error", None])
def test_every_mail_has_a_story(status: Status, filing: Filing, decided_by: str | None) -> None:
    """Whatever a mail is and wherever: whole sentences."""
    told = why(history(status, filing, decided_by=decided_by), None, ())

    assert told
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in told)


@pytest.mark.parametrize(
    ("decided_by", "expected"),
    [
        ("rule:bills", "Rule bills decided (rules.yml:3): it is bills."),
        ("person", "A person decided: it is bills."),
        ("memory", "What is remembered of its sender decided: it is bills."),
        ("llm", "The language model decided: it is bills."),
    ],
)
def test_who_decided(decided_by: str, expected: str) -> None:
    """Rule with its place, person, memory, model."""
    assert expected == why(history(decided_by=decided_by), None, ())[0]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (filing_event("moved back", "person"), "It stays where it is: moved back (a person's word)."),
        (filing_event("a draft: left alone", "apply-actions"), "It stays where it is: a draft: left alone."),
        (filing_event("reclassify", "person"), "It stays where it is."),
    ],
)
def test_why_it_stays(event: EmailEvent, expected: str) -> None:
    """The last event of its filing says it, and whether that was a person's word."""
    assert expected == why(history(filing=Filing.KEPT, events=(event,)), None, ())[-1]


def test_what_was_done() -> None:
    """Effects that the server has seen, without those that take others back, and without refused ones."""
    actions = (
        action(ActionKind.FLAG, "$Bill"),
        action(ActionKind.UNFLAG, "\\Seen"),
        action(ActionKind.FLAG, "$No", ActionState.REFUSED),
        action(ActionKind.COPY, "Taxes", ActionState.DONE_SOURCE_LEFT),
        action(ActionKind.MOVE, "Bills"),
        action(ActionKind.MOVE, "INBOX", undoes=4),
    )

    told = why(history(filing=Filing.APPLIED, actions=actions), None, ())

    assert [
        "It got the flag $Bill.",
        "It lost the flag \\Seen.",
        "It was copied to Taxes.",
        "It was moved from INBOX to Bills.",
    ] == told[1:]


def test_a_strangers_text_does_not_move_the_cursor() -> None:
    """Reasons, categories and mailboxes are shown on one line."""
    moved = action(ActionKind.MOVE, "A\x1b[2J\n")

    told = why(history(filing=Filing.APPLIED, category="b\x1b[31m", actions=(moved,)), None, ())

    assert not [sentence for sentence in told if not sentence.isprintable()]


def test_a_second_author_is_not_called_something_to_fetch() -> None:
    """A rule that hangs on who sent the mail says so; nothing that is fetched would settle it."""
    rules = load_rules("version: 1\nrules:\n- {name: bills, when: {from: a@x.example}, then: keep}\n")
    mail = StoredEmail(
        id=7,
        account="work",
        mailbox="INBOX",
        flags=frozenset(),
        internaldate=NOW,
        size=1,
        headers={"from": ["a@x.example, b@y.example"]},
    )
    asked = ask_now(rules, mail, NOW)

    told = why(history(Status.UNCERTAIN, decided_by=None), None, asked.rules)

    assert "Whether rule bills matches could not be told: From names other people beside." in told
    assert ["true of one author only"] == [row["value"] for row in condition_rows(asked.rules)]
