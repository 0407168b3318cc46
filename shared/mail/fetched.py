"""One FETCH response -> a mail ready for the store."""

from collections.abc import Iterable

from shared.mail.headers import read_headers
from shared.mail.identity import identity_hash
from shared.records import FetchedMail, NewEmail


def new_email(mail: FetchedMail, *, extra_headers: Iterable[str] = ()) -> NewEmail:
    """Decode the header and hash the identity.

    `extra_headers` are the fields asked for beyond the constant list: one the mail does not have is kept as an empty
    list, which tells "fetched, and not there" from "not fetched".
    """
    block = read_headers(mail.header, truncated=mail.header_truncated)
    raw, fields = block.raw, block.fields
    for name in extra_headers:
        fields.setdefault(name.lower(), [])
    message_id = fields.get("message-id")
    return NewEmail(
        uid=mail.uid,
        flags=mail.flags,
        internaldate=mail.internaldate,
        size=mail.size,
        identity_hash=identity_hash(
            message_id=raw.get("message-id", ""),
            date=raw.get("date", ""),
            sender=raw.get("from", ""),
            subject=raw.get("subject", ""),
            size=mail.size,
            internaldate=mail.internaldate,
        ),
        message_id=message_id[0] if message_id else "",
        headers=fields,
        defects=block.defects,
    )
