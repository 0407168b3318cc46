"""What a condition can ask of a field: `is`, `contains`, `starts-with`, `ends-with`, `domain`, `matches`, `exists`."""

import re
from collections.abc import Callable, Sequence

import re2

from shared.rules.truth import Ask, Truth
from shared.rules.view import ADDRESS_FIELDS, MailView, fold, normalised

MAX_PATTERN_CHARS = 1_000
_PATTERN_MEMORY_BYTES = 2 << 20

_QUANTITY = re.compile(r"(\d{1,12}) ?([a-z]*)")
_BYTES = {"": 1, "b": 1, "k": 1 << 10, "kb": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "g": 1 << 30, "gb": 1 << 30}
_SECONDS = {"m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_LONG_UNITS = {"minute": "m", "hour": "h", "day": "d", "week": "w", "year": "y"}


def ask_is(field: str, values: Sequence[str]) -> Ask:
    """Ask whether a value (or address, or list id) is one of these."""
    wanted = frozenset(fold(value).strip() for value in values)

    def ask(view: MailView) -> Truth:
        keys = view.key_set(field)
        return None if keys is None else not wanted.isdisjoint(keys)

    return ask


def ask_contains(field: str, values: Sequence[str]) -> Ask:
    """Ask whether a value holds one of these, display names included."""
    wanted = tuple(fold(value) for value in values)

    def ask(view: MailView) -> Truth:
        texts = view.folded(field)
        if texts is None:
            return None
        for text in texts:
            for part in wanted:
                if part in text:
                    return True
        return False

    return ask


def ask_starts_with(field: str, values: Sequence[str]) -> Ask:
    """Ask whether a value (or address, or list id) starts with one of these."""
    wanted = tuple(fold(value) for value in values)

    def ask(view: MailView) -> Truth:
        keys = view.keys(field)
        return None if keys is None else any(key.startswith(wanted) for key in keys)

    return ask


def ask_ends_with(field: str, values: Sequence[str]) -> Ask:
    """Ask whether a value (or address, or list id) ends with one of these."""
    wanted = tuple(fold(value) for value in values)

    def ask(view: MailView) -> Truth:
        keys = view.keys(field)
        return None if keys is None else any(key.endswith(wanted) for key in keys)

    return ask


def ask_domain(field: str, values: Sequence[str]) -> Ask:
    """Ask whether the domain of an address (or a list id) is one of these, or below one."""
    wanted = frozenset(fold(value).strip(" .@") for value in values)

    def ask(view: MailView) -> Truth:
        domains = view.domain_set(field)
        return None if domains is None else not wanted.isdisjoint(domains)

    return ask


def ask_matches(field: str, patterns: Sequence[str]) -> Ask:
    """Ask whether a value, or an address in it, matches one of these regular expressions (RE2)."""
    compiled = [compile_pattern(pattern) for pattern in patterns]
    by_address = field in ADDRESS_FIELDS

    def ask(view: MailView) -> Truth:
        texts = view.texts(field)
        if texts is None:
            return None
        if by_address:
            texts = [*texts, *(view.keys(field) or ())]
        return any(pattern.search(text) is not None for text in texts for pattern in compiled)

    return ask


def ask_exists(field: str, wanted: bool) -> Ask:
    """Ask whether the mail has this field."""

    def ask(view: MailView) -> Truth:
        texts = view.texts(field)
        return None if texts is None else bool(texts) is wanted

    return ask


TEXT_OPERATORS: dict[str, Callable[[str, Sequence[str]], Ask]] = {
    "is": ask_is,
    "contains": ask_contains,
    "starts-with": ask_starts_with,
    "ends-with": ask_ends_with,
    "matches": ask_matches,
    "domain": ask_domain,
}


def compile_pattern(pattern: str) -> "re2._Regexp[str]":
    """Compile with RE2: linear time, no back-references; ValueError says what is wrong."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"a pattern may have {MAX_PATTERN_CHARS} characters")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _PATTERN_MEMORY_BYTES
    try:
        return re2.compile(normalised(pattern), options)
    except re2.error as error:
        reason = error.args[0] if error.args else "not a regular expression"
        raise ValueError(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from error


def read_bytes(text: str) -> int:
    """Read a size such as `5 MB` (1 KB = 1,024 octets); ValueError if it is none."""
    match = _QUANTITY.fullmatch(text.strip().lower())
    if match is None or match[2] not in _BYTES:
        raise ValueError("a size is a number with B, KB, MB or GB, such as 5 MB")
    return int(match[1]) * _BYTES[match[2]]


def read_seconds(text: str) -> int:
    """Read an age such as `7d` or `2 weeks`; ValueError if it is none."""
    match = _QUANTITY.fullmatch(text.strip().lower())
    unit = _LONG_UNITS.get(match[2].removesuffix("s"), match[2]) if match else ""
    if match is None or unit not in _SECONDS:
        raise ValueError("an age is a number with m, h, d, w or y, such as 7d")
    return int(match[1]) * _SECONDS[unit]
