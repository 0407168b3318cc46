"""Texts for comparison: without case, compatibility forms, and characters that nobody sees."""

import re
import unicodedata

# Soft hyphen, zero-width and bidirectional controls: they hide a word from a rule, not from its reader.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

_DOTTED_I = "i\u0307"  # what the capital of the Turkish i folds to

MAX_MARKS = 30
"""Combining marks kept in a row (UAX #15 section 13): no script stacks more, and sorting a run takes its square."""

# What a long run of marks looks like without a table of marks; the two letters are marks once normalised.
_MANY_MARKS = re.compile(rf"(?:[^\w\s\x00-\x7f]|[\uff9e\uff9f]){{{MAX_MARKS + 1},}}")
_LONG_RUN = re.compile(rf"[^\x00-\x7f][^\x00-\x7f]{{{MAX_MARKS}}}")  # in few texts, and quickly found


def fold(text: str) -> str:
    """Return text for comparison: compatibility-normalised (NFKC) and without case."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", normalised(text).casefold()).replace(_DOTTED_I, "i")


def normalised(text: str) -> str:
    """Return text compatibility-normalised (NFKC), its case kept, without characters that cannot be seen.

    Of combining marks in a row MAX_MARKS are kept, so that the time is linear.
    """
    if text.isascii():
        return text
    if _is_latin_1(text):  # most other mail: no mark, and one character that cannot be seen
        return unicodedata.normalize("NFKC", text.replace("\u00ad", ""))
    seen = _INVISIBLE.sub("", text.encode("utf-8", "replace").decode("utf-8"))
    if _LONG_RUN.search(seen) is not None:
        seen = _MANY_MARKS.sub(_without_too_many, seen)
    return unicodedata.normalize("NFKC", seen)


def _is_latin_1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def on_one_line(text: str) -> str:
    """Return text with one blank wherever it has blanks, tabs or line ends."""
    for end in "\n\r\t":
        text = text.replace(end, " ")
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def _without_too_many(run: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for character in run[0]:
        is_mark = unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) > 0
        marks = marks + 1 if is_mark else 0
        if marks <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)
