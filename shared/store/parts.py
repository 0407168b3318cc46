"""Parts on demand: what decisions wish to know of mails, who waits for it, and what came of it; many rows at a time."""

import json
import uuid
from collections.abc import Mapping, Sequence, Set
from typing import Any

from shared.errors import StaleClaim
from shared.records import ArrivedParts, Attachment, PartsWish, WishedMailbox
from shared.rules.model import Decision
from shared.status import Status
from shared.store.arrays import array_literal
from shared.store.database import Database, Transaction

TOGETHER = (100, 10, 1)
"""Wishes taken at once by how often they were tried before: what breaks an answer, or its reader, is found alone."""
BACKOFF_S = 60.0
"""Until a wish that was not answered is tried again; each time four times as long."""
EXCERPT_DAYS = 30
"""How long the text of a mail that is not decided is kept."""


class Parts:
    """Wishes of stored mails; one that was tried `max_attempts` times without an answer is given up."""

    def __init__(self, database: Database, *, max_attempts: int) -> None:
        self._database = database
        self._max_attempts = max_attempts

    def tidy(self, account_id: int, run: uuid.UUID | None = None) -> int:
        """Give up wishes that are hopeless and return how many; erase excerpts that nobody needs any more.

        Also end the claims on uncertain mail whose worker died, so that a person can decide on it.
        """
        with self._database.transaction(relaxed=True) as transaction:
            transaction.run("free_dead_claims", account_id=account_id)
            erase_excerpts(transaction, account_id)
            return int(
                transaction.value("give_up_wishes", account_id=account_id, max_attempts=self._max_attempts, run=run)
            )

    def mailboxes(self, account_id: int) -> list[WishedMailbox]:
        """Return the mailboxes that have wishes to try now."""
        with self._database.transaction() as transaction:
            rows = transaction.all("wished_mailboxes", account_id=account_id)
        return [WishedMailbox(mailbox_id=row["id"], name=row["name"], uidvalidity=row["uidvalidity"]) for row in rows]

    def take(self, account_id: int, mailbox: WishedMailbox, limit: int) -> list[PartsWish]:
        """Take some wishes of a mailbox, never tried ones and newest mail first, and count an attempt of each.

        What is neither put nor given back is tried again later, few together; empty when there is nothing to try now.
        """
        with self._database.transaction(relaxed=True) as transaction:
            for attempts, together in enumerate(TOGETHER):
                rows = transaction.all(
                    "take_wishes",
                    account_id=account_id,
                    mailbox_id=mailbox.mailbox_id,
                    uidvalidity=mailbox.uidvalidity,
                    attempts=attempts,
                    limit=min(limit, together),
                    backoff_s=BACKOFF_S,
                )
                if rows:
                    break
        return [PartsWish(email_id=row["id"], uid=row["uid"], parts=frozenset(row["wanted_parts"])) for row in rows]

    def give_back(self, account_id: int, wishes: Sequence[PartsWish]) -> None:
        """A server asked us to wait: the attempt does not count, and all wishes of the account wait a while."""
        ids = array_literal(wish.email_id for wish in wishes)
        with self._database.transaction() as transaction:
            transaction.run("give_back_wishes", account_id=account_id, ids=ids, backoff_s=BACKOFF_S)

    def put(self, arrived: Sequence[ArrivedParts], run: uuid.UUID | None = None) -> None:
        """Store what came and what cannot be had; StaleClaim and no change if one of these wishes is no more."""
        if not arrived:
            return
        with self._database.transaction(relaxed=True) as transaction:
            stored = int(transaction.value("put_parts", **_columns(arrived), run=run))
            if stored != len(arrived):
                raise StaleClaim

    def postpone(self, account_id: int, mailbox: WishedMailbox) -> None:
        """Count an attempt of all that can be tried now in a mailbox which cannot be opened."""
        with self._database.transaction(relaxed=True) as transaction:
            transaction.run(
                "postpone_wishes",
                account_id=account_id,
                mailbox_id=mailbox.mailbox_id,
                uidvalidity=mailbox.uidvalidity,
                backoff_s=BACKOFF_S,
            )

    def refuse(self, account_id: int, mailbox: WishedMailbox, why: str, run: uuid.UUID | None = None) -> int:
        """Nothing can be had of a mailbox, as it was numbered; return how many wishes end."""
        with self._database.transaction(relaxed=True) as transaction:
            return int(
                transaction.value(
                    "refuse_wishes",
                    account_id=account_id,
                    mailbox_id=mailbox.mailbox_id,
                    uidvalidity=mailbox.uidvalidity,
                    why=why,
                    run=run,
                )
            )


def note_wishes(transaction: Transaction, decisions: Mapping[int, Decision], token: uuid.UUID | None) -> Set[int]:
    """Note what uncertain decisions hang on, of mail claimed by `token`; return the mails that wait for it now.

    The others have nothing left to wish: what they hang on was fetched, or cannot be had.
    """
    wishes = {
        email_id: decision.wanted
        for email_id, decision in decisions.items()
        if decision.wanted and decision.status is Status.UNCERTAIN
    }
    if not wishes:
        return frozenset()
    kinds = {parts: number for number, parts in enumerate(dict.fromkeys(wishes.values()), start=1)}
    rows = transaction.all(
        "note_wishes",
        ids=array_literal(wishes),
        kinds=array_literal(kinds[parts] for parts in wishes.values()),
        parts=[array_literal(sorted(parts)) for parts in kinds],
        token=token,
    )
    return {row["id"] for row in rows}


def erase_excerpts(transaction: Transaction, account_id: int) -> None:
    """Forget the text of mail that is decided, and of mail whose text was fetched long ago."""
    transaction.run("erase_excerpts", account_id=account_id, days=EXCERPT_DAYS)


def read_attachments(stored: Sequence[Mapping[str, Any]] | None) -> tuple[Attachment, ...] | None:
    """Return the attachments of a row; None where they were not fetched."""
    return None if stored is None else tuple(Attachment(**one) for one in stored)


def _columns(arrived: Sequence[ArrivedParts]) -> dict[str, Any]:
    return {
        "ids": array_literal(one.wish.email_id for one in arrived),
        "wanted": [array_literal(sorted(one.wish.parts)) for one in arrived],
        "excerpts": [one.text for one in arrived],
        "attachments": [_attachments_json(one.attachments) for one in arrived],
        "headers": [json.dumps(dict(one.headers), ensure_ascii=False) for one in arrived],
        "unavailable": [array_literal(sorted(one.unavailable)) for one in arrived],
        "whys": [one.why for one in arrived],
    }


def _attachments_json(attachments: tuple[Attachment, ...] | None) -> str | None:
    if attachments is None:
        return None
    listed = [{"name": one.name, "type": one.type, "bytes": one.bytes} for one in attachments]
    return json.dumps(listed, ensure_ascii=False)
