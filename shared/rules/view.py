"""A mail as conditions look at it: addresses parsed and texts folded once, when first asked for."""

import datetime as dt
from functools import lru_cache

from shared.mail.addresses import addresses
from shared.records import StoredEmail
from shared.rules.address_keys import mail_key
from shared.rules.folding import fold, normalised, on_one_line

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

KEPT, MAX_KEPT_CHARS = 4_096, 200
"""Senders write again and again: what their address says is read once, if it is as short as addresses are."""

MAX_DOMAIN_LABELS = 127
"""RFC 1035 section 2.3.4: 255 octets hold no more."""

AUTHORS = "from"

RECIPIENT, MAILBOX, ACCOUNT, BODY = "@recipient", "@mailbox", "@account", "@body"
"""Fields of ours beside the header's: To and Cc together, where the mail is, whose it is, its visible text."""

ADDRESS_FIELDS = frozenset({"from", "to", "cc", "bcc", "reply-to", "sender", "delivered-to", RECIPIENT})
_ALWAYS_KNOWN = frozenset(FETCHED_HEADERS)


def part_of(field: str) -> str | None:
    """Return the part of a mail that a field is in, None for what every fetch brings."""
    if field == BODY:
        return "text"
    return None if field in _ALWAYS_KNOWN or field.startswith("@") else f"header:{field}"


def _folded_body(text: str) -> str:
    return on_one_line(fold(text))  # where a line ends is the mail program's choice, not the writer's


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
            if values is not None:
                values = (
                    [fold(value) for value in values] if field != BODY else [_folded_body(value) for value in values]
                )
            self._folded[field] = values
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
                None if keys is None else frozenset(one for key in keys for one in _domains_in(key, at))
            )
        return self._domain_sets[field]

    def tags(self, field: str) -> set[str] | None:
        """Return the tags of an address field: `shop` of `me+shop@home.example` (RFC 5233 calls it the detail)."""
        keys = self.keys(field)
        return None if keys is None else {tag_of(key) for key in keys}

    def _find_keys(self, field: str) -> list[str] | None:
        if field in ADDRESS_FIELDS:
            fields = self._values(field)
            if fields is not None and len(fields) == 1 and len(fields[0]) <= MAX_KEPT_CHARS:
                return list(_address_keys(fields[0]))
            return None if fields is None else [mail_key(one.address) for one in addresses(fields) if one.address]
        values = self.folded(field)
        if values is None or field != "list-id":
            return values
        return [value.rpartition("<")[2].partition(">")[0].strip() for value in values]

    def _values(self, field: str) -> list[str] | None:
        if field.startswith("@"):
            return self._our_values(field)
        values = self.email.headers.get(field)
        if values is None:
            return [] if field in _ALWAYS_KNOWN else None
        return values

    def _our_values(self, field: str) -> list[str] | None:
        email = self.email
        if field == RECIPIENT:
            return [*email.headers.get("to", ()), *email.headers.get("cc", ())]
        if field == BODY:
            return None if email.text is None else [] if not email.text.strip() else [email.text]
        return [email.mailbox if field == MAILBOX else email.account]

    def age_s(self) -> float:
        """Return the seconds since INTERNALDATE; naive times are UTC."""
        return (_aware(self.now) - _aware(self.email.internaldate)).total_seconds()


@lru_cache(maxsize=KEPT)
def _address_keys(value: str) -> tuple[str, ...]:
    return tuple(mail_key(one.address) for one in addresses((value,)) if one.address)


def _domains_in(key: str, at: bool) -> tuple[str, ...]:
    if len(key) > MAX_KEPT_CHARS:
        return tuple(domains_in(key, after_at=at))
    return _kept_domains(key, at)


@lru_cache(maxsize=KEPT)
def _kept_domains(key: str, at: bool) -> tuple[str, ...]:
    return tuple(domains_in(key, after_at=at))


def tag_of(key: str) -> str:
    """Return the tag of an address, empty without one."""
    return key.rpartition("@")[0].partition("+")[2]


def domains_in(key: str, *, after_at: bool = True) -> list[str]:
    """Return the domain of a key and all domains above it; none for an address without, or with an IP address."""
    _, at, domain = key.rpartition("@")
    if after_at and (not at or "[" in domain):
        return []
    labels = domain.strip(". ").split(".") if after_at else domain.strip("[]. ").split(".")
    shown = min(len(labels), MAX_DOMAIN_LABELS)
    return [".".join(labels[-count:]) for count in range(1, shown + 1)]


def _aware(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
