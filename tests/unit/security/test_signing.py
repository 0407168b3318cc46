"""Signatures: the ones faas-cli makes."""

import pytest

from shared.errors import Unauthorized
from shared.security.signing import check_age, sign


def test_signature_is_hmac_sha256() -> None:
    """The header value is that of RFC 4231's second test case, with the algorithm's name in front."""
    expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    assert expected == sign(b"Jefe", b"what do ya want for nothing?")


@pytest.mark.parametrize("issued_at", [699.9, 1300.1, float("nan"), float("inf"), 10**400, -(10**400), True])
def test_a_call_of_another_time_is_refused(issued_at: float) -> None:
    """Only what was made about now is admitted, whatever kind of number says otherwise."""
    with pytest.raises(Unauthorized):
        check_age(issued_at, 1000.0)


@pytest.mark.parametrize("issued_at", [None, 700, 1300, 1000.5])
def test_a_call_of_now_is_admitted(issued_at: float | None) -> None:
    """The tolerance is on both sides, and saying nothing is allowed."""
    assert check_age(issued_at, 1000.0) is None  # type: ignore[func-returns-value]
