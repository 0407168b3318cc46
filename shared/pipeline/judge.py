"""What becomes of mail that waits for the language model: what is known by now, and what the model's verdict means.

Here is the place of whatever learns from decisions: a Judge that knows more senders than yesterday.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace

from shared.mail.parts import TEXT
from shared.records import StoredEmail, Verdict
from shared.rules.decide import decide, merged
from shared.rules.model import Decision
from shared.rules.rule_set import RuleSet
from shared.status import Status

MIN_CONFIDENCE = 0.7
"""The label's share of all labels from which a verdict files mail; below, a person decides."""
MIN_MARGIN = 0.1
"""Its probability less the next token's, labels or not: small when the model would rather have said something else."""
LLM = "llm"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesJudge:
    """Knows what the active rules say now, which may be newer than those that left the mail uncertain."""

    rule_set: RuleSet
    now: Callable[[], dt.datetime]

    def known(self, email: StoredEmail) -> Decision:
        """Return the rules' decision; uncertain where only the model can tell."""
        if email.unreadable:
            return _review("the mail server refuses the header of this mail: there is nothing to ask about")
        return decide(self.rule_set, email, self.now())

    def margin(self, email: StoredEmail) -> float:
        """Return how nearly the mail is known: rules know or do not, so that the order stays, newest first."""
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodysJudge:
    """Knows nothing: the strategy lets the model decide all mail."""

    def known(self, email: StoredEmail) -> Decision:
        """Return uncertain, but for mail of which there is nothing to show."""
        if email.unreadable:
            return _review("the mail server refuses the header of this mail: there is nothing to ask about")
        return Decision(status=Status.UNCERTAIN, reason="the language model decides")

    def margin(self, email: StoredEmail) -> float:
        """Return the same for every mail."""
        return 0.0


def with_text(email: StoredEmail, known: Decision) -> Decision:
    """Return an uncertain decision that also waits for the mail's text, which the model is shown, if it may be had."""
    if known.status is not Status.UNCERTAIN or email.text is not None or TEXT in email.unavailable:
        return known
    return replace(known, wanted=known.wanted | {TEXT})


def after_verdict(verdict: Verdict, known: Decision, rule_set: RuleSet) -> Decision:
    """Return what a verdict decides: its category's actions, after those of rules that go on; or a person's look."""
    doubt = _doubt(verdict)
    decision = replace(known, decided_by=LLM, confidence=verdict.confidence, adds=(), wanted=frozenset())
    category = rule_set.categories.get(verdict.category or "")
    if doubt or category is None:
        why = doubt or f"{verdict.model} names a category that is gone"
        return replace(decision, status=Status.REVIEW, reason=why).timed(known.ms + verdict.ms)
    return replace(
        decision,
        status=Status.CLASSIFIED,
        category=category.name,
        actions=merged((*known.adds, *category.actions)),
        reason=f"{verdict.model} is {verdict.confidence:.0%} sure",
    ).timed(known.ms + verdict.ms)


def _doubt(verdict: Verdict) -> str:
    """Say why a verdict is not enough to file a mail; empty: it is."""
    if verdict.category is None:
        return f"{verdict.model} is unsure what it is"
    says = f"{verdict.model} says {verdict.category}"
    if verdict.suspicions:
        return f"{says}, but the mail looks like an attack on it ({', '.join(sorted(verdict.suspicions))})"
    if verdict.confidence is None or verdict.margin is None:
        return f"{says}, but its server does not tell how sure it is"
    if verdict.confidence < MIN_CONFIDENCE:
        return f"{says}, but is only {verdict.confidence:.0%} sure"
    return f"{says}, but would rather have said something else" if verdict.margin < MIN_MARGIN else ""


def _review(why: str) -> Decision:
    return Decision(status=Status.REVIEW, reason=why, decided_by=LLM)
