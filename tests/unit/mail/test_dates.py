"""Date -> a moment."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.dates import parse_date


def parsed(value: str) -> str | None:
    date = parse_date(value, set())
    return date.isoformat() if date else None


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Tue, 1 Jul 2003 10:52:37 +0200", "2003-07-01T10:52:37+02:00"),
        ("1 Jul 2003 10:52 -0000", "2003-07-01T10:52:00+00:00"),
        ("Thu, 13 Feb 1969 23:32:54 -0330", "1969-02-13T23:32:54-03:30"),
        ("Tue, 1 Jul 2003 ((tricky) comment) 10:52:37 +0200", "2003-07-01T10:52:37+02:00"),
        ("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06+00:00"),
        ("21 Nov 07 09:55:06 EST", "2007-11-21T09:55:06-05:00"),
        ("21 Nov 107 09:55:06 UT", "2007-11-21T09:55:06+00:00"),
        ("Thu, 10 Jul 1997 14:53:31 EST5EDT", "1997-07-10T14:53:31-05:00"),
        ("Thu Jul 10 14:53:31 1997", "1997-07-10T14:53:31+00:00"),
        ("Thu Jul 10 14:53:31 PDT 1997", "1997-07-10T14:53:31-07:00"),
        ("July 10, 1997 2:53 PM", "1997-07-10T14:53:00+00:00"),
        ("Thu, 10-Jul-1997 14.53.31 GMT+0100", "1997-07-10T14:53:31+01:00"),
        ("1997-07-10T14:53:31Z", "1997-07-10T14:53:31+00:00"),
        ("1997-07-10 14:53:31.123+02:00", "1997-07-10T14:53:31+02:00"),
        ("mar., 3 févr. 2026 09:11:12 +0100", "2026-02-03T09:11:12+01:00"),
        ("Di, 3 Mär 2026 09:11:12 +0100", "2026-03-03T09:11:12+01:00"),
        ("jue, 3 dic 2026 09:11:12 +0100", "2026-12-03T09:11:12+01:00"),
        ("Fri, 1 Jan 2026 24:00:00 +0000", None),
        ("31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59+00:00"),
        ("1 Jul 2003", "2003-07-01T00:00:00+00:00"),
        ("yesterday", None),
        ("", None),
        ("31 Feb 2026 10:00:00 +0000", None),
        ("1 Jan 0000 10:00:00 +0000", None),
        ("1 Jul 2003 10:52:37 +9999", "2003-07-01T10:52:37+00:00"),
        ("9" * 5_000, None),
    ],
)
def test_dates_are_read(value: str, moment: str | None) -> None:
    """What mail programs of forty years wrote is a moment with the sender's offset; what is none is None."""
    assert moment == parsed(value)


@pytest.mark.parametrize(
    ("value", "defects"),
    [
        ("Tue, 1 Jul 2003 10:52:37 +0200", set()),
        ("yesterday", {"date-malformed"}),
        ("1 Jul 2003", {"date-malformed"}),
        ("31 Feb 2026 10:00:00 +0000", {"date-out-of-range"}),
        ("1 Jul 2003 10:52:37 +9999", {"date-out-of-range"}),
    ],
)
def test_dates_have_defects(value: str, defects: set[str]) -> None:
    """A defect says what is wrong."""
    found: set[str] = set()
    parse_date(value, found)

    assert defects == found


@given(st.one_of(st.text(), st.text(alphabet="0123456789 :+-,/.JanTuezGMT()")))
def test_any_text_is_read(value: str) -> None:
    """Whatever comes, a moment that can be shown comes back, or none."""
    date = parse_date(value, set())

    assert date is None or (date.tzinfo is not None and date.isoformat() and isinstance(date, dt.datetime))


@given(st.datetimes(min_value=dt.datetime(1950, 1, 1), max_value=dt.datetime(2049, 12, 31)), st.integers(-720, 720))
def test_a_date_comes_back(moment: dt.datetime, offset: int) -> None:
    """What RFC 5322 writes is read as it was meant."""
    aware = moment.replace(microsecond=0, tzinfo=dt.timezone(dt.timedelta(minutes=offset)))

    assert aware == parse_date(aware.strftime("%a, %d %b %Y %H:%M:%S %z"), set())
