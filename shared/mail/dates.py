"""The Date field -> a moment: what the sender claims, however it is spelled (RFC 5322 sections 3.3 and 4.3)."""

import datetime as dt
import re

from shared.mail.defects import DefectCode
from shared.mail.limits import MAX_DATE_CHARS

_MONTHS = {
    name: number
    for number, names in enumerate(
        # English, French, German, Spanish, Italian, Portuguese: the first letters, without accents
        (
            "jan gen ene janv",
            "feb fev fevr",
            "mar mars mrz maer marz",
            "apr avr abr",
            "may mai mag",
            "jun juin giu",
            "jul juil lug",
            "aug aou aout ago",
            "sep sept set",
            "oct okt ott out",
            "nov",
            "dec dez dic",
        ),
        start=1,
    )
    for name in names.split()
}
_ACCENTS = str.maketrans("éèûäàçô", "eeuaaco")
_ZONES = {
    "ut": 0,
    "gmt": 0,
    "utc": 0,
    "z": 0,
    "edt": -4,
    "est": -5,
    "cdt": -5,
    "cst": -6,
    "mdt": -6,
    "mst": -7,
    "pdt": -7,
    "pst": -8,
    "bst": 1,
    "cet": 1,
    "mez": 1,
    "cest": 2,
    "mesz": 2,
    "eet": 2,
    "eest": 3,
    "msk": 3,
    "ist": 5.5,
    "jst": 9,
    "kst": 9,
    "aest": 10,
    "aedt": 11,
}
_DAY_FIRST = re.compile(r"\b(\d{1,2})[. /-]{1,3}([a-z]{3,})[. ,/-]{1,3}(\d{2,4})\b")
_MONTH_FIRST = re.compile(r"\b([a-z]{3,})[. -]{1,2}(\d{1,2})\b(?!:)")  # ctime and American style
_NUMBERS = re.compile(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_CLOCK = re.compile(r"(?<!\d)(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,]\d+)?)?(?:\s{0,2}([ap]m)\b)?")
_YEAR = re.compile(r"(?<![\d:+-])(\d{4})(?![\d:])")
_OFFSET = re.compile(r"(?:\A|gmt|utc|[\s\d])([+-])(\d{1,2}):?(\d{2})\b")
_ZONE_NAME = re.compile(r"\b([a-z]{1,4})(?![a-z])")
_COMMENT = re.compile(r"\([^()]*\)")
_COMMENT_DEPTH = 5
_TWO_DIGITS, _THREE_DIGITS, _CENTURY_TURN = 2, 3, 50
_NOON = 12
_MAX_OFFSET = dt.timedelta(hours=24)


def parse_date(value: str, defects: set[str]) -> dt.datetime | None:
    """Return an aware moment with the sender's offset (UTC where none is said), or None and a defect."""
    text = value[:MAX_DATE_CHARS].lower().translate(_ACCENTS)
    for _ in range(_COMMENT_DEPTH if "(" in text else 0):
        text = _COMMENT.sub(" ", text)
    found = _day(text)
    if found is None:
        defects.add(DefectCode.DATE_MALFORMED)
        return None
    year, month, day, end = found
    rest = text if end is None else text[end:]
    hour, minute, second, after = _time(rest)
    if after is None:
        defects.add(DefectCode.DATE_MALFORMED)
    zone = _zone(rest[after or 0 :], defects)
    try:
        return dt.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone)
    except (ValueError, OverflowError):
        defects.add(DefectCode.DATE_OUT_OF_RANGE)
        return None


def _day(text: str) -> tuple[int, int, int, int | None] | None:
    """Return year, month, day, and where the time begins: after them, or None for anywhere."""
    found = _DAY_FIRST.search(text)
    if found and (month := _month(found[2])):
        return _full_year(found[3]), month, int(found[1]), found.end()
    found = _NUMBERS.search(text)
    if found:
        return int(found[1]), int(found[2]), int(found[3]), found.end()
    for found in _MONTH_FIRST.finditer(text):
        year = _YEAR.search(text, found.end())
        if (month := _month(found[1])) and year:
            return int(year[1]), month, int(found[2]), None
    return None


def _month(word: str) -> int:
    return _MONTHS.get(word[:4]) or _MONTHS.get(word[:3]) or 0


def _full_year(digits: str) -> int:
    year = int(digits)
    if len(digits) <= _TWO_DIGITS:  # RFC 5322 section 4.3: 00 to 49 are of this century
        return year + (2000 if year < _CENTURY_TURN else 1900)
    return year + 1900 if len(digits) == _THREE_DIGITS else year


def _time(text: str) -> tuple[int, int, int, int | None]:
    found = _CLOCK.search(text)
    if not found:
        return 0, 0, 0, None
    hour = int(found[1])
    if found[4]:
        hour = hour % _NOON + (_NOON if found[4] == "pm" else 0)
    return hour, int(found[2]), int(found[3] or 0), found.end()


def _zone(text: str, defects: set[str]) -> dt.timezone:
    found = _OFFSET.search(text) if "+" in text or "-" in text else None
    if found:
        offset = dt.timedelta(hours=int(found[2]), minutes=int(found[3]))
        if offset >= _MAX_OFFSET:
            defects.add(DefectCode.DATE_OUT_OF_RANGE)
            return dt.UTC
        return dt.timezone(-offset if found[1] == "-" else offset)
    for name in _ZONE_NAME.findall(text):
        if name in _ZONES:
            return dt.timezone(dt.timedelta(hours=_ZONES[name]))
    return dt.UTC
