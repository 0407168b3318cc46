"""Why did this mail go there? A mail's history in sentences."""

from collections.abc import Sequence

from shared.cli.shown import on_one_line
from shared.records import ActionKind, LoggedAction
from shared.rules.explain import RuleSaid, Said
from shared.rules.rule_set import RuleSet
from shared.status import ActionState, Filing, Status
from shared.store.history import EmailEvent, EmailHistory

DECIDERS = {
    "person": "a person decided",
    "memory": "what is remembered of its sender decided",
    "model": "the learned model decided",
    "llm": "the language model decided",
}
SHOWN = "It was shown who sent it, its list, its subject, and the beginning of its text if that could be had."
PUT = {ActionState.DONE, ActionState.DONE_SOURCE_LEFT}
UNDECIDED = {
    Status.FETCHED: "It waits to be decided: the next sync does that.",
    Status.UNCERTAIN: "No rule decided it",
    Status.REVIEW: "It waits for a person (scripts/agent review decide)",
    Status.FAILED: "It could not be decided",
}
FILED = {
    Filing.PENDING: "It waits to be filed: the next sync does that, if its account is in apply.",
    Filing.APPLYING: "It is being filed right now.",
    Filing.HELD: "Filing it is held, because more mails than usual would move: scripts/agent sync --confirm RUN.",
    Filing.UNCLEAR: "Nobody knows where it is now: look for it, then scripts/agent review decide.",
    Filing.VANISHED: "It was gone from its mailbox before it was filed.",
    Filing.FAILED: "Filing it was given up: scripts/agent review decide.",
}


def why(history: EmailHistory, rule_set: RuleSet | None, rules: Sequence[RuleSaid]) -> list[str]:
    """Return sentences: who decided what and for which reason, and what was done."""
    return [*_decided(history, rule_set, rules), *_filed(history)]


def _decided(history: EmailHistory, rule_set: RuleSet | None, rules: Sequence[RuleSaid]) -> list[str]:
    if history.status is not Status.CLASSIFIED:
        sentence = UNDECIDED[history.status]
        ended = sentence.endswith(".") or not history.reason
        said = sentence if ended else f"{sentence}: {on_one_line(history.reason or '')}"
        told = [said if said.endswith(".") else f"{said}."]
        if history.status is Status.FETCHED and history.decided_by:
            told.append(f"Before that, {_decider(history)}: {on_one_line(history.category or 'no category')}.")
        return told + _order(rules)
    sentence = f"{_decider(history)[0].upper()}{_decider(history)[1:]}"
    if history.category:
        sentence += f": it is {on_one_line(history.category)}"
    described = rule_set.categories.get(history.category or "") if rule_set else None
    if described and described.description:
        sentence += f" ({on_one_line(described.description)})"
    return [f"{sentence}.", *_asked(history), *_order(rules)]


def _asked(history: EmailHistory) -> list[str]:
    """Say how sure the language model was, and what it was shown."""
    if history.decided_by != "llm":
        return []
    return [f"The model {on_one_line(history.reason)}.", SHOWN] if history.reason else [SHOWN]


def _decider(history: EmailHistory) -> str:
    by = history.decided_by or ""
    if by.startswith("rule:"):
        place = on_one_line((history.reason or "").removeprefix(f"rule {by[5:]}").strip())
        return f"rule {by[5:]} decided{' ' + place if place else ''}"
    return DECIDERS.get(by, f"{by or 'nobody'} decided")


def _order(rules: Sequence[RuleSaid]) -> list[str]:
    """Say how the rules around the one that decided came into it."""
    told = []
    for one in rules:
        if one.said is Said.UNKNOWN:
            is_fetchable = any(info.part for info, letter in one.conditions if letter == "u")
            why = "it needs something not fetched" if is_fetchable else "From names other people beside"
            told.append(f"Whether rule {one.rule.name} matches could not be told: {why}.")
        elif one.said is Said.ADDS:
            told.append(f"Rule {one.rule.name} matched before, and added its actions.")
    said_no = sum(one.said is Said.NO for one in rules)
    not_asked = sum(one.said is Said.NOT_ASKED for one in rules)
    if said_no:
        told.append(f"{_rules(said_no)} before did not match.")
    if not_asked:
        told.append(f"{_rules(not_asked)} behind {'was' if not_asked == 1 else 'were'} not asked.")
    return told


def _rules(number: int) -> str:
    return "1 rule" if number == 1 else f"{number} rules"


def _filed(history: EmailHistory) -> list[str]:
    if history.filing in FILED:
        return [FILED[history.filing]]
    if history.filing is Filing.KEPT:
        return [_kept(history)]
    if history.filing is Filing.APPLIED:
        return _done(history.actions)
    return ["Nothing was done with it."] if history.status is not Status.FETCHED else []


def _kept(history: EmailHistory) -> str:
    last = _last_filing(history.events)
    if last is None or last.why == "reclassify":
        return "It stays where it is until then." if history.status is Status.FETCHED else "It stays where it is."
    who = " (a person's word)" if last.by == "person" else ""
    return f"It stays where it is: {on_one_line(last.why)}{who}."


def _last_filing(events: Sequence[EmailEvent]) -> EmailEvent | None:
    return next((event for event in reversed(events) if event.what == "filing"), None)


def _done(actions: Sequence[LoggedAction]) -> list[str]:
    """Say what the last filing did; what was taken back is told by the filing kept."""
    told = []
    for action in actions:
        if action.undoes is not None or action.state not in PUT:
            continue
        target = on_one_line(action.target_mailbox or action.target)
        if action.state is ActionState.DONE_SOURCE_LEFT:
            told.append(f"It was copied to {target}.")
        elif action.kind is ActionKind.MOVE:
            source = f" from {on_one_line(action.source.mailbox)}" if action.source else ""
            told.append(f"It was moved{source} to {target}.")
        else:
            verb = "got" if action.kind is ActionKind.FLAG else "lost"
            told.append(f"It {verb} the flag {target}.")
    return told or ["It was filed."]
