"""fetch-batch: copy new mail of an account's mailboxes into the store (nothing -> fetched). Never writes there."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

from shared.batch import Batch
from shared.clock import now
from shared.errors import BadAnswer, NotFound
from shared.mail.fetched import new_email
from shared.pipeline.fetch_parts import fetch_parts
from shared.pipeline.fetch_ranges import Chunk, Span, begin, chunks, is_read, is_sparse, unread
from shared.pipeline.limits import Limits
from shared.pipeline.ports import OpenMailbox, Store
from shared.pipeline.reconcile import settle_stale
from shared.pipeline.visit import Visit, failures_noted, visit
from shared.pipeline.waiting import waiting
from shared.records import Account, Checkpoint, MailboxStatus, Mode, NewEmail, Run

A_DAY = timedelta(days=1)
SEARCH_SPAN = 100_000
"""UIDs one search covers: its answer stays small on a mailbox with millions of UIDs."""


def fetch_batch(batch: Batch, *, store: Store, open_mailbox: OpenMailbox, limits: Limits) -> Batch:
    """Fetch parts that decisions hang on, then read what is new in each listed mailbox; `more` when some is left.

    Both together at most `batch.limit` mails. Counts: fetched, returned, remapped, known, parts, unavailable, and what
    now waits: to_classify, wanted, uncertain, to_ask, to_apply. A call with `final` closes the run when nothing waits.
    """
    started = now()
    account = store.accounts.get(batch.account)
    if batch.mailbox not in (None, *account.mailboxes):
        raise NotFound("the account reads no mailbox of that name")
    if account.mode is Mode.PAUSED or store.accounts.paused():
        return batch.answer("fetch-batch", {}, outcome="paused", mode=account.mode.value)
    run = store.runs.open(account.id, batch.run, dry_run=batch.dry_run)
    with failures_noted(store, account, run):
        counts, more, commands = _read(batch, account, run, store, open_mailbox, limits, started)
        left = waiting(store, account.id, limits)
    idle = not more and not any(left[key] for key in ("to_classify", "wanted", "to_ask", "to_apply"))
    if run.finished or (batch.final and idle):
        store.runs.close(run.id, "done")
        if not counts["missing_mailboxes"]:
            store.accounts.record_success(account.id)
    return batch.answer(
        "fetch-batch",
        {**counts, **left},
        more=more,
        ms=round((now() - started) * 1000),
        mode=account.mode.value,
        outcome="done" if batch.final and idle else None,
        imap_commands=commands,
    )


def _read(
    batch: Batch, account: Account, run: Run, store: Store, open_mailbox: OpenMailbox, limits: Limits, started: float
) -> tuple[Counter[str], bool, int]:
    counts: Counter[str] = Counter()
    names = (batch.mailbox,) if batch.mailbox else account.mailboxes
    budget = min(batch.limit or limits.fetch_mails, limits.fetch_mails)
    more = False
    with visit(account, run, store=store, open_mailbox=open_mailbox, limits=limits, started=started) as at:
        settle_stale(at)
        budget -= fetch_parts(at, counts, budget)
        more = budget <= 0 or not at.in_time
        extra_headers = store.rule_sets.active()[1].extra_headers
        checkpoints = [] if more else [store.emails.checkpoint(account.id, name) for name in names]
        for checkpoint in _with_news(at, checkpoints):
            left = budget - counts["asked"]
            if left <= 0 or not at.in_time:
                more = True
                break
            try:
                more |= Reader(at, counts, extra_headers).read(checkpoint, left)
            except NotFound as error:  # one mailbox that is gone does not stop the others
                counts["missing_mailboxes"] += 1
                store.accounts.record_failure(account.id, f"NotFound: {error.detail}")
        commands = at.session.commands
    del counts["asked"]
    return counts, more, commands


def _with_news(at: Visit, checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Leave out the mailboxes that STATUS shows unchanged; one never read to its end needs no asking."""
    read = [checkpoint.mailbox for checkpoint in checkpoints if checkpoint.uid_low is not None]
    statuses = at.session.status(read) if read else {}
    return [
        checkpoint
        for checkpoint in checkpoints
        if checkpoint.mailbox not in statuses or not is_read(checkpoint, statuses[checkpoint.mailbox])
    ]


class Reader:
    """Reads one mailbox chunk by chunk; each chunk is committed together with its checkpoint."""

    def __init__(self, at: Visit, counts: Counter[str], extra_headers: Sequence[str]) -> None:
        self.at = at
        self.counts = counts
        self.extra_headers = extra_headers
        self.stored: Checkpoint | None = None

    def read(self, checkpoint: Checkpoint, limit: int) -> bool:
        """Read at most `limit` mails of a mailbox; return whether some are left."""
        status = self.at.session.examine(checkpoint.mailbox)
        if checkpoint.uidvalidity not in (None, status.uidvalidity):
            checkpoint = self.at.store.emails.forget_uidvalidity(checkpoint, status.uidvalidity)
        self.stored = checkpoint
        if checkpoint.uidvalidity is None and checkpoint.window_since is None and self.windows_days:
            checkpoint = self.at.store.emails.widen_window(checkpoint, self.windows_days)
        checkpoint, floor = self._look_down(begin(checkpoint, status))
        left = limit
        if is_read(checkpoint, status):  # an empty mailbox: nothing to fetch, but now we know it
            self._store(checkpoint, [])
        for span in unread(checkpoint, status, floor):
            if left <= 0:
                break
            asked, checkpoint = self._read_span(checkpoint, span, status, left)
            left -= asked
        self.counts["asked"] += limit - left
        self._end_window(checkpoint, floor)
        return not is_read(checkpoint, status, floor)

    @property
    def windows_days(self) -> tuple[int, ...]:
        """The windows in which the past is read, one after the other; empty: all of it at once."""
        return self.at.limits.windows_days

    def _look_down(self, checkpoint: Checkpoint) -> tuple[Checkpoint, int]:
        """Return the lowest UID that is not read yet of the open window, or of the next one that has mail."""
        low = checkpoint.uid_low or 1
        while self.windows_days and checkpoint.window_since is not None and low > 1:
            day = (checkpoint.window_since - A_DAY).date()  # SEARCH knows the days of the server's time zone only
            with suppress(BadAnswer):  # a server that cannot search by date has no windows: all is read
                if floor := self.at.session.first_since(low - 1, day):
                    return checkpoint, floor
            checkpoint = self.at.store.emails.widen_window(checkpoint, self.windows_days)
        return checkpoint, 1

    def _end_window(self, checkpoint: Checkpoint, floor: int) -> None:
        """Open the next window once this one is read; a later call reads it."""
        if floor > 1:
            self.counts["partly_read"] += 1
            if checkpoint.uid_low == floor:
                self.at.store.emails.widen_window(checkpoint, self.windows_days)

    def _read_span(
        self, checkpoint: Checkpoint, span: Span, status: MailboxStatus, limit: int
    ) -> tuple[int, Checkpoint]:
        size = min(self.at.limits.chunk_mails, limit)
        if is_sparse(span, status, size):
            uids, complete = self._search(span, limit)
            plan = chunks(checkpoint, span, uids, size=size, complete=complete)
        else:
            plan = chunks(checkpoint, span, None, size=size)
        asked: deque[Chunk] = deque()
        total = 0

        def ask() -> Iterator[Sequence[int]]:
            nonlocal total, checkpoint
            for chunk in plan:
                if total + len(chunk.uids) > limit or not self.at.in_time:
                    return
                total += len(chunk.uids)
                if not chunk.uids:
                    checkpoint = self._store(chunk.after, [])
                    continue
                asked.append(chunk)
                yield chunk.uids

        with ThreadPoolExecutor(max_workers=1) as writer:  # PostgreSQL stores a chunk while the next is read and parsed
            stored: Future[Checkpoint] | None = None
            for mails in self.at.session.fetch(ask(), self.extra_headers):
                emails = [new_email(mail, extra_headers=self.extra_headers) for mail in mails]
                checkpoint = stored.result() if stored else checkpoint
                stored = writer.submit(self._store, asked.popleft().after, emails)
                self.at.renew()
            checkpoint = stored.result() if stored else checkpoint
        return total, checkpoint

    def _store(self, after: Checkpoint, emails: Sequence[NewEmail]) -> Checkpoint:
        """Store a chunk, if the one before is still there: a crash of the database may have forgotten it."""
        done = self.at.store.emails.add(self.at.account.id, emails, after, self.at.run_id, was=self.stored)
        self.stored = after
        self.counts.update(done)
        return after

    def _search(self, span: Span, limit: int) -> tuple[list[int], bool]:
        """Find the UIDs of a sparse span, from the end that is read first, until `limit` are found."""
        found: list[int] = []
        low, high = span.low, span.high
        while low <= high and len(found) < limit:
            if span.past:
                first = max(low, high - SEARCH_SPAN + 1)
                found = self.at.session.search(first, high) + found
                high = first - 1
            else:
                last = min(high, low + SEARCH_SPAN - 1)
                found += self.at.session.search(low, last)
                low = last + 1
        return found, low > high
