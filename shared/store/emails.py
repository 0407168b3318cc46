"""Mails: how they arrive, how they are classified, and what is known of each."""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from shared.errors import NotFound, StaleClaim
from shared.records import Checkpoint, NewEmail, StoredEmail
from shared.rules.model import Decision
from shared.store.arrivals import add_mails
from shared.store.database import Database, Transaction, counts
from shared.store.decisions import record_decisions, stored_email
from shared.store.history import EmailHistory, read_history
from shared.store.parts import erase_excerpts

DECIDED_TOGETHER = 1_000
"""Mails recorded in one statement while the next are decided."""


class Emails:
    """Rows of `emails` and `mailboxes`; a mail that kills its worker `max_attempts` times is given up."""

    def __init__(self, database: Database, *, max_attempts: int) -> None:
        self._database = database
        self._max_attempts = max_attempts

    def checkpoint(self, account_id: int, mailbox: str) -> Checkpoint:
        """Return how far a mailbox was read."""
        with self._database.transaction() as transaction:
            row = transaction.one("open_checkpoint", account_id=account_id, mailbox=mailbox)
        if row is None:
            raise NotFound("there is no such mailbox")
        return Checkpoint(
            mailbox_id=row["id"],
            mailbox=row["name"],
            uidvalidity=row["uidvalidity"],
            uid_low=row["uid_low"],
            uid_high=row["uid_high"],
            window_since=row["window_since"],
        )

    def waiting(self, account_id: int) -> Mapping[str, int]:
        """Count mails `to_classify`, `wanted`, `uncertain`, `to_ask`, `to_apply`; see the port."""
        with self._database.transaction() as transaction:
            return counts(transaction.one("count_waiting", account_id=account_id))

    def known_uids(self, account_id: int, mailbox: str, uidvalidity: int, low: int) -> set[int]:
        """Return the UIDs from `low` on that are the place of a known mail, or a copy that we made."""
        with self._database.transaction() as transaction:
            rows = transaction.all(
                "known_uids", account_id=account_id, mailbox=mailbox, uidvalidity=uidvalidity, low=low
            )
        return {row["uid"] for row in rows}

    def add(
        self,
        account_id: int,
        mails: Sequence[NewEmail],
        checkpoint: Checkpoint,
        run: uuid.UUID | None = None,
        *,
        was: Checkpoint | None = None,
    ) -> Mapping[str, int]:
        """Store one chunk together with the checkpoint that says so; replays add nothing.

        Counts `fetched` (new rows), `returned` (filed mail that came back), `remapped` and `known`. StaleClaim unless
        the mailbox is read as far as `was` says: a crash may have forgotten the chunk before, which nobody would read
        again once the checkpoint is past it. The chunk that reads a mailbox to its end counts `vanished` too: what was
        pending under an older UIDVALIDITY. No later call would look, since nothing is left to read.
        """
        with self._database.transaction(relaxed=True) as transaction:
            _save(transaction, checkpoint, was)
            done = add_mails(transaction, account_id, mails, checkpoint, run)
            if was is None or was.uid_low == 1 or checkpoint.uid_low != 1:
                return done
            return {**done, "vanished": _end_remap(transaction, checkpoint)}

    def forget_uidvalidity(self, checkpoint: Checkpoint, uidvalidity: int) -> Checkpoint:
        """Start reading a mailbox anew under another UIDVALIDITY."""
        anew = replace(checkpoint, uidvalidity=uidvalidity, uid_low=None, uid_high=None)
        with self._database.transaction() as transaction:
            _save(transaction, anew)
        return anew

    def widen_window(self, checkpoint: Checkpoint, windows_days: Sequence[int]) -> Checkpoint:
        """Open the next of these windows, the first for a mailbox that has none; after the last all mail is read."""
        with self._database.transaction(relaxed=True) as transaction:
            row = transaction.one("widen_window", mailbox_id=checkpoint.mailbox_id, days=list(windows_days))
        if row is None:
            raise NotFound("there is no such mailbox")
        return replace(checkpoint, window_since=row["window_since"])

    def classify(
        self,
        account_id: int,
        limit: int,
        decide: Callable[[StoredEmail], Decision],
        rule_set_id: int,
        run: uuid.UUID | None = None,
    ) -> Mapping[str, int]:
        """Claim up to `limit` fetched mails, decide and record, in ONE transaction; counts by status and `claimed`.

        While PostgreSQL records some, the next are decided.
        """
        tally: Counter[str] = Counter(claimed=0)
        with self._database.transaction(relaxed=True) as transaction, ThreadPoolExecutor(max_workers=1) as recorder:
            rows = transaction.run("lock_fetched", account_id=account_id, limit=limit)
            recorded: Future[Mapping[str, int]] | None = None
            while part := rows.fetchmany(DECIDED_TOGETHER):
                tally["claimed"] += len(part)
                decisions = {mail.id: decide(mail) for mail in map(stored_email, part)}
                tally.update(recorded.result() if recorded else {})
                recorded = recorder.submit(
                    record_decisions, transaction, decisions, token=None, rule_set_id=rule_set_id, run=run
                )
            tally.update(recorded.result() if recorded else {})
            erase_excerpts(transaction, account_id)
        return tally

    def give_back_outdated(self, account_id: int, rule_set_id: int, run: uuid.UUID | None = None) -> int:
        """Let the rules decide anew what waits to be filed and was decided by older ones, or over a day ago."""
        with self._database.transaction(relaxed=True) as transaction:
            return int(transaction.value("give_back_outdated", account_id=account_id, rule_set_id=rule_set_id, run=run))

    def claim_careful(self, account_id: int, limit: int, seconds: float, token: uuid.UUID) -> list[StoredEmail]:
        """Commit a claim before deciding; a mail of a dead claim comes alone, and fails with its last attempt."""
        claim = {"account_id": account_id, "token": token, "seconds": seconds}
        with self._database.transaction() as transaction:
            transaction.run("fail_poison", account_id=account_id, max_attempts=self._max_attempts)
            if transaction.one("claim_dead", **claim) is None:
                transaction.run("claim_fresh", **claim, limit=limit)
            return [stored_email(row) for row in transaction.all("read_claimed", token=token)]

    def record_careful(
        self,
        token: uuid.UUID,
        decisions: Mapping[int, Decision],
        rule_set_id: int,
        run: uuid.UUID | None = None,
    ) -> Mapping[str, int]:
        """Record decisions on mail claimed by `token`; StaleClaim and no change if one is no longer ours."""
        with self._database.transaction(relaxed=True) as transaction:
            return record_decisions(transaction, decisions, token=token, rule_set_id=rule_set_id, run=run)

    def get(self, mail: str) -> EmailHistory:
        """Return all that is known of a mail, by id or Message-ID (of twins the one that came last)."""
        with self._database.transaction() as transaction:
            return read_history(transaction, mail)


def _end_remap(transaction: Transaction, checkpoint: Checkpoint) -> int:
    gone = transaction.value("end_remap", mailbox_id=checkpoint.mailbox_id, uidvalidity=checkpoint.uidvalidity)
    return int(gone)


def _save(transaction: Transaction, checkpoint: Checkpoint, was: Checkpoint | None = None) -> None:
    before = was or checkpoint
    saved = transaction.one(
        "save_checkpoint",
        mailbox_id=checkpoint.mailbox_id,
        uidvalidity=checkpoint.uidvalidity,
        uid_low=checkpoint.uid_low,
        uid_high=checkpoint.uid_high,
        continues=was is not None,
        was_uidvalidity=before.uidvalidity,
        was_uid_low=before.uid_low,
        was_uid_high=before.uid_high,
    )
    if saved is None and was is not None:
        raise StaleClaim("the store knows less, or more, of this mailbox than was read: the next call reads on")
    if saved is None:
        raise NotFound("there is no such mailbox")
