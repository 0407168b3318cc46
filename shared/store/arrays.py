"""PostgreSQL array literals written by hand: for thousands of values the driver's adaption costs more than the SQL."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any


class Kinds:
    """What many rows have in common, told once: the distinct values, and for each row its own one's number (from 1)."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        found: dict[tuple[Any, ...], int] = {}
        self.numbers = array_literal([found.setdefault(row, len(found) + 1) for row in rows])
        self._found = found

    def columns(self, names: Sequence[str]) -> dict[str, str]:
        """Return the distinct values as array literals, column by column."""
        return {name: array_literal(row[place] for row in self._found) for place, name in enumerate(names)}


def array_literal(values: Iterable[str | float | None]) -> str:
    """Return `{…}` for a parameter that the statement casts to its array type."""
    return "{" + ",".join(map(_element, values)) + "}"


@lru_cache(maxsize=4096, typed=True)
def _element(value: str | float | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
