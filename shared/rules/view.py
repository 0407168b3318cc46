"""A mail as conditions look at it: addresses parsed and texts folded once, when first asked for."""

import datetime as dt
import re
import unicodedata

from shared.mail.addresses import addresses
from shared.records import StoredEmail

FETCHED_HEADERS = (
    "date",
    "from",
    "to",
    "cc",
    "reply-to",
    "sender",
    "subject",
    "message-id",
    "list-id",
    "list-unsubscribe",
    "precedence",
    "auto-submitted",
)
"""The fields every fetch asks for. Any other field is known only where it is a key of the mail's headers."""

MAX_DOMAIN_LABELS = 127
"""RFC 1035 section 2.3.4: 255 octets hold no more."""

# Soft hyphen, zero-width and bidirectional controls: they hide a word from a rule, not from its reader.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

MAX_MARKS = 30
"""Combining marks kept in a row (UAX #15 section 13): no script stacks more, and sorting a run takes its square."""

# What a long run of marks looks like without a table of marks; the two letters are marks once normalised.
_MANY_MARKS = re.compile(rf"(?:[^\w\s\x00-\x7f]|[\uff9e\uff9f]){{{MAX_MARKS + 1},}}")

RECIPIENT, MAILBOX, ACCOUNT = "@recipient", "@mailbox", "@account"
"""Fields of ours beside the header's: To and Cc together, where the mail is, whose it is."""

ADDRESS_FIELDS = frozenset({"from", "to", "cc", "reply-to", "sender", RECIPIENT})
_ALWAYS_KNOWN = frozenset(FETCHED_HEADERS)


def fold(text: str) -> str:
    """Return text for comparison: compatibility-normalised (NFKC) and without case."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", normalised(text).casefold())


def normalised(text: str) -> str:
    """Return text compatibility-normalised (NFKC), its case kept, without characters that cannot be seen.

    Of combining marks in a row MAX_MARKS are kept, so that the time is linear.
    """
    if text.isascii():
        return text
    seen = _INVISIBLE.sub("", text.encode("utf-8", "replace").decode("utf-8"))
    return unicodedata.normalize("NFKC", _MANY_MARKS.sub(_without_too_many, seen))


def _without_too_many(run: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for character in run[0]:
        is_mark = unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) > 0
        marks = marks + 1 if is_mark else 0
        if marks <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)


class MailView:
    """One mail while it is decided. Fields come back as None when they were not fetched."""

    __slots__ = ("_domain_sets", "_folded", "_key_sets", "_keys", "_texts", "email", "now")

    def __init__(self, email: StoredEmail, now: dt.datetime) -> None:
        self.email = email
        self.now = now
        self._texts: dict[str, list[str] | None] = {}
        self._folded: dict[str, list[str] | None] = {}
        self._keys: dict[str, list[str] | None] = {}
        self._key_sets: dict[str, frozenset[str] | None] = {}
        self._domain_sets: dict[str, frozenset[str] | None] = {}

    def texts(self, field: str) -> list[str] | None:
        """Return a field's values, normalised."""
        if field not in self._texts:
            values = self._values(field)
            self._texts[field] = None if values is None else [normalised(value) for value in values]
        return self._texts[field]

    def folded(self, field: str) -> list[str] | None:
        """Return a field's values, folded."""
        if field not in self._folded:
            values = self._values(field)
            self._folded[field] = None if values is None else [fold(value) for value in values]
        return self._folded[field]

    def keys(self, field: str) -> list[str] | None:
        """Return what identifies: the addresses of an address field, the bracketed id of a List-Id, else the values."""
        if field not in self._keys:
            self._keys[field] = self._find_keys(field)
        return self._keys[field]

    def key_set(self, field: str) -> frozenset[str] | None:
        """Return the keys of a field, without blanks around them."""
        if field not in self._key_sets:
            keys = self.keys(field)
            self._key_sets[field] = None if keys is None else frozenset(key.strip() for key in keys)
        return self._key_sets[field]

    def domain_set(self, field: str) -> frozenset[str] | None:
        """Return the domains of a field's keys and all domains above them: `a@b.c` gives `b.c` and `c`."""
        if field not in self._domain_sets:
            keys = self.keys(field)
            at = field in ADDRESS_FIELDS
            self._domain_sets[field] = (
                None if keys is None else frozenset(one for key in keys for one in _domains(key, after_at=at))
            )
        return self._domain_sets[field]

    def _find_keys(self, field: str) -> list[str] | None:
        if field in ADDRESS_FIELDS:
            return [fold(one.address) for one in addresses(self._values(field) or ()) if one.address]
        values = self.folded(field)
        if values is None or field != "list-id":
            return values
        return [value.rpartition("<")[2].partition(">")[0].strip() for value in values]

    def _values(self, field: str) -> list[str] | None:
        if field == RECIPIENT:
            return [*self.email.headers.get("to", ()), *self.email.headers.get("cc", ())]
        if field == MAILBOX:
            return [self.email.mailbox]
        if field == ACCOUNT:
            return [self.email.account]
        values = self.email.headers.get(field)
        if values is None:
            return [] if field in _ALWAYS_KNOWN else None
        return list(values)

    def age_s(self) -> float:
        """Return the seconds since INTERNALDATE; naive times are UTC."""
        return (_aware(self.now) - _aware(self.email.internaldate)).total_seconds()


def _domains(key: str, *, after_at: bool) -> list[str]:
    _, at, domain = key.rpartition("@")
    if after_at and not at:
        return []
    labels = domain.strip("[]. ").split(".")
    shown = min(len(labels), MAX_DOMAIN_LABELS)
    return [".".join(labels[-count:]) for count in range(1, shown + 1)]


def _aware(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
