"""A FETCH response -> a mail ready for the store."""

import datetime as dt
import os
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mail.addresses import addresses
from shared.mail.fetched import FIRST_MOMENT, LAST_MOMENT, new_email
from shared.records import FetchedMail

WHEN = dt.datetime(2026, 11, 3, 9, 11, 12, tzinfo=dt.UTC)
EAST, WEST = (dt.timezone(dt.timedelta(hours=hours)) for hours in (14, -14))
TEST_MAIL = Path(os.environ.get("TEST_MAIL_DIR", Path(__file__).parents[4] / "shared" / "data"))
ARCHIVES = ("spamassassin", "mime_torture", "torture_generated", "synthetic_multilingual")
MAX_HEADER_BYTES = 65_536
BUDGET_S = 10


def fetched(header: bytes, **changes: object) -> FetchedMail:
    return FetchedMail(
        **{"uid": 7, "flags": frozenset({"\\Seen"}), "internaldate": WHEN, "size": 99, "header": header} | changes
    )


def test_a_fetched_mail_becomes_a_new_email():
    """Header, hash and defects come with what the server said."""

    mail = new_email(fetched(b"Message-ID: <1@x>\r\nSubject: =?utf-8?q?=C3=A9?=\r\n\r\n", header_truncated=True))

    assert ("<1@x>", {"message-id": ["<1@x>"], "subject": ["é"]}, ("header-truncated",)) == (
        mail.message_id,
        mail.headers,
        mail.defects,
    )
    assert (7, frozenset({"\\Seen"}), WHEN, 99) == (mail.uid, mail.flags, mail.internaldate, mail.size)


def test_the_identity_hangs_on_raw_values():
    """Another spelling of the same decoded subject is another mail; another folding or field order is not."""

    one = new_email(fetched(b"From: a@b\r\nSubject: a b\r\n\r\n"))
    other_order = new_email(fetched(b"SUBJECT:  a\r\n b\r\nfrom: a@b\r\n\r\n"))
    other_spelling = new_email(fetched(b"From: a@b\r\nSubject: =?utf-8?q?a_b?=\r\n\r\n"))

    assert one.identity_hash == other_order.identity_hash
    assert one.identity_hash != other_spelling.identity_hash


def test_an_extra_field_that_is_not_there_is_an_empty_list():
    """Fetched and absent is told from not fetched."""

    mail = new_email(fetched(b"X-One: 1\r\n\r\n"), extra_headers=["x-one", "X-Two"])

    assert {"x-one": ["1"], "x-two": []} == mail.headers


def test_a_mail_that_cannot_be_read_has_a_defect_and_knows_no_field():
    """What the server refuses is told from what the mail does not have."""

    mail = new_email(fetched(b"", unreadable=True), extra_headers=["X-One"])

    assert ({}, ("not-fetchable",)) == (mail.headers, mail.defects)


@pytest.mark.parametrize(
    ("moment", "stored", "defects"),
    [
        (WHEN, WHEN, ()),
        (WHEN.replace(tzinfo=None), WHEN, ()),
        (dt.datetime(1, 1, 1, tzinfo=EAST), FIRST_MOMENT, ("internaldate",)),
        (dt.datetime(1970, 1, 1, tzinfo=EAST), FIRST_MOMENT, ("internaldate",)),
        (FIRST_MOMENT, FIRST_MOMENT, ()),
        (LAST_MOMENT.astimezone(EAST), LAST_MOMENT, ()),
        (LAST_MOMENT.replace(tzinfo=WEST), LAST_MOMENT, ("internaldate",)),
        (dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=WEST), LAST_MOMENT, ("internaldate",)),
    ],
)
def test_a_moment_that_no_store_can_hold_is_brought_within_bounds(moment, stored, defects):
    """INTERNALDATE is between 1970 and 9998 in UTC, whatever the server says."""

    mail = new_email(fetched(b"", internaldate=moment))

    assert (stored, dt.UTC, defects) == (mail.internaldate, mail.internaldate.tzinfo, mail.defects)


def test_flags_that_cannot_be_shown_are_dropped():
    """A NUL or an escape sequence in a keyword does not reach the store; the other flags do."""

    mail = new_email(fetched(b"", flags=frozenset({"\\Seen", "$Work", "k\x00", "\x1b[2J", "a\ud800"})))

    assert (frozenset({"\\Seen", "$Work"}), ("flag",)) == (mail.flags, mail.defects)


@pytest.mark.parametrize(("size", "stored"), [(-1, 0), (2**63, 2**63 - 1), (10**20, 2**63 - 1)])
def test_a_size_that_no_store_can_hold_is_cut(size, stored):
    """RFC822.SIZE is at most 2^63 - 1."""

    mail = new_email(fetched(b"", size=size))

    assert (stored, ("size",)) == (mail.size, mail.defects)


@settings(deadline=None)
@given(
    st.binary(),
    st.datetimes(timezones=st.sampled_from([None, dt.UTC, EAST, WEST])),
    st.integers(),
    st.frozensets(st.text()),
)
def test_any_fetched_mail_is_read(header, internaldate, size, flags):
    """No bytes, time, size or flag raises, and all that comes out can be stored."""

    mail = new_email(fetched(header, internaldate=internaldate, size=size, flags=flags))

    assert FIRST_MOMENT <= mail.internaldate.astimezone(dt.UTC) <= LAST_MOMENT
    assert 0 <= mail.size < 2**63
    assert all(flag.isprintable() for flag in mail.flags)


@pytest.mark.parametrize("archive", ARCHIVES)
def test_real_mail_is_read(archive):
    """Every header of the test archives is read, its addresses too, within the time budget."""

    path = TEST_MAIL / f"dev_{archive}.tar.xz"
    if not path.exists():
        pytest.skip(f"the test mail is not here: {path.name} (TEST_MAIL_DIR)")
    started, mails = time.process_time(), 0
    with tarfile.open(path) as archived:
        for member in archived:
            if not member.isfile():
                continue
            content = archived.extractfile(member).read(MAX_HEADER_BYTES).replace(b"\r\n", b"\n")
            mail = new_email(fetched(content.partition(b"\n\n")[0] + b"\n\n"))
            for name in ("from", "to", "cc"):
                addresses(mail.headers.get(name, ()))
            mails += 1

    assert mails > 40
    assert time.process_time() - started < BUDGET_S
