"""Gmail's search language -> a tree: words side by side, OR, {}, (), a minus, quotes, `from:` and its kind."""

import re
from dataclasses import dataclass
from typing import TypeAlias

MAX_TERMS = 5_000
MAX_DEPTH = 20

_OPERATORS = (
    "from|to|cc|bcc|subject|list|deliveredto|filename|has|in|is|label|category|larger|larger_than|smaller|smaller_than|"
    "size|older_than|newer_than|older|newer|after|before|rfc822msgid"
)
_TOKEN = re.compile(
    rf"""\s+
    | (?P<minus>-(?=[^\s-]))
    | (?P<mark>[(){{}}|])
    | (?P<operator>{_OPERATORS}):
    | \+?"(?P<quoted>[^"]*)"?
    | (?P<word>[^\s(){{}}|"]+)
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Term:
    """One word or quoted phrase, and the operator it stands under; no operator means anywhere in the mail."""

    operator: str
    text: str

    def __str__(self) -> str:
        return f"{self.operator}:{self.text}" if self.operator else self.text


@dataclass(frozen=True, slots=True)
class Group:
    """Several parts: all of them, one of them (`is_any`), or not all of them (`negated`)."""

    parts: tuple["Query", ...]
    is_any: bool = False
    negated: bool = False


Query: TypeAlias = Term | Group


class NotReadable(Exception):
    """The query is not one: its brackets do not match, or it is longer or deeper than queries are."""


def read_query(text: str, operator: str = "") -> Query:
    """Read a query whose bare words stand under an operator. OR binds closer than words side by side."""
    reader = _Reader(_tokens(text))
    found = reader.all_parts(operator, closing="", depth=0)
    if reader.left:
        raise NotReadable("its brackets do not match")
    return found


def _tokens(text: str) -> list[tuple[str, str]]:
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind:
            found.append((kind, match[kind]))
        if len(found) > MAX_TERMS:
            raise NotReadable(f"it has more than {MAX_TERMS} words")
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.left = tokens[::-1]

    def all_parts(self, operator: str, closing: str, depth: int) -> Group:
        """Read parts side by side up to the closing bracket or the end."""
        parts: list[Query] = []
        is_or = False
        while self.left and self.left[-1] != ("mark", closing):
            token = self.left[-1]
            if token in {("mark", ")"), ("mark", "}")}:
                break
            if token in {("word", "OR"), ("mark", "|"), ("word", "AND")}:
                is_or = token != ("word", "AND")
                self.left.pop()
                continue
            part = self._part(operator, depth)
            if part is None:
                continue
            if is_or and parts:
                part = _or(parts.pop(), part)
            parts.append(part)
            is_or = False
        return Group(tuple(parts), is_any=closing == "}")

    def _part(self, operator: str, depth: int) -> Query | None:
        if depth > MAX_DEPTH:
            raise NotReadable("it is nested too deeply")
        kind, value = self.left.pop()
        if kind == "minus":
            part = self._part(operator, depth + 1) if self.left else None
            return None if part is None else Group((part,), negated=True)
        if kind == "operator":
            return self._part(value.lower(), depth + 1) if self.left else None
        if kind == "mark" and value in "({":
            return self._bracket(operator, {"(": ")", "{": "}"}[value], depth + 1)
        if kind == "mark":
            raise NotReadable("its brackets do not match")
        text = value.strip(",;") if kind == "word" else value
        if kind == "word" and text == "NOT":
            raise NotReadable("NOT is no operator of Gmail's: it writes a minus")
        return Term(operator, text.lstrip("+")) if text.strip(" +-") else None

    def _bracket(self, operator: str, closing: str, depth: int) -> Query | None:
        group = self.all_parts(operator, closing, depth)
        if not self.left:
            raise NotReadable("its brackets do not match")
        if self.left.pop() != ("mark", closing):
            raise NotReadable("its brackets do not match")
        return group if group.parts else None


def _or(first: Query, second: Query) -> Group:
    """Return one group for a run of ORs."""
    is_run = isinstance(first, Group) and first.is_any and not first.negated
    return Group((*(first.parts if is_run and isinstance(first, Group) else (first,)), second), is_any=True)
