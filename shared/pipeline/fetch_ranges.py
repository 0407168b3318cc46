"""Which UIDs to read next, and what a checkpoint says once they are read. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from shared.records import Checkpoint, MailboxStatus

SPARSE = 4
"""A span with more than this many UIDs per existing message is searched instead of asked for blindly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """UIDs to ask for in one FETCH, and the checkpoint that is true once they are stored."""

    uids: Sequence[int] | range
    after: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """UIDs low..high inclusive not read yet; the past is read newest first, what is new in order of arrival."""

    low: int
    high: int
    past: bool

    def __len__(self) -> int:
        return self.high - self.low + 1


def begin(checkpoint: Checkpoint, status: MailboxStatus) -> Checkpoint:
    """Return the checkpoint with its watermarks set at the mailbox's end, if it was never read."""
    if checkpoint.uid_high is not None:
        return checkpoint
    return replace(
        checkpoint, uidvalidity=status.uidvalidity, uid_high=status.uidnext - 1, uid_low=max(status.uidnext, 1)
    )


def is_read(checkpoint: Checkpoint, status: MailboxStatus, floor: int = 1) -> bool:
    """Whether nothing is left to read: same UIDVALIDITY, nothing new, the past read to its end, or to this UID."""
    return (
        checkpoint.uidvalidity == status.uidvalidity
        and checkpoint.uid_low is not None
        and checkpoint.uid_low <= floor
        and checkpoint.uid_high is not None
        and status.uidnext - 1 <= checkpoint.uid_high
    )


def unread(checkpoint: Checkpoint, status: MailboxStatus, floor: int = 1) -> list[Span]:
    """Return what is not read yet: first what is new, then the past, down to the UID `floor`."""
    low, high = checkpoint.uid_low or 1, checkpoint.uid_high or 0
    spans = []
    if status.uidnext - 1 > high:
        spans.append(Span(low=high + 1, high=status.uidnext - 1, past=False))
    if low > floor:
        spans.append(Span(low=floor, high=low - 1, past=True))
    return spans


def is_sparse(span: Span, status: MailboxStatus, chunk_mails: int) -> bool:
    """Whether a search costs less than asking for UIDs that mostly do not exist."""
    return len(span) > chunk_mails and len(span) > SPARSE * status.messages


def chunks(
    checkpoint: Checkpoint, span: Span, uids: Sequence[int] | None, *, size: int, complete: bool = True
) -> Iterator[Chunk]:
    """Cut a span into chunks of at most `size` UIDs, each with the checkpoint that holds after it.

    `uids` are those a search found (ascending); None asks for the span itself. With `complete` False the search
    covered the span only as far as its last UIDs, so the last chunk does not claim the span's end.
    """
    known: Sequence[int] = range(span.low, span.high + 1) if uids is None else uids
    starts = range(0, len(known), size)
    if span.past:
        bounds = [(max(len(known) - start - size, 0), len(known) - start) for start in starts]
    else:
        bounds = [(start, min(start + size, len(known))) for start in starts]
    for number, (first, end) in enumerate(bounds, 1):
        part = known[first:end]
        whole = complete and number == len(bounds)
        if span.past:
            checkpoint = replace(checkpoint, uid_low=span.low if whole else part[0])
        else:
            checkpoint = replace(checkpoint, uid_high=span.high if whole else part[-1])
        yield Chunk(uids=part, after=checkpoint)
    if not bounds and complete:
        after = replace(checkpoint, uid_low=span.low) if span.past else replace(checkpoint, uid_high=span.high)
        yield Chunk(uids=(), after=after)
