"""One sync of one account: fetch, rules, apply, until nothing is left. A director calls; functions do not call."""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from shared.batch import Batch
from shared.chain.answers import COUNT_NAMES, NOTED, Answer, Summary
from shared.errors import DeadlineExceeded, EmailAgentError

FETCH, RULES, APPLY = "fetch-batch", "classify-rules", "apply-actions"
STOPPED = frozenset({"held", "paused"})
READ = ("fetched", "returned", "remapped", "known")
"""Counts of fetch-batch that add up to the mails it read."""
WAITING = frozenset({"uncertain", "to_classify", "to_apply"})
"""Counts of fetch-batch that say what waits in the store, not what this call did."""
SAID_ANEW = ("capped", "missing_mailboxes")
"""Counts that each call says of the same things: they do not add up."""
MAX_CALLS = 10_000
"""A bound for a server that has more for ever."""


class Functions(Protocol):
    """Calls a function and returns its answer."""

    def call(self, function: str, batch: Batch) -> Answer:
        """Call until it answers; raise its error."""


Progress = Callable[[str, Counter[str]], None]


def _silent(_function: str, _counts: Counter[str]) -> None:
    """Report progress to nobody."""


@dataclass(kw_only=True)
class Sync:
    """A sync under way: its calls, and what their answers add up to."""

    functions: Functions
    batch: Batch
    on_progress: Progress = _silent
    clock: Callable[[], float] = time.monotonic
    totals: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    calls: int = 0
    mode: str = ""
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def run(self) -> Summary:
        """Do it all. The last call carries `final`, which closes the run: with nothing to do that is the first."""
        left = self.batch.limit
        fetched = last = self._fetch(left, final=self.batch.confirm is None and not self.batch.dry_run)
        while not last.outcome:
            left = None if left is None else max(left - fetched.count(*READ), 0)
            is_read = not fetched.more or left == 0
            self._classify(fetched)
            # With a language model: slices of classify-llm here, each followed by apply, new mail first.
            last = self._apply(final=is_read)
            if is_read or last.outcome in STOPPED:
                break
            fetched = last = self._fetch(left, final=False)
        return self._summary(last)

    def undo(self, run: uuid.UUID) -> Summary:
        """Take back what `run` did, call by call."""
        self.batch = replace(self.batch, undo=run)
        last = self._call(APPLY, replace(self.batch, final=True))
        while last.more:
            last = self._call(APPLY, replace(self.batch, final=True))
        return self._summary(last)

    def failed(self, error: EmailAgentError) -> Summary:
        """Return what was done until this error ended the sync; all of it is recorded, the next one goes on."""
        return Summary(
            run=self.batch.run,
            account=self.batch.account,
            outcome="failed",
            mode=self.mode,
            dry_run=self.batch.dry_run,
            counts=self._known(),
            imap_commands=self.commands,
            ms=self._ms(),
            error=error,
        )

    def _fetch(self, left: int | None, *, final: bool) -> Answer:
        return self._call(FETCH, replace(self.batch, limit=left, final=final, confirm=None))

    def _classify(self, fetched: Answer) -> None:
        more = fetched.count("fetched", "to_classify") > 0
        while more:
            more = self._call(RULES, replace(self.batch, limit=None, confirm=None)).more

    def _apply(self, *, final: bool) -> Answer:
        answer = self._call(APPLY, replace(self.batch, limit=None, final=final))
        self.batch = replace(self.batch, confirm=None)  # what was confirmed is pending now
        while answer.more and answer.outcome not in STOPPED:
            answer = self._call(APPLY, replace(self.batch, limit=None, final=final))
        return answer

    def _call(self, function: str, batch: Batch) -> Answer:
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise DeadlineExceeded(f"the functions still had more to do after {MAX_CALLS} calls")
        answer = self.functions.call(function, batch)
        done = {name: number for name, number in answer.counts.items() if function != FETCH or name not in WAITING}
        for name in SAID_ANEW:
            done[name] = max(done.get(name, 0) - self.totals[name], 0)
        self.totals.update(done)
        self.commands += answer.imap_commands
        self.mode = answer.mode or self.mode
        self.on_progress(function, self.totals)
        return answer

    def _summary(self, last: Answer) -> Summary:
        of_whole_run = last.decided_by is not None
        counts = dict(last.counts) if of_whole_run else self._known()
        counts |= {name: number for name in NOTED if (number := max(counts.get(name, 0), self.totals[name]))}
        return Summary(
            run=self.batch.run,
            account=self.batch.account,
            outcome=last.outcome or "done",
            mode=self.mode,
            dry_run=self.batch.dry_run,
            counts=counts,
            decided_by=last.decided_by or {},
            targets=last.targets or {},
            imap_commands=self.commands,
            ms=self._ms(),
            plan=last.plan if last.plan is not None or not self.batch.dry_run else [],
        )

    def _ms(self) -> int:
        return round((self.clock() - self.started) * 1000)

    def _known(self) -> dict[str, int]:
        """What the answers so far add up to, without steps that a mail only passes through."""
        known = (*COUNT_NAMES, *NOTED)
        return {name: number for name, number in self.totals.items() if name in known or self.batch.undo}
