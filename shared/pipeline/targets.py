"""Where moves go: roles and paths of the user's YAML become this server's mailboxes, created where they are missing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from shared.pipeline.ports import MailSession
from shared.records import ClaimedEmail, MailboxName, MailboxStatus

CUSTOMARY_NAMES = {
    "\\Archive": ("Archive", "Archives"),
    "\\Junk": ("Junk", "Spam", "Junk E-mail"),
    "\\Trash": ("Trash", "Deleted Items", "Deleted Messages"),
}
"""Names that stand for a role on servers without SPECIAL-USE (RFC 6154), if such a mailbox exists; never created."""
NOTHING_KNOWN: Mapping[str, MailboxStatus] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """For each target of a decision its mailbox as it stands before our command, or why there is none."""

    found: dict[str, MailboxStatus]
    refused: dict[str, str]


def names_of(session: MailSession, emails: Sequence[ClaimedEmail]) -> list[str]:
    """Return the mailboxes whose STATUS may be asked for beside the flags of mails that are about to be moved there.

    None where more is to be done: between STATUS and a move there is no other command, and no copy of ours.
    """
    moves = [email.move for email in emails if len(email.actions) == 1 and not email.undoing]
    targets = {move.target for move in moves if move and not move.target.startswith("\\")}
    return sorted(map(session.mailbox_name, targets)) if len(moves) == len(emails) and all(moves) else []


def find_targets(
    session: MailSession, wanted: Iterable[str], known: Mapping[str, MailboxStatus] = NOTHING_KNOWN
) -> Targets:
    """Resolve and, where the YAML names a mailbox that is missing, create the targets: a few commands in all.

    `known`: what STATUS said just now.
    """
    targets = set(wanted)
    roles = {target for target in targets if target.startswith("\\")}
    by_role = _roles(session.list_mailboxes()) if roles else {}
    names = {target: session.mailbox_name(target) for target in targets - roles}
    names |= {role: by_role[role] for role in roles if role in by_role}
    refused = {role: f"no mailbox here is marked {role} (RFC 6154)" for role in roles if role not in by_role}
    return _look_up(session, names, refused, known)


def find_again(session: MailSession, names: Iterable[str]) -> Targets:
    """Look up mailboxes by the names the log has from the server, to undo; one deleted since is made again."""
    return _look_up(session, {name: name for name in names}, {})


def _look_up(
    session: MailSession,
    names: dict[str, str],
    refused: dict[str, str],
    known: Mapping[str, MailboxStatus] = NOTHING_KNOWN,
) -> Targets:
    statuses = dict(known)
    if unknown := sorted(set(names.values()) - set(statuses)):
        statuses |= session.status(unknown)
    missing = sorted(set(names.values()) - set(statuses))
    if missing:
        refusals = session.create(missing)
        statuses |= session.status(missing)
        refused |= {
            target: f"cannot be created: {refusals.get(name, 'the server does not show it')}"
            for target, name in names.items()
            if name not in statuses
        }
    return Targets(
        found={target: statuses[name] for target, name in names.items() if name in statuses}, refused=refused
    )


def _roles(mailboxes: Iterable[MailboxName]) -> dict[str, str]:
    known = list(mailboxes)
    selectable = [mailbox for mailbox in known if "\\Noselect" not in mailbox.attributes]
    roles = {role: mailbox.name for mailbox in selectable for role in mailbox.attributes if role in CUSTOMARY_NAMES}
    for role, names in CUSTOMARY_NAMES.items():
        for mailbox in selectable:
            leaf = mailbox.name.rsplit(mailbox.delimiter, 1)[-1] if mailbox.delimiter else mailbox.name
            if leaf in names:
                roles.setdefault(role, mailbox.name)
    return roles
