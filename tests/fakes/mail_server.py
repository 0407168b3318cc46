"""An IMAP server in memory: the MailSession Protocol over dicts, with abilities to take away and a plug to pull.

`fuse` counts effects and looks; when it burns through, PowerCut is raised before or after the effect, as asked: the
worker dies there. It is a BaseException, so that no handler of ours can survive it.
"""

import datetime as dt
import email
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from shared.errors import NotFound
from shared.records import (
    Account,
    Attachment,
    CopyAnswer,
    FetchedMail,
    FetchedParts,
    Flags,
    MailboxName,
    MailboxStatus,
)

MAX_TEXT = 64 * 1024


class PowerCut(BaseException):
    """The worker dies here."""


@dataclass
class Fuse:
    """Burns through at the n-th touch of the server; `after` lets that touch still happen."""

    touches: int | None = None
    after: bool = False
    seen: int = 0

    @contextmanager
    def touch(self) -> Iterator[None]:
        self.seen += 1
        burns = self.touches is not None and self.seen == self.touches
        if burns and not self.after:
            raise PowerCut
        yield
        if burns:
            raise PowerCut


@dataclass
class Message:
    """A stored message: what FETCH tells of it, and a serial that survives moves and copies."""

    uid: int
    flags: frozenset[str]
    internaldate: dt.datetime
    header: bytes
    serial: str
    body: bytes = b""


@dataclass
class Mailbox:
    uidvalidity: int
    uidnext: int = 1
    messages: dict[int, Message] = field(default_factory=dict)
    attributes: frozenset[str] = frozenset()

    def add(self, message: Message) -> int:
        uid = self.uidnext
        self.messages[uid] = replace(message, uid=uid)
        self.uidnext += 1
        return uid


class FakeMailServer:
    """The server; `session` opens connections that satisfy shared.pipeline.ports.MailSession."""

    def __init__(self) -> None:
        self.validities = itertools.count(1000)
        self.mailboxes: dict[str, Mailbox] = {}
        self.create("INBOX")
        self.can_move = True
        self.can_uidplus = True
        self.tells_copyuid = True
        self.keywords = "all"  # all | no | silent
        self.expunges = True  # else UID EXPUNGE is refused
        self.copies = True  # else COPY is acknowledged and does nothing
        self.refusal: Callable[[Sequence[int]], str | None] = lambda uids: None  # why COPY of these is answered NO
        self.tells_of: Callable[[int], bool] = lambda uid: True  # the UIDs that COPYUID names
        self.before: dict[str, Callable[[], None]] = {}  # what somebody else does right before a command, once
        self.fuse = Fuse()

    def create(self, name: str) -> None:
        self.mailboxes[name] = Mailbox(uidvalidity=next(self.validities))

    def deliver(
        self, mailbox: str, serial: str, header: bytes, flags: Iterable[str] = (), day: int = 1, body: bytes = b""
    ) -> int:
        date = dt.datetime(2026, 1, day, 12, tzinfo=dt.UTC)
        message = Message(uid=0, flags=frozenset(flags), internaldate=date, header=header, serial=serial, body=body)
        return self.mailboxes[mailbox].add(message)

    def meanwhile(self, command: str) -> None:
        """Let somebody else act right before a command, if a test arranged it; once."""
        self.before.pop(command, lambda: None)()

    def renumber(self, mailbox: str, keep: Iterable[str] = ()) -> None:
        """Give a mailbox another UIDVALIDITY, and its mails new UIDs from 1; only `keep` (serials) stay, if given."""
        old = self.mailboxes[mailbox]
        kept = set(keep) or {message.serial for message in old.messages.values()}
        self.create(mailbox)
        for message in old.messages.values():
            if message.serial in kept:
                self.mailboxes[mailbox].add(message)

    def census(self) -> dict[str, list[str]]:
        """Return the serials in each mailbox, sorted."""
        return {
            name: sorted(message.serial for message in mailbox.messages.values())
            for name, mailbox in self.mailboxes.items()
            if mailbox.messages
        }

    @contextmanager
    def open_mailbox(self, account: Account, lease_until: float) -> Iterator["FakeSession"]:
        yield FakeSession(self)


class FakeSession:
    def __init__(self, server: FakeMailServer) -> None:
        self.server = server
        self.commands = 0
        self.selected: str | None = None
        self.can_move = server.can_move
        self.can_uidplus = server.can_uidplus

    def extend(self, lease_until: float) -> None: ...

    def mailbox_name(self, path: str) -> str:
        return path

    def list_mailboxes(self) -> list[MailboxName]:
        self.commands += 1
        return [
            MailboxName(name=name, delimiter="/", attributes=mailbox.attributes)
            for name, mailbox in self.server.mailboxes.items()
        ]

    def _status(self, name: str) -> MailboxStatus:
        mailbox = self.server.mailboxes.get(name)
        if mailbox is None:
            raise NotFound(f"no mailbox {name}")
        permanent = frozenset({"\\Seen", "\\Flagged", "\\Deleted", "\\Draft", "\\Answered"})
        return MailboxStatus(
            name=name,
            uidvalidity=mailbox.uidvalidity,
            uidnext=mailbox.uidnext,
            messages=len(mailbox.messages),
            permanent_flags=permanent if self.server.keywords == "no" else permanent | {"\\*"},
        )

    def status(self, names: Sequence[str]) -> dict[str, MailboxStatus]:
        self.commands += len(names)
        return {name: self._status(name) for name in names if name in self.server.mailboxes}

    def create(self, names: Sequence[str]) -> dict[str, str]:
        self.commands += len(names)
        for name in names:
            with self.server.fuse.touch():
                self.server.create(name)
        return {}

    def examine(self, name: str) -> MailboxStatus:
        return self._open("examine", name)

    def select(self, name: str) -> MailboxStatus:
        return self._open("select", name)

    def _open(self, command: str, name: str) -> MailboxStatus:
        self.commands += 1
        self.server.meanwhile(command)
        status = self._status(name)
        self.selected = name
        return status

    @property
    def _mailbox(self) -> Mailbox:
        assert self.selected is not None, "no mailbox is selected"
        return self.server.mailboxes[self.selected]

    def search(self, low: int, high: int) -> list[int]:
        self.commands += 1
        return sorted(uid for uid in self._mailbox.messages if low <= uid <= high)

    def first_since(self, high: int, day: dt.date) -> int | None:
        self.commands += 1
        mails = self._mailbox.messages.values()
        return min((mail.uid for mail in mails if mail.uid <= high and mail.internaldate.date() >= day), default=None)

    def fetch(
        self, chunks: Iterable[Sequence[int] | range], extra_headers: Sequence[str] = ()
    ) -> Iterator[list[FetchedMail]]:
        for chunk in chunks:
            self.commands += 1
            found = [self._mailbox.messages[uid] for uid in chunk if uid in self._mailbox.messages]
            yield [
                FetchedMail(
                    uid=message.uid,
                    flags=message.flags,
                    internaldate=message.internaldate,
                    size=len(message.header),
                    header=message.header,
                )
                for message in found
            ]

    def parts(self, wishes: Mapping[int, frozenset[str]]) -> dict[int, FetchedParts]:
        self.commands += 1
        self.server.meanwhile("parts")
        with self.server.fuse.touch():
            messages = self._mailbox.messages
            return {uid: _parts(messages[uid], wished) for uid, wished in wishes.items() if uid in messages}

    def flags(self, uids: Sequence[int]) -> dict[int, Flags]:
        self.commands += 1
        messages = self._mailbox.messages
        return {uid: messages[uid].flags for uid in uids if uid in messages}

    def flags_and_status(
        self, uids: Sequence[int], names: Sequence[str]
    ) -> tuple[dict[int, Flags], dict[str, MailboxStatus]]:
        return self.flags(uids), self.status(names)

    def store_flags(
        self, uids: Sequence[int], *, add: Flags = frozenset(), remove: Flags = frozenset()
    ) -> dict[int, Flags]:
        self.commands += 1
        keywords = {flag for flag in add if not flag.startswith("\\")}
        if keywords and self.server.keywords == "no":
            return {}
        kept = add - keywords if self.server.keywords == "silent" else add
        shown = {}
        with self.server.fuse.touch():
            for uid in uids:
                if uid in self._mailbox.messages:
                    message = self._mailbox.messages[uid]
                    message.flags = (message.flags | kept) - remove
                    shown[uid] = message.flags
        return shown

    def _copy(self, uids: Sequence[int], target: str) -> dict[int, int]:
        messages = self._mailbox.messages
        to = self.server.mailboxes[target]
        if not self.server.copies:
            return {uid: to.uidnext + number for number, uid in enumerate(sorted(uids))}
        return {uid: to.add(messages[uid]) for uid in sorted(uids) if uid in messages}

    def _answer(self, target: str, uids: dict[int, int]) -> CopyAnswer:
        if not self.server.tells_copyuid:
            return CopyAnswer()
        told = {uid: copied for uid, copied in uids.items() if self.server.tells_of(uid)}
        return CopyAnswer(
            target_uidvalidity=self.server.mailboxes[target].uidvalidity, uids=told, silent=uids.keys() - told.keys()
        )

    def move(self, moves: Sequence[tuple[Sequence[int], str]]) -> Iterator[CopyAnswer]:
        assert self.can_move, "UID MOVE without MOVE"
        for uids, target in moves:
            self.commands += 1
            with self.server.fuse.touch():
                copied = self._copy(uids, target)
                for uid in copied:
                    del self._mailbox.messages[uid]
            yield self._answer(target, copied)

    def copy(self, uids: Sequence[int], target: str) -> CopyAnswer:
        self.commands += 1
        self.server.meanwhile("copy")
        if (error := self.server.refusal(uids)) is not None:
            return CopyAnswer(error=error)
        with self.server.fuse.touch():
            copied = self._copy(uids, target)
        return self._answer(target, copied)

    def expunge(self, uids: Sequence[int]) -> str | None:
        assert self.can_uidplus, "UID EXPUNGE without UIDPLUS"
        self.commands += 1
        self.server.meanwhile("expunge")
        if not self.server.expunges:
            return
        with self.server.fuse.touch():
            for uid in uids:
                if uid in self._mailbox.messages and "\\Deleted" in self._mailbox.messages[uid].flags:
                    del self._mailbox.messages[uid]
        return None


def _parts(message: Message, wished: frozenset[str]) -> FetchedParts:
    """Return what was wished of a message, read by the standard library."""
    named = any(part.startswith("header:") for part in wished)
    text = message.body if "text" in wished else None
    return FetchedParts(
        uid=message.uid,
        content=None if text is None else message.header,
        text=None if text is None else text[:MAX_TEXT],
        text_truncated=text is not None and len(text) > MAX_TEXT,
        header=message.header if named else None,
        attachments=_attachments(message.header + message.body) if "structure" in wished else None,
    )


def _attachments(octets: bytes) -> tuple[Attachment, ...]:
    parts = (part for part in email.message_from_bytes(octets).walk() if part.get_filename())
    return tuple(
        Attachment(
            name=str(part.get_filename()), type=part.get_content_type(), bytes=len(part.get_payload(decode=True) or b"")
        )
        for part in parts
    )
