"""One response as nested values, read by our own bounded parser: linear in its length, without recursion."""

import re
from collections.abc import Iterator
from typing import TypeAlias

from shared.imap.wire import Response

MAX_TOKENS = 100_000
"""Values and parentheses in one response; a mail of 2,000 parts has a third of that."""

Value: TypeAlias = "bytes | list[Value] | None"
"""A string or an atom, NIL, or a parenthesised list (RFC 9051 section 4)."""

TOKEN = re.compile(
    rb" *(?:(\()|(\))"
    rb'|"([^"\\]*(?:\\.[^"\\]*)*)"'
    rb'|([^\s()"\[\]{}]+(?:\[[^\]]*\](?:<\d{1,10}>)?)?))',
    re.S,
)
ATOM = 4
ESCAPED = re.compile(rb"\\(.)", re.S)
LITERAL_MARK = re.compile(rb" *\{\d+\}\Z")


def fetched_items(response: Response) -> tuple[int, dict[bytes, Value]] | None:
    """Return UID and items (upper-case names) of a FETCH response; None if it is another one, or is no IMAP."""
    words = response.line.split(b" ", 3)
    if len(words) < 4 or words[2].upper() != b"FETCH":  # noqa: PLR2004 - "*", number, "FETCH", items
        return None
    try:
        (items,) = _values(_tokens([words[3], *response.lines[1:]], response.literals))
        if not isinstance(items, list) or len(items) % 2:
            return None
        said = {_name(name): value for name, value in zip(items[::2], items[1::2], strict=True)}
        uid = said.get(b"UID")
        return (int(uid), said) if isinstance(uid, bytes) and uid.isdigit() else None
    except ValueError:
        return None


def _name(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("an item without a name")
    return value.upper()


def _tokens(lines: list[bytes], literals: list[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield `(` and `)` as signs, and values with an empty sign; a literal stands where its line ends."""
    for number, line in enumerate(lines):
        mark = LITERAL_MARK.search(line) if number < len(literals) else None
        yield from _line_tokens(line, mark.start() if mark else len(line))
        if number < len(literals):
            yield b"", literals[number]


def _line_tokens(line: bytes, end: int) -> Iterator[tuple[bytes, bytes | None]]:
    at = 0
    while at < end:
        found = TOKEN.match(line, at, end)
        if found is None:
            if line[at:end].strip(b" "):
                raise ValueError("not a value")
            return
        at = found.end()
        yield _token(found)


def _token(found: re.Match[bytes]) -> tuple[bytes, bytes | None]:
    opening, closing, quoted, atom = found.groups()
    if quoted is not None:
        return b"", ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
    if found.lastindex == ATOM:
        return b"", None if atom.upper() == b"NIL" else atom
    return opening or closing, None


def _values(tokens: Iterator[tuple[bytes, bytes | None]]) -> list[Value]:
    """Put values together; ValueError if parentheses do not match or there are too many values."""
    top: list[Value] = []
    open_lists = [top]
    for count, (sign, value) in enumerate(tokens):
        if count >= MAX_TOKENS:
            raise ValueError("too many values")
        if sign == b"(":
            inner: list[Value] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif sign == b")":
            open_lists.pop()
            if not open_lists:
                raise ValueError("a parenthesis too many")
        else:
            open_lists[-1].append(value)
    if len(open_lists) != 1:
        raise ValueError("a parenthesis too few")
    return top
