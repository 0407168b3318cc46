"""Gmail's filters -> our rules. All filters that match a mail act on it, so each rule lets later ones go on."""

from dataclasses import dataclass, field
from typing import Any

from shared.rules.faults import quoted
from shared.rules.imports.approximation import Approximation, all_of, exact
from shared.rules.imports.gmail_feed import GmailFilter, Property, read_feed
from shared.rules.imports.gmail_query import Group, NotReadable, read_query
from shared.rules.imports.gmail_terms import QueryReader, octets
from shared.rules.imports.imported import Effect, Imported, ImportedRule, Remark, finish
from shared.rules.imports.names import Keywords, rule_name

_QUERIES = {"from": "from", "to": "to", "subject": "subject", "hasTheWord": "", "doesNotHaveTheWord": ""}
_SIZE_KEYS = frozenset({"size", "sizeOperator", "sizeUnit"})
_NEUTRAL = frozenset({"excludeChats"})
"""Chats are no mail: over IMAP there are none."""
_MARKS: dict[str, list[Any]] = {
    "shouldMarkAsRead": ["read"],
    "shouldStar": ["flag"],
    "shouldAlwaysMarkAsImportant": [{"keyword": "$Important"}],
    "shouldNeverSpam": [{"keyword": "$NotJunk"}, {"unflag": "$Junk"}],
}
_PLACES = frozenset({"shouldArchive", "shouldTrash", "label"})
_OUT_OF_SIGHT = frozenset({"shouldArchive", "shouldTrash", "shouldMarkAsRead"})
_WITHOUT = {
    "smartLabelToApply": "Gmail's tabs cannot be set over IMAP",
    "shouldNeverMarkAsImportant": "Gmail's importance marker cannot be taken off over IMAP",
    "cannedResponse": "mail is never answered",
}
_UNITS = {"s_sb": "", "s_skb": "k", "s_smb": "m"}
_TITLES = frozenset({"", "mail filter"})

HEADING = (
    "Made from Gmail's filters. Read it before you push it. A filter that could not be carried over is a comment: what",
    "stands there may hold for more mail than the filter did.",
    "Words are compared whole, as Gmail does. An address or a domain under from or recipient is compared with",
    "addresses, not with the names beside them. A label with Skip Inbox moves to the mailbox of that name; a label",
    "without it becomes a keyword.",
)


def import_gmail(octets_: bytes, file: str) -> Imported:
    """Import a mailFilters.xml; InvalidRules if it is none."""
    feed = read_feed(octets_, file)
    keywords = Keywords()
    rules: list[ImportedRule] = []
    remarks: list[Remark] = []
    for one in feed.filters:
        reader = _FilterReader(one, QueryReader(owner=feed.owner), keywords)
        rules.append(reader.rule())
        remarks += reader.remarks
    return finish(HEADING, rules, remarks)


@dataclass(slots=True)
class _FilterReader:
    """Reads one filter; `given` are its properties that say something."""

    filter: GmailFilter
    queries: QueryReader
    keywords: Keywords
    remarks: list[Remark] = field(default_factory=list)

    def rule(self) -> ImportedRule:
        """Return the rule; asleep if it cannot act without being broader than the filter was."""
        given = [one for one in self.filter.properties if one.value and one.name not in _NEUTRAL]
        when = all_of(self._conditions(given))
        then = self._actions(given)
        asleep = self._why_asleep(given, when, then)
        effect = Effect.LEFT_OUT if asleep else Effect.NARROWED
        for part, reason in self.queries.reasons:
            self._remark(effect, part, reason)
        if asleep and not self.queries.reasons:
            self._remark(effect, "the filter", asleep)
        return ImportedRule(
            name=self._name(given),
            place=self.filter.place,
            origin=f"line {self.filter.place.line}: {_described(given)}",
            when=when.at_most if asleep else when.at_least,
            then=tuple(then) or ("keep",),
            goes_on=True,
            asleep=asleep,
        )

    def _why_asleep(self, given: list[Property], when: Approximation, then: list[Any]) -> str:
        if when.at_least is False:
            return "; ".join(f"{part}: {reason}" for part, reason in self.queries.reasons) or "it never matches"
        if when.at_least is True:
            return "it has no condition"
        names = {one.name for one in given if one.name == "forwardTo" or _is_on(one)}
        if "forwardTo" in names and names & _OUT_OF_SIGHT:
            return "mail is never forwarded, and without that the mail should not be out of sight"
        return "" if then else "none of its actions can be done here"

    def _conditions(self, given: list[Property]) -> list[Approximation]:
        found = []
        for one in given:
            if one.name in _QUERIES:
                found.append(self._query(one))
            elif one.name == "hasAttachment" and _is_on(one):
                found.append(exact({"attachment": True}))
            elif one.name not in _SIZE_KEYS | _PLACES | set(_MARKS) | set(_WITHOUT) | {"forwardTo", "hasAttachment"}:
                found.append(self.queries.unknown(quoted(one.name), "this property is not known"))
        sizes = {one.name: one.value for one in given if one.name in _SIZE_KEYS}
        if "size" in sizes:
            found.append(self._size(sizes))
        return found

    def _query(self, one: Property) -> Approximation:
        try:
            query = read_query(one.value, _QUERIES[one.name])
        except NotReadable as error:
            return self.queries.unknown(f"{one.name} {quoted(one.value)}", str(error))
        return self.queries.condition(Group((query,), negated=one.name == "doesNotHaveTheWord"))

    def _size(self, sizes: dict[str, str]) -> Approximation:
        unit = _UNITS.get(sizes.get("sizeUnit", "s_sb"))
        operator = {"s_sl": "larger", "s_ss": "smaller"}.get(sizes.get("sizeOperator", ""))
        try:
            octets(sizes["size"] + (unit or ""))
        except ValueError:
            unit = None
        if unit is None or operator is None:
            return self.queries.unknown("size", "this is no size")
        return self.queries.condition(read_query(f"{operator}:{sizes['size'].strip()}{unit}"))

    def _actions(self, given: list[Property]) -> list[Any]:
        on = {one.name for one in given if _is_on(one)}
        labels = [one for one in given if one.name == "label"]
        marks = [action for name, actions in _MARKS.items() if name in on for action in actions]
        move: list[Any] = ["trash"] if "shouldTrash" in on else ["archive"] if "shouldArchive" in on else []
        if labels and move == ["archive"] and not labels[-1].value.startswith("\\"):
            move = [{"move": labels.pop().value}]
        marks += [{"keyword": self._keyword(one)} for one in labels]
        for one in given:
            if one.name in _WITHOUT or one.name == "forwardTo":
                self._remark(Effect.LEFT_OUT, one.name, _WITHOUT.get(one.name, "mail is never forwarded"), one)
        return marks + move

    def _keyword(self, label: Property) -> str:
        is_new = label.value not in self.keywords
        keyword = self.keywords.of(label.value)
        if keyword != label.value and is_new:
            reason = f"IMAP allows no such keyword; it is {keyword} here"
            self._remark(Effect.CHANGED, f"label {quoted(label.value)}", reason, label)
        return keyword

    def _remark(self, effect: Effect, part: str, reason: str, at: Property | None = None) -> None:
        place = at.place if at else self.filter.place
        self.remarks.append(Remark(place=place, effect=effect, part=part, reason=reason))

    def _name(self, given: list[Property]) -> str:
        title = self.filter.title if self.filter.title.lower() not in _TITLES else ""
        label = next((one.value for one in given if one.name == "label"), "")
        sender = next((one.value for one in given if one.name in {"from", "subject", "hasTheWord", "to"}), "")
        found = (rule_name(text) for text in (title, label, sender))
        return next(filter(None, found), f"filter-on-line-{self.filter.place.line}")


def _is_on(one: Property) -> bool:
    return one.value.lower() == "true"


def _described(given: list[Property]) -> str:
    """Return the filter in a line: its conditions, then its actions."""
    has_size = any(one.name == "size" for one in given)
    shown = [one for one in given if one.value.lower() != "false" and (has_size or one.name not in _SIZE_KEYS)]
    return ", ".join(one.name if _is_on(one) else f"{one.name} {quoted(one.value)}" for one in shown)
