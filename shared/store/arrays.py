"""PostgreSQL array literals written by hand: for thousands of values the driver's adaption costs more than the SQL."""

from collections.abc import Iterable
from functools import lru_cache


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
