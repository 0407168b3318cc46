"""One sync of one account: fetch, rules, apply, until nothing is left; then the language model, slice by slice.

A director calls; functions do not call.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from shared.batch import MAX_LIMIT, Batch
from shared.chain.answers import COUNT_NAMES, NOTED, Answer, Summary
from shared.errors import DeadlineExceeded, EmailAgentError

FETCH, RULES, LLM, APPLY = "fetch-batch", "classify-rules", "classify-llm", "apply-actions"
STOPPED = frozenset({"held", "paused"})
READ = ("fetched", "returned", "remapped", "known")
"""Counts of fetch-batch that add up to the mails it read."""
WAITING = frozenset({"uncertain", "to_classify", "to_apply", "wanted", "to_ask"})
"""Counts of fetch-batch and classify-llm that say what waits in the store, not what this call did."""
SAID_ANEW = ("capped", "missing_mailboxes", "partly_read", "copies_left")
"""Counts that each call says of the same things: they do not add up."""
MAX_CALLS = 10_000
"""A bound for a server that has more for ever."""
ASKED_FOR_S = 600.0
"""How long a sync asks the language model: a slow one has work for hours, with which the next sync goes on."""


class Functions(Protocol):
    """Calls a function and returns its answer."""

    def call(self, function: str, batch: Batch) -> Answer:
        """Call until it answers; raise its error."""


Progress = Callable[[str, Counter[str]], None]


def _silent(_function: str, _counts: Counter[str]) -> None:
    """Report progress to nobody."""


def _never() -> bool:
    """Let a sync go on to its end."""
    return False


class Stopped(Exception):
    """Somebody wants this sync to end between two calls."""


@dataclass(kw_only=True)
class Sync:
    """A sync under way: its calls, and what their answers add up to."""

    functions: Functions
    batch: Batch
    on_progress: Progress = _silent
    stop: Callable[[], bool] = _never
    asks_for_s: float | None = ASKED_FOR_S
    clock: Callable[[], float] = time.monotonic
    totals: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    calls: int = 0
    read: int = 0
    to_ask: int = 0
    asked_s: float = 0.0
    llm: dict[str, Any] | None = None
    mode: str = ""
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def run(self) -> Summary:
        """Do it all, or what there is time for until `stop` says so: then the run is left open."""
        try:
            return self._run()
        except Stopped:
            return self._so_far("stopped")

    def _run(self) -> Summary:
        """Call until nothing is left. The last call carries `final`, which closes the run: it may be the first.

        New mail goes first: it is read, decided and filed before each slice of questions to the language model.
        """
        left = self.batch.limit
        fetched = last = self._fetch(left, final=self.batch.confirm is None and not self.batch.dry_run)
        while not last.outcome:
            wanted = self._classify(fetched)
            while wanted:  # these come first in what a fetch does, so that it reads nothing new beside them
                wanted = self._classify(self._fetch(min(wanted, MAX_LIMIT), final=False))
            left = None if self.batch.limit is None else max(self.batch.limit - self.read, 0)
            is_read = not fetched.more or left == 0
            is_last = is_read and not self._asks
            last = self._apply(final=is_last)
            if is_last or last.outcome in STOPPED:
                break
            if is_read:
                last = self._ask()
                if last.decided_by is not None:  # nothing came of it, and it closed the run
                    break
            fetched = last = self._fetch_on(left, last)
        return self._summary(last)

    @property
    def _asks(self) -> bool:
        """Whether there is something to ask the language model, it can be asked, and there is time for it."""
        return bool(self.to_ask) and self.llm is None and (self.asks_for_s is None or self.asked_s < self.asks_for_s)

    def _ask(self) -> Answer:
        """Let the language model decide a slice of what no rule does; it may close the run, but not a dry one."""
        began = self.clock()
        answer = self._call(LLM, replace(self.batch, limit=None, final=not self.batch.dry_run))
        self.asked_s += self.clock() - began
        self.llm = answer.llm
        if answer.decided_by is not None:
            self.to_ask = 0
        return answer

    def _fetch_on(self, left: int | None, last: Answer) -> Answer:
        """Fetch what is left, and what wishes are for; where no new mail may be read any more, the latter only."""
        if left != 0:
            return self._fetch(left, final=False)
        if wanted := last.count("wanted"):
            return self._fetch(min(wanted, MAX_LIMIT), final=False)
        return Answer(account=self.batch.account, run=self.batch.run, stage=FETCH)

    def undo(self, run: uuid.UUID) -> Summary:
        """Take back what `run` did, call by call."""
        self.batch = replace(self.batch, undo=run)
        last = self._call(APPLY, replace(self.batch, final=True))
        while last.more:
            last = self._call(APPLY, replace(self.batch, final=True))
        return self._summary(last)

    def failed(self, error: EmailAgentError) -> Summary:
        """Return what was done until this error ended the sync; all of it is recorded, the next one goes on."""
        return self._so_far("failed", error)

    def _so_far(self, outcome: str, error: EmailAgentError | None = None) -> Summary:
        return Summary(
            run=self.batch.run,
            account=self.batch.account,
            outcome=outcome,
            mode=self.mode,
            dry_run=self.batch.dry_run,
            counts=self._known(),
            imap_commands=self.commands,
            ms=self._ms(),
            error=error,
        )

    def _fetch(self, left: int | None, *, final: bool) -> Answer:
        return self._call(FETCH, replace(self.batch, limit=left, final=final, confirm=None))

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
        if self.stop():
            raise Stopped
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise DeadlineExceeded(f"the functions still had more to do after {MAX_CALLS} calls")
        answer = self.functions.call(function, batch)
        self._note(function, answer)
        self.to_ask = answer.counts.get("to_ask", self.to_ask)
        return answer

    def _note(self, function: str, answer: Answer) -> None:
        says_what_waits = WAITING if function in (FETCH, LLM) else ("wanted", "to_ask")
        done = {name: number for name, number in answer.counts.items() if name not in says_what_waits}
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
            outcome="done" if last.stage == LLM else last.outcome or "done",
            mode=self.mode,
            dry_run=self.batch.dry_run,
            counts=counts,
            llm=self._left_to_ask(),
            decided_by=last.decided_by or {},
            targets=last.targets or {},
            imap_commands=self.commands,
            ms=self._ms(),
            plan=last.plan if last.plan is not None or not self.batch.dry_run else [],
        )

    def _left_to_ask(self) -> dict[str, Any] | None:
        """Say who waits for the language model, and why; None: nobody does, or it was not to be asked."""
        if self.llm is not None:
            return self.llm if self.llm.get("waiting") else None
        if not self.to_ask or self.asks_for_s == 0:
            return None
        return {"state": "waiting", "detail": "there are more of them than time", "waiting": self.to_ask}

    def _ms(self) -> int:
        return round((self.clock() - self.started) * 1000)

    def _known(self) -> dict[str, int]:
        """What the answers so far add up to, without steps that a mail only passes through."""
        known = (*COUNT_NAMES, *NOTED)
        return {name: number for name, number in self.totals.items() if name in known or self.batch.undo}
