"""What a mail is after reading: frozen values, every string safe for PostgreSQL."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from shared.mail.addresses import Address
from shared.mail.content_key import content_key
from shared.mail.defects import Defect
from shared.records import Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadText:
    """What a person sees of a mail, and the parts that are not its text.

    `truncated`: there is, or may be, more text than this. `hidden_text`: text that nobody sees was left out.
    """

    text: str = ""
    truncated: bool = False
    hidden_text: bool = False
    attachments: tuple[Attachment, ...] = ()
    defects: tuple[Defect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """A mail: lower-case header fields in order of appearance, what they mean, its text, and what is wrong with it.

    `date` is the sender's claim, with the sender's offset; `list_id` the identifier between angle brackets.
    """

    headers: Mapping[str, list[str]]
    message_id: str
    date: dt.datetime | None
    from_: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
    list_id: str
    list_headers: Mapping[str, str]
    text: str
    text_truncated: bool
    hidden_text: bool
    attachments: tuple[Attachment, ...]
    size: int
    identity_hash: uuid.UUID
    defects: tuple[Defect, ...]

    @property
    def content_key(self) -> uuid.UUID:
        """What mails of one sender share that differ in numbers, names and links only; made anew at each call."""
        return content_key(
            sender=self.from_[0].domain if self.from_ else "",
            subject=self.subject,
            text=self.text,
            recipients=self.to + self.cc,
        )
