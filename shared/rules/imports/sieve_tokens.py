"""A Sieve script -> tokens, each with its place (RFC 5228 section 8.1). Comments are kept: they often name a rule."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from shared.rules.faults import Fault, Place, quoted, raise_faults

MAX_CHARS = 1_000_000
MAX_TOKENS = 200_000

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
    | (?P<multiline>text:[ \t]*(\#[^\n]*)?\r?\n)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | :(?P<tag>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>[0-9]{1,12}[KkMmGg]?)(?![A-Za-z0-9_])
    | (?P<mark>[;,(){}\[\]])
    | \#(?P<comment>[^\n]*)
    | /\*(?P<remark>.*?)\*/
    | "(?P<text>(?:[^"\\]|\\.)*)"
    """,
    re.VERBOSE | re.DOTALL,
)
_BLANKS = re.compile(r"[ \t\r\n]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_FACTORS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `kind` is word, tag, number, mark, text or comment; `value` without quotes and escapes."""

    kind: str
    value: str
    place: Place


def refuse(place: Place, text: str) -> NoReturn:
    """Raise InvalidRules for a place in the script."""
    raise_faults([Fault(place=place, text=text)])
    raise AssertionError


def read_tokens(script: str, file: str) -> list[Token]:
    """Return the tokens of a script; InvalidRules where something is none."""
    if len(script) > MAX_CHARS:
        refuse(Place(file=file, line=1, column=1), "the script is too large")
    found = []
    for token in _tokens(script, file):
        found.append(token)
        if len(found) > MAX_TOKENS:
            refuse(token.place, "the script has too many words")
    return found


def octets_of(number: str) -> int:
    """Return the value of a number token: K, M and G are powers of 1,024 (RFC 5228 section 2.4.1)."""
    unit = number[-1].upper() if number[-1].isalpha() else ""
    return int(number.rstrip("KkMmGg")) * _FACTORS[unit]


def _tokens(script: str, file: str) -> Iterator[Token]:
    at, line, line_start = 0, 1, 0
    while at < len(script):
        place = Place(file=file, line=line, column=at - line_start + 1)
        match = _TOKEN.match(script, at)
        if match is None:
            refuse(place, _trouble(script[at : at + 20]))
        kind, end = match.lastgroup or "", match.end()
        if kind == "multiline" or match["multiline"]:
            value, end = _multiline(script, end, place)
            yield Token("text", value, place)
        elif kind in {"comment", "remark"}:
            yield Token("comment", match[kind].strip(), place)
        elif kind == "text":
            yield Token("text", _ESCAPED.sub(r"\1", match["text"]), place)
        elif kind != "blank":
            yield Token(kind, match[kind], place)
        breaks = script.count("\n", at, end)
        if breaks:
            line, line_start = line + breaks, script.rindex("\n", at, end) + 1
        at = end


def _multiline(script: str, start: int, place: Place) -> tuple[str, int]:
    """Read to the line that is a single dot; of lines that begin with a dot one is taken off (section 2.4.2)."""
    lines: list[str] = []
    at = start
    while at < len(script):
        stop = script.find("\n", at)
        end = len(script) if stop < 0 else stop + 1
        line = script[at:end].rstrip("\r\n")
        at = end
        if line == ".":
            return "".join(f"{one}\n" for one in lines), at
        lines.append(line[1:] if line.startswith(".") else line)
    refuse(place, "this text has no end: a line with a single dot ends it")


def _trouble(text: str) -> str:
    if text.startswith('"'):
        return "this text has no end"
    if text.startswith("/*"):
        return "this comment has no end"
    return f"not readable as Sieve: {quoted(_BLANKS.split(text)[0])}"
