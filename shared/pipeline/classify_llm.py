"""classify-llm: ask the language model about mail no rule decides (uncertain -> classified | review), one by one.

No connection is held across a call, and each verdict is recorded as it comes: a death loses the call in flight.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.batch import Batch
from shared.clock import now as clock
from shared.errors import (
    BadAnswer,
    DeadlineExceeded,
    EmailAgentError,
    InvalidRules,
    InvalidSettings,
    LeaseHeld,
    LlmBusy,
    LlmDown,
    LlmFailed,
    ModelMissing,
    PromptTooLong,
)
from shared.pipeline.judge import NobodysJudge, RulesJudge, after_verdict, with_text
from shared.pipeline.limits import Limits
from shared.pipeline.ports import Judge, LanguageModel, Store
from shared.pipeline.visit import failures_noted
from shared.pipeline.waiting import waiting
from shared.records import Account, Lease, Mode, Run, StoredEmail
from shared.rules.rule_set import RuleSet
from shared.status import Status

ROOM = 2.0
"""A further call is begun while this many of the longest one so far fit before the deadline."""
CUT_REST_S = 600.0
"""Until a mail is asked about again whose call was cut at its deadline: others get their turn first."""

NO_USE = (LlmFailed, BadAnswer, PromptTooLong)
"""What may be a mail's own fault: its attempt counts."""
NO_MODEL = (LlmDown, DeadlineExceeded, InvalidRules, InvalidSettings)
"""What is not, and would be the same for the next mail: the slice ends, no attempt counts, no mail fails."""


def classify_llm(
    batch: Batch, *, store: Store, model: LanguageModel, limits: Limits, now: Callable[[], datetime]
) -> Batch:
    """Ask about at most a slice of mails, in one slot of the model's server, until this call's deadline.

    What rules decide by now is not asked about; what has no text yet waits for fetch-batch: `wanted`. Counts: claimed,
    classified, review, put_off; and what waits. A model that cannot be asked is no error: `llm` says what is wrong, the
    mail stays uncertain. A call with `final` closes the run when nothing is left to do.
    """
    started = clock()
    account = store.accounts.get(batch.account)
    if account.mode is Mode.PAUSED or store.accounts.paused():
        return batch.answer("classify-llm", {}, outcome="paused", mode=account.mode.value)
    run = store.runs.open(account.id, batch.run, dry_run=batch.dry_run)
    with failures_noted(store, account, run):
        counts: Counter[str] = Counter(review=store.uncertain.tidy(account.id, run.id))
        work = _Slice(
            store=store, account=account, run=run, model=model, limits=limits, now=now, counts=counts,
            deadline=started + limits.deadline_s,
        )  # fmt: skip
        trouble = None
        if waiting(store, account.id, limits)["to_ask"]:
            trouble = work.do(min(batch.limit or limits.llm_mails, limits.llm_mails))
        return _answer(batch, work, trouble, started)


@dataclass(slots=True, kw_only=True)
class _Slice:
    """One call's work: mail after mail, while there is time for a further call."""

    store: Store
    account: Account
    run: Run
    model: LanguageModel
    limits: Limits
    now: Callable[[], datetime]
    counts: Counter[str]
    deadline: float
    longest_s: float = 0.0
    lease: Lease = field(init=False)

    def do(self, limit: int) -> EmailAgentError | None:
        """Take a slot and work; return what kept the model from being asked."""
        with _free_slot(self.store, self.run, self.limits) as lease:
            if lease is None:
                return LlmBusy("all slots of the language model are taken")
            self.lease = lease
            try:
                self.model.check(deadline=(clock() + self.deadline) / 2)
            except (*NO_MODEL, BadAnswer) as error:
                return error
            emails = self.store.uncertain.look(self.account.id, limit)
            if self._wish(emails):  # text comes first: without it the newest would be asked about last
                return None
            judge = self._judge()[1]
            for email in sorted(emails, key=judge.margin):
                if not self._has_room or self._is_stopped:
                    break
                if (trouble := self._settle(email.id)) is not None:
                    return trouble
        return None

    @property
    def _has_room(self) -> bool:
        """Whether a further call may be begun: it must not outlive this one. The first has all the time there is."""
        return clock() + ROOM * self.longest_s < self.deadline

    @property
    def _is_stopped(self) -> bool:
        """Whether its owner paused everything, or changed the account's mode, since this call began."""
        accounts = self.store.accounts
        return accounts.paused() or accounts.get(self.account.name).mode is not self.account.mode

    def _judge(self) -> tuple[int, Judge, RuleSet]:
        """Return who knows what is known by now: the rules may be newer than at the last mail's turn."""
        number, rule_set = self.store.rule_sets.active()
        if self.limits.rules_decide:
            return number, RulesJudge(rule_set=rule_set, now=self.now), rule_set
        return number, NobodysJudge(), rule_set

    def _wish(self, emails: Sequence[StoredEmail]) -> int:
        judge = self._judge()[1]
        decisions = {email.id: with_text(email, judge.known(email)) for email in emails}
        return self.store.uncertain.wish({number: each for number, each in decisions.items() if each.wanted})

    def _settle(self, email_id: int) -> EmailAgentError | None:
        """Decide on one mail, by what is known by now or by asking; return what kept the model from being asked."""
        ends = min(self.deadline, clock() + self.limits.llm_timeout_s)
        if self.lease.expires_at < ends + self.limits.slot_lease_s / 2:
            self.lease = self.store.leases.renew(self.lease, self.limits.slot_lease_s)
        email = self.store.uncertain.claim(email_id, self.lease)
        if email is None:
            return None
        self.counts["claimed"] += 1
        return self._decide(email, ends)

    def _decide(self, email: StoredEmail, ends: float) -> EmailAgentError | None:
        number, judge, rule_set = self._judge()
        known = judge.known(email)
        if known.wanted and self.store.uncertain.wish({email.id: known}, self.lease):
            return None  # a rule that is newer than the mail's wishes hangs on more of it: it goes first
        if known.status is Status.UNCERTAIN:
            began = clock()
            try:
                verdict = self.model.classify(email, rule_set.categories.values(), deadline=ends)
            except NO_USE as error:
                self._note_failure(email, error)
                return None
            except NO_MODEL as error:
                rest_s = CUT_REST_S if isinstance(error, DeadlineExceeded) else 0.0
                self.store.uncertain.give_back(self.lease, email.id, after_s=rest_s)
                return error
            finally:
                self.longest_s = max(self.longest_s, clock() - began)
            known = after_verdict(verdict, known, rule_set)
        decided = {email.id: known}
        self.counts.update(self.store.uncertain.record(self.account.id, self.lease, decided, number, self.run.id))
        return None

    def _note_failure(self, email: StoredEmail, error: EmailAgentError) -> None:
        why = f"asking the language model came to nothing each time: {error.detail}"
        in_review = self.store.uncertain.fail(self.account.id, self.lease, email.id, why, self.run.id)
        self.counts["review" if in_review else "put_off"] += 1


@contextmanager
def _free_slot(store: Store, run: Run, limits: Limits) -> Iterator[Lease | None]:
    """Hold one of the slots; None if all are taken.

    One call uses one slot: on processors that share their work two questions at once take as long as one after the
    other, and a slot keeps what the server computed for one account's categories.
    """
    with ExitStack() as stack:
        yield next(filter(None, (_take(stack, store, run, limits, number) for number in range(limits.llm_slots))), None)


def _take(stack: ExitStack, store: Store, run: Run, limits: Limits, number: int) -> Lease | None:
    try:
        return stack.enter_context(store.leases.hold(f"llm-slot:{number}", str(run.id), limits.slot_lease_s))
    except LeaseHeld:
        return None


def _answer(batch: Batch, work: _Slice, trouble: EmailAgentError | None, started: float) -> Batch:
    """Answer for this call, or close the run after its last one and answer for all of it."""
    left = waiting(work.store, work.account.id, work.limits)
    more = trouble is None and left["to_ask"] > 0
    answer = batch.answer(
        "classify-llm",
        {**work.counts, **left},
        more=more,
        ms=round((clock() - started) * 1000),
        mode=work.account.mode.value,
        outcome=f"llm {_state(trouble)}" if trouble else None,
        llm=_told(trouble, left["uncertain"]) if trouble else None,
    )
    is_idle = not more and not work.counts["classified"]
    is_idle &= not any(left[name] for name in ("to_classify", "wanted", "to_apply"))
    if not (work.run.finished or (batch.final and is_idle)):
        return answer
    summary = work.store.runs.summary(work.run.id)
    work.store.runs.close(work.run.id, "done", summary)
    work.store.accounts.record_success(work.account.id)
    return replace(
        answer,
        counts=dict(summary.counts),
        decided_by=dict(summary.decided_by),
        targets=dict(summary.targets),
        outcome=answer.outcome or "done",
    )


def _state(trouble: EmailAgentError) -> str:
    """Name what kept the model from being asked."""
    states: dict[type[EmailAgentError], str] = {ModelMissing: "missing", LlmBusy: "busy", DeadlineExceeded: "slow"}
    is_refused = isinstance(trouble, InvalidRules | InvalidSettings)
    return "refused" if is_refused else states.get(type(trouble), "down")


def _told(trouble: EmailAgentError, mails: int) -> dict[str, Any]:
    return {"state": _state(trouble), "detail": trouble.detail, "hint": trouble.hint, "waiting": mails}
