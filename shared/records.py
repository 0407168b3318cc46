"""Values that travel between rooms: frozen, named with the words of the RFCs, no behaviour beyond small questions."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.status import ActionState, Filing

Flags = frozenset[str]
"""System flags (`\\Seen`) and keywords (`$Junk`), as the server spells them; `\\Recent` is never kept."""

SPECIAL_USE = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash")  # RFC 6154


class Tls(StrEnum):
    """How the connection to the mail server is protected."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


class Mode(StrEnum):
    """What the owner allows for an account."""

    OBSERVE = "observe"
    APPLY = "apply"
    PAUSED = "paused"


class ActionKind(StrEnum):
    """One kind of IMAP effect. Keywords are flags without a backslash."""

    FLAG = "flag"
    UNFLAG = "unflag"
    MOVE = "move"
    COPY = "copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRef:
    """The identity of a mail on its server: nothing less is one (RFC 9051 section 2.3.1.1)."""

    mailbox: str
    uidvalidity: int
    uid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as its owner configured it; `secret` is the encrypted password."""

    id: int
    name: str
    host: str
    port: int
    tls: Tls
    username: str
    secret: bytes = field(repr=False)
    mode: Mode
    mailboxes: tuple[str, ...]
    max_actions_per_hour: int
    approved_moves: int
    plaintext_allowed: bool
    copy_without_expunge: bool
    ca_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStatus:
    """What STATUS, SELECT or EXAMINE say of a mailbox. `permanent_flags` is None after STATUS."""

    name: str
    uidvalidity: int
    uidnext: int
    messages: int
    highestmodseq: int | None = None
    permanent_flags: Flags | None = None

    @property
    def accepts_new_keywords(self) -> bool:
        r"""Whether PERMANENTFLAGS offers `\*` (RFC 9051 section 7.1)."""
        return self.permanent_flags is None or "\\*" in self.permanent_flags


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxName:
    r"""One line of LIST: decoded name, hierarchy delimiter, attributes such as `\Archive` or `\Noselect`."""

    name: str
    delimiter: str | None
    attributes: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedMail:
    """One FETCH response; `header` holds the requested fields, unparsed, cut at the reader's limit.

    `unreadable`: the mail exists and the server refuses its header; what else it would not say is neutral.
    """

    uid: int
    flags: Flags
    internaldate: dt.datetime
    size: int
    header: bytes
    header_truncated: bool = False
    unreadable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEmail:
    """A fetched mail ready for the store: every string is safe for PostgreSQL."""

    uid: int
    flags: Flags
    internaldate: dt.datetime
    size: int
    identity_hash: uuid.UUID
    message_id: str
    headers: Mapping[str, list[str]]
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A part of a mail that is not its text; `bytes` are octets after the transfer encoding is taken off, if known."""

    name: str
    type: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedParts:
    """What the server gave of the parts that were wanted of a mail; None: not asked for, or not given.

    `text` is the beginning of its body as it stands there, `content` the header fields that say how to read it;
    `header` are the fields that were asked for by name.
    """

    uid: int
    content: bytes | None = None
    text: bytes | None = None
    text_truncated: bool = False
    header: bytes | None = None
    attachments: tuple[Attachment, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsWish:
    """The parts that the decision on a stored mail hangs on: `text`, `structure`, `header:<name>`."""

    email_id: int
    uid: int
    parts: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WishedMailbox:
    """A mailbox some of whose mails have wishes that can be tried now, as it was numbered when they were stored."""

    mailbox_id: int
    name: str
    uidvalidity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedParts:
    """What came of a wish, ready for the store: every string is safe for PostgreSQL.

    Each part of the wish either came or is `unavailable`, and `why` says for what reason.
    """

    wish: PartsWish
    text: str | None = None
    attachments: tuple[Attachment, ...] | None = None
    headers: Mapping[str, list[str]] = field(default_factory=dict)
    unavailable: frozenset[str] = frozenset()
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEmail:
    """A mail as the rules see it: decoded header fields by lower-case name, in order of appearance.

    `text` is the beginning of what a reader sees, `attachments` what else there is; None: not fetched. `unavailable`
    are parts that were asked for and cannot be had: `text`, `structure`, `header:<name>`. `unreadable`: the server
    refused its header, so that nothing in it is known.
    """

    id: int
    account: str
    mailbox: str
    flags: Flags
    internaldate: dt.datetime
    size: int
    headers: Mapping[str, list[str]]
    text: str | None = None
    attachments: tuple[Attachment, ...] | None = None
    unavailable: frozenset[str] = frozenset()
    unreadable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a mailbox was read: UIDs in [uid_low, uid_high] are known; below waits the past, above the new.

    `uidvalidity` None means never read. `uid_low` 1 means the past is read to its end. What the server received before
    `window_since` waits for a later sync; None: nothing does.
    """

    mailbox_id: int
    mailbox: str
    uidvalidity: int | None = None
    uid_low: int | None = None
    uid_high: int | None = None
    window_since: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A named right to work, ours until `expires_at` on our own monotonic clock (seconds).

    `inherited`: the holder before us died without giving it back.
    """

    name: str
    token: uuid.UUID
    expires_at: float
    inherited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedAction:
    r"""One line of the action log.

    `target` is what was decided: a flag, a mailbox name, or a special-use role (`\Archive`). `source` and the fields
    from `source_flags` on are written with `sent`: where the mail was, its flags before our first effect, the server's
    name of the target, its UIDVALIDITY and UIDNEXT before our command; `target_uid` is what COPYUID said (RFC 4315).
    `undoes` is the id of the action that this one takes back, `error` why it was refused.
    """

    id: int
    email_id: int
    kind: ActionKind
    target: str
    state: ActionState
    source: EmailRef | None = None
    source_flags: Flags | None = None
    target_mailbox: str | None = None
    target_uidvalidity: int | None = None
    target_uidnext: int | None = None
    target_uid: int | None = None
    undoes: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedEmail:
    """A mail whose filing is ours to carry out, with its unfinished actions in order: flags first, the move last.

    `ref` None: it was moved and the server did not tell its new UID. `undoing`: the actions take an earlier filing
    back; `expected_flags` are then the flags it had when we left it, `our_flags` those that we changed. `settled_uids`:
    mails of the same identity whose filing in this mailbox was settled before; where one is gone, this one is it.
    `partly_done`: an earlier attempt ended after some of what was decided had its effect.
    """

    id: int
    ref: EmailRef | None
    identity_hash: uuid.UUID
    attempts: int
    actions: tuple[LoggedAction, ...]
    undoing: bool = False
    expected_flags: Flags | None = None
    our_flags: Flags = frozenset()
    settled_uids: tuple[int, ...] = ()
    partly_done: bool = False

    @property
    def move(self) -> LoggedAction | None:
        """The one move, if it was decided."""
        for action in self.actions:  # asked ten times per mail: a generator would cost three times as much
            if action.kind is ActionKind.MOVE:
                return action
        return None

    @property
    def copies(self) -> tuple[LoggedAction, ...]:
        """The copies still to be made."""
        return tuple(action for action in self.actions if action.kind is ActionKind.COPY)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStep:
    """One committed step in the action log. None fields stay as they are; `source_flags` are only ever set once."""

    action_id: int
    was: ActionState
    became: ActionState
    source: EmailRef | None = None
    source_flags: Flags | None = None
    target_mailbox: str | None = None
    target_uidvalidity: int | None = None
    target_uidnext: int | None = None
    target_uid: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a claimed mail. `ref` is its new place; None leaves the place as it is."""

    email_id: int
    became: Filing
    why: str
    by: str = "apply-actions"
    ref: EmailRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyAnswer:
    """The answer to one COPY or MOVE.

    `uids` maps source to target UID (COPYUID, RFC 4315), None when the server did not say; `error` is the server's
    refusal, a tagged NO, which may come after a part of a MOVE was done. `silent` are source UIDs absent from `uids`
    whose command was answered without COPYUID, or refused: of them nothing is known.
    """

    target_uidvalidity: int | None = None
    uids: Mapping[int, int] | None = None
    error: str | None = None
    silent: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One sync of an account.

    `approved_moves`: how many moves, which the anomaly stop had held, its owner confirmed. `finished`: its last call
    was answered before; a call that comes again (a retry, a replay) is its last call again.
    """

    id: uuid.UUID
    account_id: int
    dry_run: bool = False
    approved_moves: int = 0
    finished: bool = False
    moved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a run did: mails by what became of them, by who decided, and by target mailbox."""

    counts: Mapping[str, int]
    decided_by: Mapping[str, int]
    targets: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the model says of a mail; `category` None: it is unsure.

    `confidence` is the label's share of the probability of all labels; `margin` its probability less the next one's,
    among all tokens: small when the model would rather have said something else. None: the server told neither.
    `suspicions`: what in the mail looks like an attack; such a verdict teaches nobody.
    """

    category: str | None
    confidence: float | None
    margin: float | None
    model: str
    ms: float
    prompt_tokens: int
    suspicions: frozenset[str] = frozenset()
