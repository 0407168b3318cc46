"""Signatures of calls: HMAC-SHA256 over the body, as `faas-cli invoke --sign X-Signature` makes them."""

import hashlib
import hmac

from shared.errors import Unauthorized

SIGNATURE_HEADER = "X-Signature"
ISSUED_AT_TOLERANCE_S = 300


def sign(key: bytes, body: bytes) -> str:
    """Return the header value `sha256=<hex>` for a body."""
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def check_signature(key: bytes, body: bytes, signature: str | None) -> None:
    """Raise Unauthorized unless `signature` was made over exactly this body with this key."""
    if not signature:
        raise Unauthorized(f"the {SIGNATURE_HEADER} header is missing")
    if not hmac.compare_digest(sign(key, body).encode(), signature.strip().encode("utf-8", "replace")):
        raise Unauthorized("the signature does not match the body")


def check_age(issued_at: object, now: float) -> None:
    """Raise Unauthorized when a call says it was made too long ago, or in the future; saying nothing is allowed."""
    oldest, newest = now - ISSUED_AT_TOLERANCE_S, now + ISSUED_AT_TOLERANCE_S
    if isinstance(issued_at, int | float) and not oldest <= issued_at <= newest:  # NaN and 10**400 are refused too
        raise Unauthorized(f"'issued_at' is more than {ISSUED_AT_TOLERANCE_S} s away from this server's clock")
