"""One term of Gmail's search language -> our condition, or why there is none. Gmail compares whole words."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.rules.imports.approximation import (
    UNKNOWN,
    Approximation,
    Condition,
    all_of,
    any_of,
    either,
    exact,
    none_of,
)
from shared.rules.imports.gmail_query import Query, Term

_ADDRESS = re.compile(r"[^\s@<>()*,;:\"]+@[\w-]+(\.[\w-]+)*")
_DOMAIN = re.compile(r"(?P<sign>\*?[@.]|\*)?(?P<domain>([\w-]+\.)+(?P<top>[\w-]{2,}))")
_GENERIC = re.compile("app|biz|cloud|com|dev|edu|email|gov|info|int|mil|name|net|news|online|org|shop|tech")
_COUNTRY = re.compile("[a-z]{2}")
_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Scripts that put no blanks between words: there a word is found inside longer runs."""
_SIZE = re.compile(r"(\d{1,12})\s*([kmg]?)b?")
_AGE = re.compile(r"(\d{1,6})([dmy])")
_FACTORS = {"": 0, "k": 1, "m": 2, "g": 3}
_SHORTEST = {"d": 1, "m": 28, "y": 365}
_LONGEST = {"d": 1, "m": 31, "y": 366}

FIELDS = {"from": "from", "to": "recipient", "cc": "cc", "bcc": "bcc", "deliveredto": "delivered-to"}
"""Gmail's `to:` finds Cc (and Bcc) too."""
BEGINNING = "only the beginning of a text is read, which cannot say what is not in the rest"
_STATES: dict[str, Condition] = {
    "is:read": {"seen": True},
    "is:unread": {"seen": False},
    "is:starred": {"flagged": True},
    "has:attachment": {"attachment": True},
    "in:inbox": {"mailbox": {"is": "INBOX"}},
    "in:anywhere": True,
}
_REASONS = {
    "has": "this is known to Gmail only",
    "in": "this is known to Gmail only",
    "is": "this is known to Gmail only",
    "label": "a rule sees no labels of Gmail's",
    "category": "Gmail's categories are not seen over IMAP",
    "older": "a rule compares ages, not dates",
    "newer": "a rule compares ages, not dates",
    "after": "a rule compares ages, not dates",
    "before": "a rule compares ages, not dates",
}


@dataclass(slots=True)
class QueryReader:
    """Turns queries into conditions; `reasons` say which terms could not be, as (term, why)."""

    owner: str = ""
    reasons: list[tuple[str, str]] = field(default_factory=list)

    def condition(self, query: Query) -> Approximation:
        """Return the bounds of a query."""
        if isinstance(query, Term):
            return self._term(query)
        parts = [self.condition(part) for part in query.parts]
        found = any_of(parts) if query.is_any else all_of(parts)
        if not query.negated:
            return found
        if found.at_most is True and found.at_least is not True and not self.reasons:
            self.reasons.append(("a word that must not stand anywhere", BEGINNING))
        return none_of(found)

    def _term(self, term: Term) -> Approximation:
        known = _STATES.get(str(term).lower())
        if known is not None:
            return exact(known)
        if term.operator in _REASONS:
            return self.unknown(str(term), _REASONS[term.operator])
        if term.operator in FIELDS:
            return self._addresses(term)
        try:
            return _READERS[term.operator](term.text)
        except ValueError as error:
            return self.unknown(str(term), str(error))

    def unknown(self, part: str, reason: str) -> Approximation:
        """Note why a part cannot be said here."""
        self.reasons.append((part, reason))
        return UNKNOWN

    def _addresses(self, term: Term) -> Approximation:
        name, text = FIELDS[term.operator], term.text.strip().strip("<>")
        if text.lower() == "me":
            if not self.owner:
                return self.unknown(str(term), "the export does not say whose address this is")
            text = self.owner
        try:
            return _address(name, text)
        except ValueError as error:
            return self.unknown(str(term), str(error))


def words(name: str, text: str) -> Condition:
    """Ask a field for these words, side by side and whole."""
    normal = unicodedata.normalize("NFKC", text)
    found = _WORD.findall(normal)
    if not found:
        raise ValueError("there is no word in it")
    if "*" in text:
        raise ValueError("wildcards stand for nothing certain here")
    if _UNSPACED.search(normal):
        return {name: {"contains": normal.strip()}}
    begin = r"\b" if found[0][0].isascii() else r"(^|[^\pL\pN])"
    end = r"\b" if found[-1][-1].isascii() else r"([^\pL\pN]|$)"
    between = r"\W+" if all(map(str.isascii, found)) else r"[^\pL\pN]+"
    return {name: {"matches": begin + between.join(found) + end}}


def _address(name: str, text: str) -> Approximation:
    """Return a condition on addresses; it is narrower than Gmail's words, which also find display names."""
    if _ADDRESS.fullmatch(text):
        return Approximation({name: {"is": text}}, words(name, text))
    domain = _DOMAIN.fullmatch(text)
    if domain and (domain["sign"] or _is_top_level(domain["top"].lower())):
        at_most = {name: {"contains": domain["domain"]}} if domain["sign"] == "*" else words(name, domain["domain"])
        return Approximation({name: {"domain": domain["domain"]}}, at_most)
    if text.endswith("@") and _ADDRESS.fullmatch(text + "x"):
        return Approximation({name: {"starts-with": text}}, words(name, text))
    return exact(words(name, text))


def _is_top_level(label: str) -> bool:
    return bool(_GENERIC.fullmatch(label) or _COUNTRY.fullmatch(label))


def _anywhere(text: str) -> Approximation:
    """Return a condition on what is read of a mail: where it does not hold, the word may still stand further down."""
    return Approximation(either(words(name, text) for name in ("subject", "from", "recipient", "body")), True)


def _list_id(text: str) -> Approximation:
    plain = text.strip().strip("<>").replace("@", ".")
    domain = _DOMAIN.fullmatch(plain)
    if domain is None:
        return exact(words("list-id", plain))
    return Approximation({"list-id": {"domain": domain["domain"]}}, words("list-id", plain))


def _filename(text: str) -> Approximation:
    if re.fullmatch(r"\.?[a-z0-9]{1,8}", text, re.IGNORECASE):
        ending = {"attachment": {"name": {"ends-with": f".{text.lstrip('.')}"}}}
        return Approximation(ending, {"attachment": words("name", text)})
    return exact({"attachment": words("name", text)})


def _message_id(text: str) -> Approximation:
    return exact({"header": {"name": "Message-ID", "contains": text.strip().strip("<>")}})


def _larger(text: str) -> Approximation:
    least, most = octets(text)
    return Approximation({"size": {"over": f"{most} B"}}, {"size": {"over": f"{least} B"}})


def _smaller(text: str) -> Approximation:
    least, most = octets(text)
    return Approximation({"size": {"under": f"{least} B"}}, {"size": {"under": f"{most} B"}})


def octets(text: str) -> tuple[int, int]:
    """Return a size with units of 1,000 and of 1,024: Gmail does not say which it means."""
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError("this is no size")
    power = _FACTORS[match[2]]
    return int(match[1]) * 1_000**power, int(match[1]) * 1_024**power


def _older(text: str) -> Approximation:
    shortest, longest = _days(text)
    return Approximation({"age": {"over": f"{longest}d"}}, {"age": {"over": f"{shortest}d"}})


def _newer(text: str) -> Approximation:
    shortest, longest = _days(text)
    return Approximation({"age": {"under": f"{shortest}d"}}, {"age": {"under": f"{longest}d"}})


def _days(text: str) -> tuple[int, int]:
    match = _AGE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError("this is no age")
    return int(match[1]) * _SHORTEST[match[2]], int(match[1]) * _LONGEST[match[2]]


def _subject(text: str) -> Approximation:
    return exact(words("subject", text))


_READERS: dict[str, Callable[[str], Approximation]] = {
    "": _anywhere,
    "subject": _subject,
    "list": _list_id,
    "filename": _filename,
    "rfc822msgid": _message_id,
    "larger": _larger,
    "larger_than": _larger,
    "size": _larger,
    "smaller": _smaller,
    "smaller_than": _smaller,
    "older_than": _older,
    "newer_than": _newer,
}
