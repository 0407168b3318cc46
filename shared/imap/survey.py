"""A look at a mailbox that changes nothing: what the server can do, what is there, and what is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.imap.mailbox import ImapSession
from shared.records import SPECIAL_USE, MailboxName

CANNOT_BE_OPENED = frozenset({"\\noselect", "\\nonexistent"})
MAX_STATUSES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    r"""What a server can do for an account.

    `messages`: in the mailboxes that are to be read; `missing`: those of them that do not exist. `special_use`: the
    mailbox of each role, such as `\Archive`. `takes_keywords` None: only an empty mailbox is opened to see, and there
    is none.
    """

    mailboxes: int
    messages: int
    missing: tuple[str, ...]
    special_use: Mapping[str, str]
    can_move: bool
    can_uidplus: bool
    can_condstore: bool
    has_gmail_labels: bool
    takes_keywords: bool | None

    def as_json(self) -> dict[str, object]:
        """Return the fields of `accounts test --json`."""
        return {
            "mailboxes": self.mailboxes,
            "messages": self.messages,
            "can_move": self.can_move,
            "can_uidplus": self.can_uidplus,
            "can_condstore": self.can_condstore,
            "takes_keywords": self.takes_keywords,
            "gmail_labels": self.has_gmail_labels,
            "special_use": dict(self.special_use),
        }


def survey(session: ImapSession, wanted: Sequence[str]) -> Survey:
    """Look at a user's mailboxes, of which `wanted` are to be read."""
    listed = session.list_mailboxes()
    statuses = session.status(wanted)
    return Survey(
        mailboxes=len(listed),
        messages=sum(status.messages for status in statuses.values()),
        missing=tuple(name for name in wanted if name not in statuses),
        special_use=_special_uses(listed),
        can_move=session.can_move,
        can_uidplus=session.can_uidplus,
        can_condstore=session.has("CONDSTORE"),
        has_gmail_labels=session.has("X-GM-EXT-1"),
        takes_keywords=_takes_keywords(session, listed),
    )


def _special_uses(listed: Sequence[MailboxName]) -> dict[str, str]:
    roles = {role.lower(): role for role in SPECIAL_USE}
    found: dict[str, str] = {}
    for mailbox in listed:
        for attribute in mailbox.attributes:
            role = roles.get(attribute.lower())
            if role is not None:
                found.setdefault(role, mailbox.name)
    return dict(sorted(found.items()))


def _takes_keywords(session: ImapSession, listed: Sequence[MailboxName]) -> bool | None:
    r"""Ask SELECT, because EXAMINE offers no flags: of an empty mailbox, where nobody loses `\Recent`."""
    names = [box.name for box in listed if not CANNOT_BE_OPENED & {word.lower() for word in box.attributes}]
    statuses = session.status(names[:MAX_STATUSES])
    empty = next((status.name for status in statuses.values() if not status.messages), None)
    return None if empty is None else session.select(empty).accepts_new_keywords
