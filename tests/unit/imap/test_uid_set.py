import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.uid_set import MAX_UID, compress, expand, split

UIDS = st.lists(st.integers(1, MAX_UID), max_size=200)


@given(UIDS)
def test_what_is_compressed_expands_to_the_same_uids(uids: list[int]) -> None:
    """Compressing and expanding gives the same UIDs, ascending and once each."""

    assert sorted(set(uids)) == [uid for span in compress(uids) for uid in expand(span)]


@given(UIDS, st.integers(21, 100))
def test_split_sets_hold_every_uid_and_keep_the_limit(uids: list[int], limit: int) -> None:
    """No UID is lost between the parts of a split set, and no part is longer than asked."""
    sets = split(uids, limit)

    assert sorted(set(uids)) == [uid for part in sets for uid in expand(part)]
    assert all(len(part) <= limit for part in sets)


def test_neighbours_become_a_range() -> None:
    """Contiguous UIDs are written as one range."""

    assert [b"1:3,7,9:10"] == split([10, 9, 1, 2, 3, 7, 3])


def test_a_range_is_not_expanded_to_be_sent() -> None:
    """A contiguous range goes out as `a:b` without looking at its members."""

    assert [b"1:4294967295"] == split(range(1, MAX_UID + 1))


def test_a_range_with_steps_is_sparse() -> None:
    """A range that skips UIDs is not sent as if it held them all."""

    assert [b"1,3,5"] == split(range(1, 6, 2))


def test_nothing_is_no_set() -> None:
    """No UIDs give no set at all: an empty set would be a syntax error."""

    assert [] == split([]) == split(range(5, 5))


def test_order_is_kept_when_expanding() -> None:
    """Sets in COPYUID pair up in the order given, descending ranges included (RFC 4315)."""

    assert [9, 8, 7, 1, 3] == expand(b"9:7,1,3")


@pytest.mark.parametrize("text", [b"", b"a", b"1,", b"*", b"1:*", b"0", b"1:2:3", b"-1", b"4294967296", b"9" * 5000])
def test_malformed_sets_are_refused(text: bytes) -> None:
    """What is no set of UIDs is an error, never a guess."""
    with pytest.raises(ValueError, match="UID set"):
        expand(text)


def test_expansion_is_bounded() -> None:
    """A server cannot make us build a list of four billion UIDs."""
    with pytest.raises(ValueError, match="more than"):
        expand(b"1:4294967295")


@pytest.mark.parametrize("uid", [0, -1, MAX_UID + 1])
def test_what_is_no_uid_is_not_sent(uid: int) -> None:
    """UID 0 and numbers beyond 32 bits never leave us."""
    with pytest.raises(ValueError, match="not a UID range"):
        split([uid])
