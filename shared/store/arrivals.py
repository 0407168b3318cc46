"""Arriving mail: a chunk, its events and its checkpoint in one transaction; known mail is never doubled."""

import uuid
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from shared.records import Checkpoint, NewEmail
from shared.store.arrays import array_literal
from shared.store.database import Transaction, counts


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
    if relatives.get("unsettled") or relatives.get("copied"):
        transaction.run("drop_own_copies", **where)
    if relatives.get("copies_renumbered"):
        transaction.run("follow_copies", **where)
    if relatives.get("renumbered"):
        numbers["remapped"] = int(transaction.value("remap", **where))
    if relatives.get("filed"):
        numbers["returned"] = counts(transaction.one("recognise", **where))["returned"]
    return numbers


def _copy_line(mail: NewEmail) -> str:
    """Return one line in the text format of COPY; JSON shows control characters escaped, so it has only backslashes."""
    headers = orjson.dumps(mail.headers).decode().replace("\\", "\\\\")
    flags, defects = _array(tuple(sorted(mail.flags))), _array(mail.defects)
    return (
        f"{mail.uid}\t{flags}\t{mail.internaldate.isoformat()}\t{mail.size}\t{mail.identity_hash}\t"
        f"{_escaped(mail.message_id)}\t{headers}\t{defects}\n"
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


@lru_cache(maxsize=4096)
def _array(words: tuple[str, ...]) -> str:
    """Return an array literal, escaped once for the array and once for COPY."""
    return _escaped(array_literal(words))
