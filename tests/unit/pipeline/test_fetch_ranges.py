"""Which UIDs are read next, and what the checkpoint says after each chunk."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pipeline.fetch_ranges import Span, begin, chunks, is_read, is_sparse, unread
from shared.records import Checkpoint, MailboxStatus

NEVER_READ = Checkpoint(mailbox_id=1, mailbox="INBOX")


def status(*, uidnext: int, messages: int = 10, uidvalidity: int = 7) -> MailboxStatus:
    return MailboxStatus(name="INBOX", uidvalidity=uidvalidity, uidnext=uidnext, messages=messages)


def test_a_mailbox_never_read_is_all_past() -> None:
    """The first read starts at the end and goes back: newest first."""

    checkpoint = begin(NEVER_READ, status(uidnext=51))

    assert [Span(low=1, high=50, past=True)] == unread(checkpoint, status(uidnext=51))


def test_an_empty_mailbox_is_read_at_once() -> None:
    """UIDNEXT 1 means no mail was ever there."""

    assert is_read(begin(NEVER_READ, status(uidnext=1)), status(uidnext=1))


def test_new_mail_comes_before_the_rest_of_the_past() -> None:
    """A mail that arrived meanwhile does not wait behind twenty years."""

    checkpoint = replace(NEVER_READ, uidvalidity=7, uid_low=40, uid_high=50)

    spans = unread(checkpoint, status(uidnext=61))

    assert [Span(low=51, high=60, past=False), Span(low=1, high=39, past=True)] == spans


def test_another_uidvalidity_is_never_read() -> None:
    """The same numbers under another UIDVALIDITY are other mails."""

    checkpoint = replace(NEVER_READ, uidvalidity=6, uid_low=1, uid_high=50)

    assert not is_read(checkpoint, status(uidnext=51))


@given(
    size=st.integers(1, 7),
    low=st.integers(1, 30),
    length=st.integers(1, 40),
    past=st.booleans(),
    found=st.none() | st.sets(st.integers(0, 39)),
)
def test_chunks_cover_the_span_once_and_end_at_its_end(
    size: int, low: int, length: int, past: bool, found: set[int] | None
) -> None:
    """Every UID is asked for exactly once, and only the last checkpoint claims the whole span."""

    span = Span(low=low, high=low + length - 1, past=past)
    uids = None if found is None else sorted(low + offset for offset in found if offset < length)
    before = replace(NEVER_READ, uidvalidity=7, uid_low=span.high + 1, uid_high=span.low - 1)

    plan = list(chunks(before, span, uids, size=size))

    expected = list(range(span.low, span.high + 1)) if uids is None else uids
    assert expected == sorted(uid for chunk in plan for uid in chunk.uids)
    assert all(len(chunk.uids) <= size for chunk in plan)
    assert (span.low if past else span.high) == (plan[-1].after.uid_low if past else plan[-1].after.uid_high)
    for chunk in plan[:-1]:
        reached = chunk.after.uid_low if past else chunk.after.uid_high
        assert (min(chunk.uids) if past else max(chunk.uids)) == reached


def test_a_search_that_stopped_early_does_not_claim_the_span() -> None:
    """With `complete` False the last checkpoint ends at the last UID found."""

    span = Span(low=1, high=1000, past=True)

    plan = list(chunks(replace(NEVER_READ, uid_low=1001), span, [900, 950], size=10, complete=False))

    assert [900] == [chunk.after.uid_low for chunk in plan]


@pytest.mark.parametrize(
    ("high", "messages", "expected"), [(400_000, 5000, True), (6000, 5000, False), (900, 1, False)]
)
def test_sparse_spans_are_searched(high: int, messages: int, expected: bool) -> None:
    """5,000 mails below UIDNEXT 400,000 are searched; a dense or a small span is asked for directly."""

    assert expected is is_sparse(Span(low=1, high=high, past=True), status(uidnext=high + 1, messages=messages), 1000)


def test_the_past_is_read_down_to_a_floor() -> None:
    """What lies below the floor is neither read nor missed: the mailbox counts as read as far as it was wanted."""
    checkpoint = replace(NEVER_READ, uidvalidity=7, uid_low=40, uid_high=50)
    after = replace(checkpoint, uid_low=30)

    assert [Span(low=30, high=39, past=True)] == unread(checkpoint, status(uidnext=51), floor=30)
    assert (True, False) == (is_read(after, status(uidnext=51), floor=30), is_read(after, status(uidnext=51)))
