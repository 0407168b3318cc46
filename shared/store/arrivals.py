"""Arriving mail: a chunk, its events and its checkpoint in one transaction; known mail is never doubled."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from shared.records import Checkpoint, NewEmail
from shared.store.database import Transaction, counts

ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
SPECIAL = "\\\t\n\r"


def add_mails(
    transaction: Transaction,
    account_id: int,
    mails: Sequence[NewEmail],
    checkpoint: Checkpoint,
    run: uuid.UUID | None,
) -> Mapping[str, int]:
    """Stage the mails, recognise those we know, store the rest; the caller commits it with the checkpoint."""
    if not mails:
        return {"fetched": 0, "returned": 0, "remapped": 0, "known": 0}
    transaction.run("make_stage")
    transaction.copy("fill_stage", "".join(map(_copy_line, mails)))
    where: dict[str, Any] = {
        "account_id": account_id,
        "mailbox_id": checkpoint.mailbox_id,
        "mailbox": checkpoint.mailbox,
        "uidvalidity": checkpoint.uidvalidity,
        "run": run,
    }
    numbers = _recognise(transaction, where)
    added = int(transaction.value("add_staged", **where))
    known = len(mails) - added - numbers["returned"] - numbers["remapped"]
    return {"fetched": added, **numbers, "known": known}


def _recognise(transaction: Transaction, where: dict[str, Any]) -> dict[str, int]:
    """Take known mail off the stage; each step runs only where it can find something."""
    numbers = {"returned": 0, "remapped": 0}
    relatives = transaction.one("find_relatives", **where) or {}
    if any(relatives.values()):
        transaction.run("drop_known", **where)
    if relatives.get("unsettled"):
        transaction.run("drop_own_copies", **where)
    if relatives.get("renumbered"):
        numbers["remapped"] = int(transaction.value("remap", **where))
    if relatives.get("filed"):
        numbers["returned"] = counts(transaction.one("recognise", **where))["returned"]
    return numbers


def _copy_line(mail: NewEmail) -> str:
    """Return one line in the text format of COPY."""
    headers = json.dumps(dict(mail.headers), ensure_ascii=False, separators=(",", ":"))
    return (
        f"{mail.uid}\t{_array(sorted(mail.flags))}\t{_timestamp(mail.internaldate)}\t{mail.size}\t{mail.identity_hash}\t"
        f"{_escaped(mail.message_id)}\t{_escaped(headers)}\t{_array(mail.defects)}\n"
    )


def _escaped(text: str) -> str:
    return text.translate(ESCAPES) if any(map(text.__contains__, SPECIAL)) else text


def _array(words: Sequence[str]) -> str:
    """Return an array literal, escaped once for the array and once for COPY."""
    if not words:
        return "{}"
    quoted = ('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)
    return _escaped("{" + ",".join(quoted) + "}")


def _timestamp(moment: dt.datetime) -> str:
    return moment.isoformat()
