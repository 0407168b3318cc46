"""classify-rules: decide fetched mail by the active rules (fetched -> classified | uncertain). Calls nobody.

Mail whose decision hangs on a part that was not fetched stays fetched and waits for fetch-batch.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from shared.batch import Batch
from shared.clock import now as clock
from shared.pipeline.limits import Limits
from shared.pipeline.ports import Store
from shared.pipeline.waiting import waiting
from shared.records import Account, Lease, Mode, Run, StoredEmail
from shared.rules.decide import decide
from shared.rules.model import Decision
from shared.rules.rule_set import RuleSet
from shared.status import Status

BATCH_MAILS = 5000
"""Mails decided in one transaction."""
CAREFUL_MAILS = 100
"""Mails claimed together after a worker died over this account's mail."""


def classify_rules(batch: Batch, *, store: Store, limits: Limits, now: Callable[[], datetime]) -> Batch:
    """Claim, decide and record in one transaction per batch, until nothing is left or the deadline comes.

    What waits to be filed and was decided by older rules, or more than a day ago, is decided anew.

    Counts: claimed, classified, uncertain, failed; and what waits now: wanted, for parts, and to_ask, for the language
    model. Where the worker before us died, each claim is committed before the mail is looked at, so that a mail that
    kills its worker is found and only it fails.
    """
    started = clock()
    account = store.accounts.get(batch.account)
    run = store.runs.open(account.id, batch.run, dry_run=batch.dry_run)
    rule_set_id, rule_set = store.rule_sets.active()
    limit = batch.limit or limits.fetch_mails
    counts: Counter[str] = Counter()
    with store.leases.hold(f"classify:{account.id}", str(run.id), limits.claim_timeout_s) as held:
        lease = held
        if account.mode is Mode.APPLY and not run.dry_run:
            store.emails.give_back_outdated(account.id, rule_set_id, run.id)
        decide_one = _decider(rule_set, now()) if limits.rules_decide else _left_to_the_model
        classify = _Classify(store, account, run, rule_set_id, decide_one)
        # Mail in dead hands is there only after a death, but one call may not be enough for all of it: look each time.
        steps = [classify.carefully] if lease.inherited else [classify.at_once, classify.carefully]
        while steps and counts["claimed"] < limit and clock() - started < limits.deadline_s / 2:
            if not steps[0](lease, limit - counts["claimed"], counts):
                steps.pop(0)
                continue
            lease = store.leases.renew(lease, limits.claim_timeout_s)
    left = waiting(store, account.id, limits)
    more = bool(steps) and left["to_classify"] > 0
    counts["wanted"], counts["to_ask"] = left["wanted"], left["to_ask"]
    if run.finished:  # a late or repeated call keeps nobody waiting
        store.runs.step_aside(run.id)
    return batch.answer("classify-rules", counts, more=more, ms=round((clock() - started) * 1000))


def _decider(rule_set: RuleSet, now: datetime) -> Callable[[StoredEmail], Decision]:
    """Return the decision function of this call; a mail that breaks it is recorded as failed, the batch goes on."""

    def decide_one(email: StoredEmail) -> Decision:
        started = clock()
        try:
            decision = decide(rule_set, email, now)
        except Exception as error:  # one bad mail never fails a batch
            reason = f"the rules cannot handle this mail: {type(error).__name__}"
            decision = Decision(status=Status.FAILED, reason=reason, decided_by="error")
        return decision.timed((clock() - started) * 1000)

    return decide_one


def _left_to_the_model(_email: StoredEmail) -> Decision:
    """Decide nothing: the strategy lets the language model decide all mail."""
    return Decision(status=Status.UNCERTAIN, reason="left to the language model")


class _Classify:
    """The two ways of claiming, with the same decisions and records."""

    def __init__(
        self,
        store: Store,
        account: Account,
        run: Run,
        rule_set_id: int,
        decide_one: Callable[[StoredEmail], Decision],
    ) -> None:
        self.store = store
        self.account = account
        self.run = run
        self.rule_set_id = rule_set_id
        self.decide_one = decide_one

    def at_once(self, _lease: Lease, limit: int, counts: Counter[str]) -> int:
        """Claim, decide and record in ONE transaction: a worker that dies leaves nothing behind."""
        size = min(limit, BATCH_MAILS)
        done = self.store.emails.classify(self.account.id, size, self.decide_one, self.rule_set_id, self.run.id)
        counts.update(done)
        return done.get("claimed", 0)

    def carefully(self, lease: Lease, limit: int, counts: Counter[str]) -> int:
        """Commit the claim first: whoever finds it expired knows which mails were in the dead worker's hands."""
        seconds = max(lease.expires_at - clock(), 0.0)
        size = min(limit, CAREFUL_MAILS)
        emails = self.store.emails.claim_careful(self.account.id, size, seconds, lease.token)
        if not emails:
            return 0
        decisions = {email.id: self.decide_one(email) for email in emails}
        counts.update(self.store.emails.record_careful(lease.token, decisions, self.rule_set_id, self.run.id))
        counts["claimed"] += len(emails)
        return len(emails)
