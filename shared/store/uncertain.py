"""Mail that no rule decides, in the hands of who asks the language model: claimed one by one, recorded one by one."""

import uuid
from collections.abc import Mapping

from shared.errors import StaleClaim
from shared.records import Lease, StoredEmail
from shared.rules.model import Decision
from shared.status import Status
from shared.store.database import Database, Transaction
from shared.store.decisions import record_decisions, stored_email
from shared.store.parts import erase_excerpts, note_wishes

BACKOFF_S = 600.0
"""Until a mail is asked about again whose call came to nothing."""
DIED = "attempts used up: each worker that asked the language model about it died"


class Uncertain:
    """Rows of `emails` that wait for the model; one that was tried `max_attempts` times in vain waits for a person."""

    def __init__(self, database: Database, *, max_attempts: int) -> None:
        self._database = database
        self._max_attempts = max_attempts

    def tidy(self, account_id: int, run: uuid.UUID | None = None) -> int:
        """End the claims of dead workers; return how many mails went to review, since each worker died of them."""
        with self._database.transaction() as transaction:
            transaction.run("free_dead_claims", account_id=account_id)
            return self._review_used_up(transaction, account_id, DIED, run)

    def look(self, account_id: int, limit: int) -> list[StoredEmail]:
        """Return mail that can be asked about now, newest first."""
        with self._database.transaction() as transaction:
            rows = transaction.all("look_uncertain", account_id=account_id, limit=limit)
        return [stored_email(row) for row in rows]

    def wish(self, decisions: Mapping[int, Decision], lease: Lease | None = None) -> int:
        """Note the parts that undecided mails wait for from now on, each part once; return how many mails wait.

        Of mails claimed under a lease, or of nobody's: a claim ends where its mail waits, the others stay as they are.
        """
        with self._database.transaction(relaxed=True) as transaction:
            return len(note_wishes(transaction, decisions, lease.token if lease else None))

    def claim(self, email_id: int, lease: Lease) -> StoredEmail | None:
        """Claim a mail until the end of the lease and count an attempt; None: it is gone from here, or another's."""
        with self._database.transaction() as transaction:
            row = transaction.one("claim_uncertain", id=email_id, token=lease.token)
        return None if row is None else stored_email(row)

    def record(
        self,
        account_id: int,
        lease: Lease,
        decisions: Mapping[int, Decision],
        rule_set_id: int,
        run: uuid.UUID | None = None,
    ) -> Mapping[str, int]:
        """Record decisions on claimed mail, and forget the text of what is decided; StaleClaim if one is not ours."""
        with self._database.transaction() as transaction:
            recorded = record_decisions(
                transaction, decisions, token=lease.token, rule_set_id=rule_set_id, run=run, was=Status.UNCERTAIN
            )
            erase_excerpts(transaction, account_id)
        return recorded

    def give_back(self, lease: Lease, email_id: int, *, after_s: float = 0.0) -> None:
        """The attempt does not count; the mail may be claimed again after a while. StaleClaim if it is not ours."""
        with self._database.transaction() as transaction:
            _release(transaction, lease, email_id, counted=False, seconds=after_s)

    def fail(self, account_id: int, lease: Lease, email_id: int, why: str, run: uuid.UUID | None = None) -> int:
        """The attempt came to nothing; return 1 where it was the last, so that the mail is in review now."""
        with self._database.transaction() as transaction:
            _release(transaction, lease, email_id, counted=True, seconds=BACKOFF_S)
            return self._review_used_up(transaction, account_id, why, run)

    def _review_used_up(self, transaction: Transaction, account_id: int, why: str, run: uuid.UUID | None) -> int:
        tried_out = transaction.value(
            "review_used_up", account_id=account_id, max_attempts=self._max_attempts, why=why, run=run
        )
        return int(tried_out)


def _release(transaction: Transaction, lease: Lease, email_id: int, *, counted: bool, seconds: float) -> None:
    released = transaction.one("release_uncertain", id=email_id, token=lease.token, counted=counted, seconds=seconds)
    if released is None:
        raise StaleClaim
