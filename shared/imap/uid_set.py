"""UID sets: the sequence-set of RFC 9051 section 9 as it travels in commands and answers."""

from collections.abc import Iterable, Iterator, Sequence

MAX_SET_OCTETS = 8_000  # RFC 7162 section 4: clients should keep command lines within 8,192 octets
MAX_EXPANDED = 1_000_000
MAX_UID = 0xFFFF_FFFF


def compress(uids: Iterable[int]) -> Iterator[bytes]:
    """Yield the ascending ranges of `uids`, each as `7` or `7:9`."""
    if isinstance(uids, range) and uids.step == 1:
        if uids:
            yield _span(uids[0], uids[-1])
        return
    ascending = sorted(set(uids))
    first = 0
    for index, uid in enumerate(ascending, start=1):
        if index == len(ascending) or ascending[index] != uid + 1:
            yield _span(ascending[first], uid)
            first = index


def _span(first: int, last: int) -> bytes:
    if not 1 <= first <= last <= MAX_UID:
        raise ValueError(f"not a UID range: {first}:{last}")
    return b"%d" % first if first == last else b"%d:%d" % (first, last)


def split(uids: Sequence[int] | range, max_octets: int = MAX_SET_OCTETS) -> list[bytes]:
    """Return `uids` as compressed sets of at most `max_octets` each."""
    sets: list[bytes] = []
    spans: list[bytes] = []
    octets = 0
    for span in compress(uids):
        if spans and octets + len(span) > max_octets:
            sets.append(b",".join(spans))
            spans, octets = [], 0
        spans.append(span)
        octets += len(span) + 1
    if spans:
        sets.append(b",".join(spans))
    return sets


def expand(text: bytes, limit: int = MAX_EXPANDED) -> list[int]:
    """Return the UIDs of a set in the order given; ValueError beyond `limit` or if malformed."""
    uids: list[int] = []
    for part in text.split(b","):
        first, colon, last = part.partition(b":")
        low = _uid(first)
        high = _uid(last) if colon else low
        step = 1 if low <= high else -1
        if abs(high - low) + 1 + len(uids) > limit:
            raise ValueError(f"a UID set of more than {limit} UIDs")
        uids.extend(range(low, high + step, step))
    return uids


def _uid(digits: bytes) -> int:
    if not digits.isdigit() or not 1 <= (uid := int(digits[:11])) <= MAX_UID:
        raise ValueError("malformed UID set")
    return uid
