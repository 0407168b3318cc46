"""Strings that PostgreSQL and a terminal bear: no NUL, no lone surrogate, no control but tab and newline."""

import re

from shared.mail.defects import DefectCode

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSAFE_IN_LINE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SPACES = str.maketrans("\t\n\r\x0b\x0c\x85", "      ")
_LINES = str.maketrans({"\x0b": "\n", "\x0c": "\n", "\x85": "\n", "\r": "\n"})


def safe_text(text: str, defects: set[str]) -> str:
    """Return text of several lines, safe; what had to go is a defect."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not _UNSAFE.search(text):
        return text
    defects.add(DefectCode.TEXT_NUL if "\x00" in text else DefectCode.TEXT_CONTROL)
    return _UNSAFE.sub("", text.translate(_LINES))


def safe_line(text: str, limit: int) -> str:
    """Return text on one line, safe, its white space squeezed, cut at the limit."""
    text = text[: limit * 4]
    if not text.isprintable():
        text = _UNSAFE_IN_LINE.sub("", text.translate(_SPACES))
    return " ".join(text.split())[:limit].rstrip()
