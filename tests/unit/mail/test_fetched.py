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
from shared.mail.fetched import new_email
from shared.records import FetchedMail

WHEN = dt.datetime(2026, 11, 3, 9, 11, 12, tzinfo=dt.UTC)
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


@settings(deadline=None)
@given(st.binary(), st.datetimes(timezones=st.one_of(st.none(), st.just(dt.UTC))), st.integers(min_value=0))
def test_any_fetched_mail_is_read(header, internaldate, size):
    """No bytes, time or size raises."""

    assert 7 == new_email(fetched(header, internaldate=internaldate, size=size)).uid


@pytest.mark.parametrize("archive", ARCHIVES)
def test_real_mail_is_read(archive):
    """Every header of the test archives is read, its addresses too, within the time budget."""

    path = TEST_MAIL / f"dev_{archive}.tar.xz"
    if not path.exists():
        pytest.skip(f"the test mail is not here: {path.name} (TEST_MAIL_DIR)")
    started, mails = time.perf_counter(), 0
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
    assert time.perf_counter() - started < BUDGET_S
