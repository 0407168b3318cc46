"""The identity hash."""

import datetime as dt
import uuid

import pytest

from shared.mail.identity import identity_hash

WHEN = dt.datetime(2026, 11, 3, 9, 11, 12, tzinfo=dt.UTC)
MAIL = {
    "message_id": "<1@a.example>",
    "date": "Tue, 3 Nov 2026 10:11:12 +0100",
    "sender": "a@a.example",
    "subject": "hello",
    "size": 1234,
    "internaldate": WHEN,
}


def test_the_hash_never_changes():
    """Hashes in the store stay comparable: this value is the same in every version."""

    assert uuid.UUID("d4a3ad64-e418-4a83-2d6a-955c1fb40424") == identity_hash(**MAIL)


@pytest.mark.parametrize(
    "change",
    [
        {"message_id": ""},
        {"date": ""},
        {"sender": "b"},
        {"subject": "hellO"},
        {"size": 1235},
        {"internaldate": WHEN + dt.timedelta(seconds=1)},
        {"sender": "a@a.examplehello", "subject": ""},
    ],
)
def test_each_field_counts(change):
    """A change of any field, and of the border between two, is another identity."""

    assert identity_hash(**MAIL) != identity_hash(**MAIL | change)


def test_the_time_zone_does_not_count():
    """Servers write INTERNALDATE in a zone of their own; the instant is what counts."""

    paris = WHEN.astimezone(dt.timezone(dt.timedelta(hours=1)))

    assert identity_hash(**MAIL) == identity_hash(**MAIL | {"internaldate": paris})
