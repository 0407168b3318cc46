"""Sizes and ages as people write them."""

import re

_QUANTITY = re.compile(r"(\d{1,12}) ?([a-z]*)", re.ASCII)
_BYTES = {"": 1, "b": 1, "k": 1 << 10, "kb": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "g": 1 << 30, "gb": 1 << 30}
_SECONDS = {"m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_LONG_UNITS = {"minute": "m", "hour": "h", "day": "d", "week": "w", "year": "y"}


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


def read_count(text: str) -> int:
    """Read a number such as `2`; ValueError if it is none."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[2]:
        raise ValueError("a count is a number, such as 2")
    return int(match[1])
