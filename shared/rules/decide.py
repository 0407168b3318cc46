"""RuleSet + mail -> Decision. Never raises for any stored mail."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

from shared.records import ActionKind, StoredEmail
from shared.rules.expression import hangs_on
from shared.rules.index import RuleIndex
from shared.rules.model import Action, Decision
from shared.rules.rule_set import Rule, RuleSet
from shared.rules.truth import NOT_ASKED
from shared.rules.view import MailView
from shared.status import Status

MAX_NAMES_SHOWN = 5
_PARTS = {"text": "the text", "structure": "the list of attachments"}


def decide(rule_set: RuleSet, email: StoredEmail, now: dt.datetime) -> Decision:
    """Return what the first matching rule says; `continue` rules before it add their actions.

    A rule that hangs on a part that was not fetched stops here: a later rule must not take what may be its mail. The
    parts it hangs on are then `wanted`, but for those that cannot be had.
    """
    return decide_with(rule_set, email, now, rule_set.index)


def decide_with(rule_set: RuleSet, email: StoredEmail, now: dt.datetime, index: RuleIndex | None) -> Decision:
    """Decide with an index, or without one by asking rule after rule; the decision and its trace are the same."""
    view = MailView(email, now)
    trace = bytearray([NOT_ASKED]) * len(rule_set.conditions)
    if email.unreadable:  # it has no header that a condition could miss
        return _uncertain("the mail server refuses the header of this mail", trace)
    rules: Iterable[Rule] = rule_set.rules if index is None else index.candidates(view, trace)
    passed: list[Rule] = []
    for rule in rules:
        truth = rule.matcher(view, trace)
        if truth is False:
            continue
        if truth is None:
            return replace(_unknown(rule, email.unavailable, trace), adds=_of(passed))
        if rule.continues:
            passed.append(rule)
            continue
        return _classified(rule, passed, trace)
    if passed:
        return replace(_uncertain(f"only rules that continue match: {_names(passed)}", trace), adds=_of(passed))
    return _uncertain("no rule matches", trace)


def _uncertain(reason: str, trace: bytearray) -> Decision:
    return Decision(status=Status.UNCERTAIN, reason=reason, trace=trace.decode("ascii"))


def _unknown(rule: Rule, unavailable: frozenset[str], trace: bytearray) -> Decision:
    parts = hangs_on(rule.expression, trace)
    if not parts:
        reason = f"rule {rule.name} ({_where(rule)}) asks who sent this mail, and From names others beside"
        return Decision(status=Status.UNCERTAIN, reason=reason, trace=trace.decode("ascii"))
    wanted = parts - unavailable
    why = "which was not fetched" if wanted else "which the mail server cannot give"
    return Decision(
        status=Status.UNCERTAIN,
        reason=f"rule {rule.name} ({_where(rule)}) needs {_named(wanted or parts)}, {why}",
        trace=trace.decode("ascii"),
        wanted=wanted,
    )


def _named(parts: frozenset[str]) -> str:
    """Return the parts in words, without the content of the mail."""
    words = [_PARTS.get(part, part.replace("header:", "the field ", 1)) for part in sorted(parts)]
    return " and ".join(words[:MAX_NAMES_SHOWN])


def _classified(rule: Rule, passed: list[Rule], trace: bytearray) -> Decision:
    reason = f"rule {rule.name} ({_where(rule)})"
    actions = rule.actions
    if passed:
        actions = merged(_of([*passed, rule]))
        reason += f", after {_names(passed)}"
    return Decision(
        status=Status.CLASSIFIED,
        reason=reason,
        decided_by=f"rule:{rule.name}",
        category=rule.category,
        actions=actions,
        trace=trace.decode("ascii"),
    )


def _names(rules: list[Rule]) -> str:
    more = len(rules) - MAX_NAMES_SHOWN
    return ", ".join(rule.name for rule in rules[:MAX_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _where(rule: Rule) -> str:
    return f"{rule.place.file}:{rule.place.line}"


def _of(rules: list[Rule]) -> tuple[Action, ...]:
    return tuple(action for rule in rules for action in rule.actions)


def merged(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return the actions of several deciders as one: of two moves the first wins, and of two words about one flag."""
    flags: dict[str, Action] = {}
    copies: dict[str, Action] = {}
    moves: list[Action] = []
    for action in actions:
        if action.kind is ActionKind.MOVE:
            moves.append(action)
        elif action.kind is ActionKind.COPY:
            copies.setdefault(action.target, action)
        else:
            flags.setdefault(action.target.lower(), action)
    move = moves[:1]
    further = [copy for copy in copies.values() if not move or copy.target != move[0].target]
    return (*flags.values(), *further, *move)
