"""Faults in rules: each with the place where the person finds it."""

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import InvalidRules

MAX_FAULTS_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in a rule file, counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, in words for the person who wrote it."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {on_one_line(self.text)}"


@dataclass(slots=True)
class Faults:
    """Faults found so far: loading goes on after the first, so that one run shows them all."""

    found: list[Fault] = field(default_factory=list)

    def add(self, place: Place, text: str) -> None:
        """Note a fault."""
        self.found.append(Fault(place=place, text=text))

    def raise_if_any(self) -> None:
        """Raise InvalidRules with one `file:line:column: text` per line."""
        raise_faults(self.found)


def raise_faults(found: Iterable[Fault]) -> None:
    """Raise InvalidRules for these faults; do nothing if there are none."""
    files: dict[str, int] = {}
    keyed = [
        (files.setdefault(one.place.file, len(files)), one.place.line, one.place.column, str(one)) for one in found
    ]
    lines = [text for *_, text in sorted(keyed)]
    if len(lines) > MAX_FAULTS_SHOWN:
        lines[MAX_FAULTS_SHOWN:] = [f"and {len(lines) - MAX_FAULTS_SHOWN} more faults"]
    if lines:
        raise InvalidRules("\n".join(lines))


def shown_name(path: Path) -> str:
    """Return a file's name on one line and as UTF-8, whatever octets it has on disk."""
    name = os.fsencode(path.name).decode("utf-8", "replace").strip()
    return on_one_line(name) or str(path)


def on_one_line(text: str) -> str:
    """Return text of which no character moves the cursor."""
    return "".join(char if char.isprintable() else "�" for char in text)


def shortened(text: str, limit: int = 60) -> str:
    """Return text shortened and on one line."""
    return on_one_line(text if len(text) <= limit else text[: limit - 1] + "…")


def quoted(text: str, limit: int = 60) -> str:
    """Return text in quotes, shortened and on one line, for a fault or a condition's description."""
    return f'"{shortened(text, limit)}"'


def meant(word: str, known: Iterable[str], others: Mapping[str, str] | None = None) -> str:
    """Return `; did you mean "x"?` for a word that is close to a known one, else what is known.

    `others`: words of other programs, and ours for them.
    """
    names = sorted(known)
    ours = (others or {}).get(word.lower().replace("_", "-"))
    if ours in names:
        return f"; did you mean {quoted(ours)}?"
    close = difflib.get_close_matches(word.lower()[:60], names, n=1)
    if close:
        return f"; did you mean {quoted(close[0])}?"
    return f"; known here: {', '.join(names)}"
