"""Plain text as a person sees it: lines, and no characters without width (Unicode UAX #9, UTS #39)."""

import re

_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\U000e0000-\U000e0fff"
)
_JOINERS = "\u200c\u200d"
_ANY = re.compile(f"[{_INVISIBLE}{_JOINERS}]")
_ALWAYS = re.compile(f"[{_INVISIBLE}]+")
# A joiner shapes letters of Semitic, Indic and related scripts, and emoji; anywhere else it pads or hides.
_JOINED = "\u0590-\u0dff\u0f00-\u109f\u1780-\u18af\u2600-\u27bf\ufb1d-\ufefc\U0001f000-\U0001faff"
_STRAY_JOINER = re.compile(f"(?<![{_JOINED}\ufe0f])[{_JOINERS}]|[{_JOINERS}](?![{_JOINED}])")
_HIDING_RUN = re.compile(f"(?:[{_INVISIBLE}{_JOINERS}][ \xa0\u2007]?){{4}}|[\U000e0020-\U000e007e]{{2}}")
_ENGLAND_SCOTLAND_WALES = re.compile("\U0001f3f4[\U000e0061-\U000e007a]{2,6}\U000e007f")
_FLOWED = re.compile(r"(?<!^--) \n(?=[^>\n\s])", re.MULTILINE)
_EMPTY_LINES = re.compile(r"\n{4,}")


def without_invisible(text: str) -> tuple[str, bool]:
    """Return the text without characters of no width, and whether they were many enough to hide something."""
    if text.isascii() or not _ANY.search(text):
        return text, False
    text = _ENGLAND_SCOTLAND_WALES.sub("\U0001f3f4", text)
    is_hiding = bool(_HIDING_RUN.search(text))
    return _STRAY_JOINER.sub("", _ALWAYS.sub("", text)), is_hiding


def plain_text(text: str, *, is_flowed: bool = False) -> str:
    """Return lines without trailing spaces and long gaps; flowed lines (RFC 3676) are joined."""
    if is_flowed:
        text = _FLOWED.sub(" ", text)
    if " \n" in text or "\t\n" in text:
        text = "\n".join(map(str.rstrip, text.split("\n")))
    return _EMPTY_LINES.sub("\n\n\n", text).strip("\n").rstrip()
