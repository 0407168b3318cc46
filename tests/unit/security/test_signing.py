"""Signatures: the ones faas-cli makes."""

from shared.security.signing import sign


def test_signature_is_hmac_sha256() -> None:
    """The header value is that of RFC 4231's second test case, with the algorithm's name in front."""
    expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"

    assert expected == sign(b"Jefe", b"what do ya want for nothing?")
