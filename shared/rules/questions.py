"""What one condition asks of a mail. Each kind is a value, for the index and `check`, and makes a quick function."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from shared.records import Attachment
from shared.rules.address_keys import address_key, domain_key
from shared.rules.folding import fold, normalised, on_one_line
from shared.rules.patterns import compile_pattern
from shared.rules.view import ADDRESS_FIELDS, AUTHORS, BODY, MailView, domains_in, part_of, tag_of

Truth: TypeAlias = bool | None
"""None: it hangs on something that was not fetched, or is true of one of several authors only."""
Ask: TypeAlias = Callable[[MailView], Truth]

_BULK = frozenset({"bulk", "list"})
STRUCTURE = "structure"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """Whether an address, list id or value is one of these keys, or in one of these domains, or below one."""

    field: str
    keys: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    @property
    def part(self) -> str | None:
        """The part of the mail that is asked."""
        return part_of(self.field)

    def ask(self) -> Ask:
        """Return the function that asks."""
        name, wanted, domains = self.field, self.keys, self.domains

        def ask_keys(view: MailView) -> Truth:
            keys = view.key_set(name)
            return None if keys is None else not wanted.isdisjoint(keys)

        def ask_domains(view: MailView) -> Truth:
            found = view.domain_set(name)
            return None if found is None else not domains.isdisjoint(found)

        def is_meant(key: str) -> bool:
            return key in wanted or not domains.isdisjoint(domains_in(key))

        if not domains:
            found: Ask = ask_keys
        else:
            found = (lambda view: ask_keys(view) or ask_domains(view)) if wanted else ask_domains
        return _of_authors(found, is_meant) if name == AUTHORS else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """Whether a text holds one of these, anywhere (`contains`), at its start, or at its end.

    `contains` looks at whole values, display names too; start and end are those of addresses and list ids.
    """

    field: str
    operator: str
    texts: tuple[str, ...]

    @property
    def part(self) -> str | None:
        """The part of the mail that is asked."""
        return part_of(self.field)

    def ask(self) -> Ask:
        """Return the function that asks."""
        name, wanted = self.field, self.texts
        if self.operator == "contains":
            return self._ask_contains()
        at_start = self.operator == "starts-with"

        def is_meant(key: str) -> bool:
            return key.startswith(wanted) if at_start else key.endswith(wanted)

        def ask(view: MailView) -> Truth:
            keys = view.keys(name)
            return None if keys is None else any(is_meant(key) for key in keys)

        return _of_authors(ask, is_meant) if name == AUTHORS else ask

    def _ask_contains(self) -> Ask:
        name, wanted = self.field, self.texts

        def ask(view: MailView) -> Truth:
            texts = view.folded(name)
            if texts is None:
                return None
            for text in texts:
                for part in wanted:
                    if part in text:
                        return True
            return False

        return ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Whether a value, or an address in it, matches one of these regular expressions (RE2)."""

    field: str
    patterns: tuple[str, ...]

    @property
    def part(self) -> str | None:
        """The part of the mail that is asked."""
        return part_of(self.field)

    def ask(self) -> Ask:
        """Return the function that asks; ValueError says what is wrong with a pattern."""
        name = self.field
        compiled = [compile_pattern(pattern) for pattern in self.patterns]
        by_address = name in ADDRESS_FIELDS

        def ask(view: MailView) -> Truth:
            texts = view.texts(name)
            if texts is None:
                return None
            if by_address:
                texts = [*texts, *(view.keys(name) or ())]
            return any(pattern.search(text) is not None for text in texts for pattern in compiled)

        return ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """Whether an address is tagged with one of these: `me+shop@home.example` with `shop`."""

    field: str
    tags: frozenset[str]

    @property
    def part(self) -> str | None:
        """The part of the mail that is asked."""
        return part_of(self.field)

    def ask(self) -> Ask:
        """Return the function that asks."""
        name, wanted = self.field, self.tags

        def ask(view: MailView) -> Truth:
            tags = view.tags(name)
            return None if tags is None else not wanted.isdisjoint(tags)

        return _of_authors(ask, lambda key: tag_of(key) in wanted) if name == AUTHORS else ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists:
    """Whether the mail has this field."""

    field: str
    expected: bool

    @property
    def part(self) -> str | None:
        """The part of the mail that is asked."""
        return part_of(self.field)

    def ask(self) -> Ask:
        """Return the function that asks."""
        name, expected = self.field, self.expected

        def ask(view: MailView) -> Truth:
            texts = view.texts(name)
            return None if texts is None else bool(texts) is expected

        return ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """Whether the mail has one of these flags or keywords, in lower case."""

    flags: frozenset[str]
    expected: bool = True
    part: str | None = field(default=None, init=False)

    def ask(self) -> Ask:
        """Return the function that asks."""
        wanted, expected = self.flags, self.expected
        return lambda view: any(flag.lower() in wanted for flag in view.email.flags) is expected


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMail:
    """Whether the mail says it is list or bulk mail. That proves nothing good: spam says it too."""

    expected: bool
    part: str | None = field(default=None, init=False)

    def ask(self) -> Ask:
        """Return the function that asks."""
        expected = self.expected
        return lambda view: _is_list_mail(view) is expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Always:
    """Always true: the condition of a default branch."""

    part: str | None = field(default=None, init=False)

    def ask(self) -> Ask:
        """Return the function that asks."""
        return lambda _view: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Compares:
    """Whether a quantity is over or under a limit: `size` (octets), `age` (seconds), `count` (of attachments)."""

    quantity: str
    operator: str
    limit: int

    @property
    def part(self) -> str | None:
        """The part of the mail that is asked."""
        return STRUCTURE if self.quantity == "count" else None

    def ask(self) -> Ask:
        """Return the function that asks."""
        if self.quantity == "count":
            return self._ask_count()
        of_size, over, limit = self.quantity == "size", self.operator == "over", self.limit

        def ask(view: MailView) -> Truth:
            found = view.email.size if of_size else view.age_s()
            return found > limit if over else found < limit

        return ask

    def _ask_count(self) -> Ask:
        def ask(view: MailView) -> Truth:
            attachments = view.email.attachments
            return None if attachments is None else self.holds(len(attachments))

        return ask

    def holds(self, found: float) -> bool:
        """Whether a quantity is over, or under, the limit."""
        return found > self.limit if self.operator == "over" else found < self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """Whether one attachment has such a name, such a type and such a size; without tests, whether there is one."""

    tests: tuple["TestOfAttachment", ...] = ()
    expected: bool = True
    part: str | None = field(default=STRUCTURE, init=False)

    def ask(self) -> Ask:
        """Return the function that asks; ValueError says what is wrong with a pattern."""
        tests, expected = [_of_attachment(one) for one in self.tests], self.expected

        def ask(view: MailView) -> Truth:
            attachments = view.email.attachments
            if attachments is None:
                return None
            return any(all(test(one) for test in tests) for one in attachments) is expected

        return ask


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOfAttachment:
    """What is asked of an attachment's `name` or `type`."""

    of: str
    operator: str
    texts: tuple[str, ...]


TestOfAttachment: TypeAlias = TextOfAttachment | Compares
Question: TypeAlias = OneOf | Holds | Matches | Tagged | Exists | Flagged | ListMail | Always | Compares | Attached


def keys_of(texts: tuple[str, ...]) -> frozenset[str]:
    """Return texts as they are compared with keys."""
    return frozenset(fold(text).strip() for text in texts)


def domains_of(texts: tuple[str, ...]) -> frozenset[str]:
    """Return texts as they are compared with the domains of addresses."""
    return frozenset(domain_key(text).strip(" .@") for text in texts)


def ask_text(field: str, operator: str, texts: tuple[str, ...]) -> Question:
    """Return the question that an operator asks of a field."""
    if operator == "is":
        return OneOf(field=field, keys=keys_of(texts))
    if operator == "domain":
        domains = domains_of(texts) if field in ADDRESS_FIELDS else frozenset(fold(text).strip(" .@") for text in texts)
        return OneOf(field=field, domains=domains)
    if operator == "plus":
        return Tagged(field=field, tags=frozenset(fold(text).strip().removeprefix("+") for text in texts))
    if operator == "matches":
        return Matches(field=field, patterns=texts)
    folded = tuple(fold(text) for text in texts)
    if field in ADDRESS_FIELDS and operator == "ends-with":
        folded = tuple(address_key(text) if "@" in text else domain_key(text) for text in texts)
    elif field in ADDRESS_FIELDS and operator == "starts-with":
        folded = tuple(address_key(text) for text in texts)
    if field == BODY:
        folded = tuple(on_one_line(text) for text in folded)
    return Holds(field=field, operator=operator, texts=folded)


def _of_attachment(test: TestOfAttachment) -> Callable[[Attachment], bool]:
    if isinstance(test, Compares):
        return lambda one: test.holds(one.bytes)
    of_name = test.of == "name"
    if test.operator == "matches":
        compiled = [compile_pattern(pattern) for pattern in test.texts]
        return lambda one: any(pattern.search(normalised(_text(one, of_name))) is not None for pattern in compiled)
    wanted = tuple(fold(text) for text in test.texts)
    compare = _COMPARE[test.operator]
    return lambda one: compare(fold(_text(one, of_name)), wanted)


def _text(attachment: Attachment, of_name: bool) -> str:
    return attachment.name if of_name else attachment.type


_COMPARE: dict[str, Callable[[str, tuple[str, ...]], bool]] = {
    "is": lambda found, wanted: found.strip() in {text.strip() for text in wanted},
    "contains": lambda found, wanted: any(text in found for text in wanted),
    "starts-with": str.startswith,
    "ends-with": str.endswith,
}


def _of_authors(found: Ask, is_meant: Callable[[str], bool]) -> Ask:
    """Ask of all authors: true if all of them are meant, false if none is, else not known.

    A second address in From costs a stranger nothing, and who checks senders (DMARC) may have looked at one only.
    """

    def ask(view: MailView) -> Truth:
        said = found(view)
        keys = view.key_set(AUTHORS) if said else None
        if keys is None or len(keys) == 1:
            return said
        return True if all(is_meant(key) for key in keys) else None

    return ask


def _is_list_mail(view: MailView) -> bool:
    headers = view.email.headers
    if headers.get("list-id") or headers.get("list-unsubscribe"):
        return True
    return any(value.strip() in _BULK for value in view.folded("precedence") or ())
