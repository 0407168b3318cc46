"""Sieve's tests -> our conditions (RFC 5228 section 5; body RFC 5173, subaddress RFC 5233, regex)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from shared.errors import InvalidRules
from shared.rules.faults import Fault, Place
from shared.rules.imports.approximation import (
    ALWAYS,
    NEVER,
    UNKNOWN,
    Approximation,
    Condition,
    all_of,
    any_of,
    both,
    either,
    exact,
    none_of,
)
from shared.rules.imports.sieve_script import Tag, Test

_ADDRESS_FIELDS = {
    "from": "from",
    "to": "to",
    "cc": "cc",
    "bcc": "bcc",
    "reply-to": "reply-to",
    "sender": "sender",
    "delivered-to": "delivered-to",
    "to and cc": "recipient",
}
_AROUND_ADDRESSES = r'[\s<(,;"]'
"""What an address field holds when it holds more than a bare address."""
_TEXT_FIELDS = {"subject": "subject", "list-id": "list-id"}
NOT_FOR_MORE = "ours would hold for more mail"
BEGINNING = "only the beginning of a text is read"
WITHOUT_NAMES = "only where no name is beside the address"
_PARTS = frozenset({"all", "localpart", "domain", "user", "detail"})
_MATCHES = frozenset({"is", "contains", "matches", "regex"})
_COMPARATORS = frozenset({"i;ascii-casemap", "i;unicode-casemap"})
_SIGNS = frozenset(r"\.^$*+?{}[]|()")
_SUBSTITUTED = re.compile(r"\$\{")
_OTHER = r"[^\s<>@,\x22]"
"""A character of an address that is neither its @ nor a sign around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a header, address or body test asks: the match type, the part of the address, the two lists of texts."""

    match: str
    part: str
    texts: tuple[list[str], ...]
    others: frozenset[str]


class NotSaid(Exception):
    """A test that our language cannot say, and why."""


@dataclass(slots=True)
class TestReader:
    """Turns tests into conditions; `reasons` say which tests could not be said, or not exactly, and where."""

    __test__ = False

    substitutes: bool = False
    reasons: list[tuple[Place, str, str]] = field(default_factory=list)

    def condition(self, test: Test) -> Approximation:
        """Return the bounds of a test."""
        logic = _LOGIC.get(test.name)
        if logic is not None:
            return logic([self.condition(one) for one in test.tests])
        if test.name in {"true", "false"}:
            return ALWAYS if test.name == "true" else NEVER
        known = len(self.reasons)
        try:
            found = self._test(test)
        except NotSaid as reason:
            self.reasons.append((test.place, str(test), str(reason)))
            return UNKNOWN
        if not found.is_exact and len(self.reasons) == known:
            narrow = BEGINNING if test.name == "body" else WITHOUT_NAMES
            why = NOT_FOR_MORE if found.at_least is False else narrow
            self.reasons.append((test.place, str(test), why))
        return found

    def _test(self, test: Test) -> Approximation:
        if test.name == "environment" and test.arguments[-2:-1] == (["vnd.proton.spam-threshold"],):
            self.reasons.append((test.place, str(test), "spam is in a mailbox of its own before rules see it"))
            return NEVER
        if test.name == "size":
            return _size(test)
        if test.name == "exists":
            return all_of(
                [exact(_exists(name)) for texts in test.arguments if isinstance(texts, list) for name in texts]
            )
        if test.name not in {"header", "address", "body"}:
            raise NotSaid(_REASONS.get(test.name, "there is no such test here"))
        asked = _asked(test)
        if self.substitutes and any(_SUBSTITUTED.search(text) for texts in asked.texts for text in texts):
            raise NotSaid("what a variable stands for is not known here")
        if test.name == "body":
            return _body(asked)
        if len(asked.texts) != len(("headers", "keys")):
            raise InvalidRules(str(Fault(place=test.place, text=f"{test.name} needs header names and keys")))
        ask = _address if test.name == "address" else _header
        names, keys = asked.texts
        if {name.lower() for name in names} == {"to", "cc"}:
            names = ["to and cc"]
        return any_of([self._one(test, ask, name, key, asked) for name in names for key in keys])

    def _one(self, test: Test, ask: "_Ask", *what: Any) -> Approximation:
        """Ask one field for one key; where that cannot be said the others still can."""
        try:
            return ask(*what)
        except NotSaid as reason:
            self.reasons.append((test.place, str(test), str(reason)))
            return UNKNOWN


_Ask: TypeAlias = Callable[[str, str, Asked], Approximation]
_LOGIC: dict[str, Callable[[Sequence[Approximation]], Approximation]] = {
    "allof": all_of,
    "anyof": any_of,
    "not": lambda parts: none_of(parts[0]) if len(parts) == 1 else UNKNOWN,
}
_REASONS = {
    "envelope": "the envelope is gone once a mail is delivered; Return-Path or Delivered-To may say the same",
    "spamtest": "the server's spam score is not seen here; a header of the spam filter may say the same",
    "virustest": "the server's virus score is not seen here",
    "date": "there is no condition on dates but age",
    "currentdate": "there is no condition on dates but age",
    "string": "there are no variables here",
    "hasflag": "at delivery a mail has no flags; here it may have",
    "duplicate": "duplicates are not looked for",
}


def _asked(test: Test) -> Asked:
    match, part = "is", "all"
    others: set[str] = set()
    texts: list[list[str]] = []
    arguments = iter(test.arguments)
    for one in arguments:
        if isinstance(one, list):
            texts.append(one)
        elif isinstance(one, Tag) and one.name == "comparator":
            comparator = next(arguments, None)
            if not isinstance(comparator, list) or comparator[0] not in _COMPARATORS:
                others.add("exact case")
        elif isinstance(one, Tag) and one.name in _MATCHES:
            match = one.name
        elif isinstance(one, Tag) and one.name in _PARTS:
            part = one.name
        elif isinstance(one, Tag) and one.name != "text":
            raise NotSaid(f":{one.name} is not known here")
        elif not isinstance(one, Tag):
            raise NotSaid("a number is not expected here")
    return Asked(match=match, part=part, texts=tuple(texts), others=frozenset(others))


def _bounded(condition: Condition, asked: Asked, *, is_exact: bool = True) -> Approximation:
    """Return both bounds; where case matters, or ours holds for more, only the upper one."""
    return exact(condition) if is_exact and not asked.others else Approximation(False, condition)


# -- header


def _header(name: str, key: str, asked: Asked) -> Approximation:
    """Compare the whole field. On address fields ours compares addresses too, which may hold for more."""
    field_name = name.lower()
    operator, value, is_exact = _whole(asked.match, key)
    if value == "":
        return _bounded(_exists(name), asked, is_exact=operator != "is")
    if field_name in _ADDRESS_FIELDS:
        return _address_field(_ADDRESS_FIELDS[field_name], operator, value, asked)
    if asked.others and operator != "matches":
        return exact(_ask(field_name, "matches", f"(?-i){_anchored(operator, value)}", name))
    if field_name == "list-id" and operator in {"is", "starts-with", "ends-with"}:
        operator, value = "matches", _anchored(operator, value)
    return _bounded(_ask(field_name, operator, value, name), asked, is_exact=is_exact)


def _address_field(name: str, operator: str, value: str, asked: Asked) -> Approximation:
    """Compare the whole of an address field: of ours only `contains` does, the others look at addresses too."""
    if operator == "contains":
        return _bounded({name: {operator: value}}, asked)
    if set(value) & set("< ") or (operator == "matches" and not set(value) & set("^$\\")):
        pattern = value if operator == "matches" else _anchored(operator, value)
        return _bounded(
            {name: {"matches": pattern}}, asked
        )  # no bare address holds these, or it holds what the whole does
    at_most: Condition = {name: {operator: value}}
    if operator == "is" and "@" not in value:
        return _bounded({name: {"matches": _anchored(operator, value)}}, asked)
    if asked.others:
        return Approximation(False, at_most)
    bare = both([at_most, {"not": {name: {"matches": _AROUND_ADDRESSES}}}])
    return exact(bare) if operator == "is" else Approximation(bare, at_most)


def _whole(match: str, key: str) -> tuple[str, str, bool]:
    """Return operator and value for a comparison of a whole text, and whether that says it exactly."""
    if match == "regex":
        return "matches", key, True
    if match != "matches":
        return match, key, key == key.strip() or match == "contains"
    return _glob(key)


def _glob(key: str) -> tuple[str, str, bool]:
    """Return the operator for a pattern with * and ? (section 2.7.1), which covers the whole text."""
    inner = key.strip("*")
    if not inner:
        return ("contains", "", True) if key else ("is", "", True)
    if not set(inner) & set("*?\\"):
        open_left, open_right = key.startswith("*"), key.endswith("*")
        if open_left and open_right:
            return "contains", inner, True
        if open_left or open_right:
            return ("ends-with" if open_left else "starts-with"), inner, True
        return "is", inner, inner == inner.strip()
    return "matches", f"^{_glob_pattern(key, '(?s:.*)', '(?s:.)')}$", True


def _glob_pattern(key: str, many: str, one: str) -> str:
    """Return a regular expression for a glob; a backslash takes the meaning off the next character."""
    found = []
    signs = iter(key)
    for sign in signs:
        if sign == "*":
            found.append(many)
        elif sign == "?":
            found.append(one)
        else:
            found.append(_literal(next(signs, "\\") if sign == "\\" else sign))
    return "".join(found)


def _literal(text: str) -> str:
    return "".join(f"\\{sign}" if sign in _SIGNS else sign for sign in text)


def _anchored(operator: str, value: str) -> str:
    """Return the pattern that compares the whole text, for fields where ours compares a part of it."""
    begin = "^" if operator in {"is", "starts-with"} else ""
    return begin + _literal(value) + ("$" if operator in {"is", "ends-with"} else "")


def _ask(field_name: str, operator: str, value: str, shown: str) -> Condition:
    known = _ADDRESS_FIELDS.get(field_name) or _TEXT_FIELDS.get(field_name)
    if known:
        return {known: {operator: value}}
    return {"header": {"name": shown, operator: value}}


def _exists(name: str) -> Condition:
    known = _ADDRESS_FIELDS.get(name.lower()) or _TEXT_FIELDS.get(name.lower())
    return {known: {"exists": True}} if known else {"header": {"name": name, "exists": True}}


# -- address


def _address(name: str, key: str, asked: Asked) -> Approximation:
    """Compare addresses, or a part of them."""
    known = _ADDRESS_FIELDS.get(name.lower())
    if known is None:
        raise NotSaid(f"{name} is no field of addresses here")
    if asked.match == "regex":
        raise NotSaid("a regular expression here sees the names beside addresses too")
    if not key:
        raise NotSaid("an address or a part of one is never empty here")
    if asked.match == "is":
        return _bounded({known: _address_is(asked.part, key)}, asked)
    pattern = _glob_pattern(key, f"{_OTHER}*", _OTHER) if asked.match == "matches" else ""
    if asked.match == "contains":
        pattern = f"{_OTHER}*{_literal(key)}{_OTHER}*"
    if asked.part == "all":
        return _bounded({known: _address_part(key, asked.match)}, asked)
    return _bounded({known: {"matches": _around(asked.part, pattern)}}, asked)


def _address_is(part: str, key: str) -> dict[str, str]:
    if part == "domain":
        return {"ends-with": f"@{key}"}
    if part == "localpart":
        return {"starts-with": f"{key}@"}
    if part == "detail":
        return {"plus": key}
    if part == "user":
        return {"matches": _around("user", _literal(key))}
    return {"is": key} if "@" in key else {"matches": f"^{_literal(key)}$"}


def _around(part: str, pattern: str) -> str:
    """Return a pattern that only a bare address can match, with this in one part of it."""
    any_of_it = f"{_OTHER}+"
    return {
        "domain": f"^{any_of_it}@{pattern}$",
        "localpart": f"^{pattern}@{any_of_it}$",
        "detail": rf"^[^\s<>@,\x22+]*\+{pattern}@{any_of_it}$",
        "user": rf"^{pattern}(\+{_OTHER}*)?@{any_of_it}$",
    }[part]


def _address_part(key: str, match: str) -> dict[str, str]:
    anything = r"[^\s<>,\x22]"
    if match == "contains":
        return {"matches": f"^{anything}*{_literal(key)}{anything}*$"}
    if key.startswith("*") and not set(key[1:]) & set("*?\\"):
        return {"ends-with": key[1:]} if len(key) > 1 else {"exists": True}  # type: ignore[dict-item]  # exists is no text
    if key.endswith("*") and not set(key[:-1]) & set("*?\\"):
        return {"starts-with": key[:-1]}
    return {"matches": f"^{_glob_pattern(key, f'{anything}*', anything)}$"}


# -- the rest


def _body(asked: Asked) -> Approximation:
    """Compare the text that a reader sees (RFC 5173 :text, which is what it means without a tag)."""
    if asked.match not in {"contains", "regex"} or len(asked.texts) != 1:
        raise NotSaid("of a body only :contains and :regex can be asked")
    operator = "matches" if asked.match == "regex" else "contains"
    seen = _bounded(either({"body": {operator: key}} for key in asked.texts[0]), asked)
    return Approximation(seen.at_least, True)  # further down, where nothing is read, the text may still stand


def _size(test: Test) -> Approximation:
    names = [one.name for one in test.arguments if isinstance(one, Tag)]
    numbers = [one for one in test.arguments if isinstance(one, int)]
    if len(numbers) != 1 or names not in (["over"], ["under"]):
        raise InvalidRules(str(Fault(place=test.place, text="size needs :over or :under and a number")))
    return exact({"size": {names[0]: f"{numbers[0]} B"}})
