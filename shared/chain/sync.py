"""One sync of one account: fetch, rules, apply, until nothing is left. A director calls; functions do not call."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from shared.batch import MAX_LIMIT, Batch
from shared.chain.answers import COUNT_NAMES, NOTED, Answer, Summary
from shared.errors import DeadlineExceeded, EmailAgentError

FETCH, RULES, APPLY = "fetch-batch", "classify-rules", "apply-actions"
STOPPED = frozenset({"held", "paused"})
READ = ("fetched", "returned", "remapped", "known")
"""Counts of fetch-batch that add up to the mails it read."""
WAITING = frozenset({"uncertain", "to_classify", "to_apply", "wanted"})
"""Counts of fetch-batch that say what waits in the store, not what this call did."""
SAID_ANEW = ("capped", "missing_mailboxes", "copies_left")
"""Counts that each call says of the same things: they do not add up."""
MAX_CALLS = 10_000
"""A bound for a server that has more for ever."""
FIRST_LOOK_S, NEXT_LOOK_S, LONGEST_LOOK_S = 0.15, 0.03, 2.0
"""When to look, while a fetch goes on, whether there is something to classify; a look in vain doubles the wait."""


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
    read: int = 0
    mode: str = ""
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def run(self) -> Summary:
        """Do it all. The last call carries `final`, which closes the run: with nothing to do that is the first."""
        left = self.batch.limit
        fetched = last = self._fetch(left, final=self.batch.confirm is None and not self.batch.dry_run)
        while not last.outcome:
            wanted = self._classify(fetched)
            while wanted:  # these come first in what a fetch does, so that it reads nothing new beside them
                wanted = self._classify(self._fetch(min(wanted, MAX_LIMIT), final=False))
            left = None if self.batch.limit is None else max(self.batch.limit - self.read, 0)
            is_read = not fetched.more or left == 0
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
        """Fetch, and let the rules have meanwhile what is stored already."""
        is_over = threading.Event()
        answers: list[Answer] = []
        looking = threading.Thread(target=self._classify_until, args=(is_over, answers), daemon=True)
        looking.start()
        try:
            fetched = self._call(FETCH, replace(self.batch, limit=left, final=final, confirm=None))
        finally:
            is_over.set()
        looking.join()
        for answer in answers:
            self._note(RULES, answer)
        if fetched.outcome == "done" and any(answer.count("claimed") for answer in answers):
            return fetched.model_copy(update={"outcome": None})  # its last call is still to say what was decided
        return fetched

    def _classify_until(self, is_over: threading.Event, answers: list[Answer]) -> None:
        """Classify what comes in until the fetch is over; an error will come again when that is done in earnest."""
        wait_s = FIRST_LOOK_S
        with suppress(EmailAgentError):
            while not is_over.wait(wait_s):
                answers.append(self.functions.call(RULES, self._to_classify))
                wait_s = NEXT_LOOK_S if answers[-1].count("claimed") else min(2 * wait_s, LONGEST_LOOK_S)

    def _classify(self, fetched: Answer) -> int:
        """Decide all that is fetched; return how many mails wait for parts that their decision hangs on."""
        answer = fetched
        more = fetched.count("to_classify") > 0
        while more:
            answer = self._call(RULES, self._to_classify)
            more = answer.more
        return answer.count("wanted")

    @property
    def _to_classify(self) -> Batch:
        return replace(self.batch, limit=None, confirm=None)

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
        self._note(function, answer)
        return answer

    def _note(self, function: str, answer: Answer) -> None:
        done = {name: number for name, number in answer.counts.items() if function != FETCH or name not in WAITING}
        done.pop("wanted", None)
        self.read += answer.count(*READ) if function == FETCH else 0
        for name in SAID_ANEW:
            done[name] = max(done.get(name, 0) - self.totals[name], 0)
        self.totals.update(done)
        self.commands += answer.imap_commands
        self.mode = answer.mode or self.mode
        self.on_progress(function, self.totals)

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
