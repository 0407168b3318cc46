"""Parts that were fetched because a decision hangs on them -> values ready for the store. Never raises on any bytes."""

from collections.abc import Iterable

from shared.mail.headers import read_headers
from shared.mail.text import read_text
from shared.records import ArrivedParts, FetchedParts, PartsWish

TEXT, STRUCTURE, HEADER = "text", "structure", "header:"

GONE = "the mail is gone from its mailbox"
NOT_GIVEN = "the mail server does not give it, or not in a form that can be read"


def arrived_parts(wish: PartsWish, fetched: FetchedParts | None) -> ArrivedParts:
    """Decode what came; what was wished and did not come is unavailable (None: nothing is known of the mail)."""
    if fetched is None:
        return ArrivedParts(wish=wish, unavailable=wish.parts, why=GONE)
    text = attachments = None
    if TEXT in wish.parts and fetched.text is not None and fetched.content is not None:
        text = read_text(fetched.content, fetched.text, truncated=fetched.text_truncated).text
    if STRUCTURE in wish.parts:
        attachments = fetched.attachments
    headers = _headers(wish.parts, fetched.header)
    came = {TEXT} if text is not None else set()
    came |= {STRUCTURE} if attachments is not None else set()
    missing = wish.parts - came - {HEADER + name for name in headers}
    return ArrivedParts(
        wish=wish,
        text=text,
        attachments=attachments,
        headers=headers,
        unavailable=missing,
        why=NOT_GIVEN if missing else "",
    )


def _headers(parts: Iterable[str], header: bytes | None) -> dict[str, list[str]]:
    """Return the wished fields; one that the mail does not have is an empty list: fetched, and not there."""
    if header is None:
        return {}
    fields = read_headers(header).fields
    names = [part.removeprefix(HEADER) for part in parts if part.startswith(HEADER)]
    return {name: fields.get(name, []) for name in names}
