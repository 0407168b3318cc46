"""The doors the pipeline needs, in its own words. Gateways satisfy these Protocols without importing them."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from shared.records import (
    Account,
    ActionStep,
    ArrivedParts,
    Checkpoint,
    ClaimedEmail,
    CopyAnswer,
    FetchedMail,
    FetchedParts,
    Flags,
    Lease,
    MailboxName,
    MailboxStatus,
    NewEmail,
    Outcome,
    PartsWish,
    Run,
    RunSummary,
    StoredEmail,
    Verdict,
    WishedMailbox,
)
from shared.rules.model import Decision
from shared.rules.rule_set import Category, RuleSet


class MailSession(Protocol):
    """One authenticated connection to a mail server, closed when its lease ends.

    Every command has a timeout; a command is only sent while `lease_until` outlives that timeout, else StaleClaim.
    UID arguments are in any order; the gateway compresses and splits them (RFC 9051 sequence-set, <= 8,000 octets).
    """

    commands: int
    can_move: bool
    can_uidplus: bool

    def extend(self, lease_until: float) -> None:
        """Allow commands until `lease_until` on this process's clock (shared.clock)."""

    def list_mailboxes(self) -> list[MailboxName]: ...

    def mailbox_name(self, path: str) -> str:
        """The server's name for a path written with `/`: its delimiter, its personal namespace, INBOX as INBOX."""

    def status(self, names: Sequence[str]) -> dict[str, MailboxStatus]:
        """STATUS of each mailbox, in one round trip; a mailbox that does not exist is absent from the answer."""

    def create(self, names: Sequence[str]) -> dict[str, str]:
        """Create and subscribe mailboxes; return the server's refusals by name (already existing is no refusal)."""

    def examine(self, name: str) -> MailboxStatus: ...

    def select(self, name: str) -> MailboxStatus: ...

    def search(self, low: int, high: int) -> list[int]:
        """The UIDs that exist in [low, high], ascending."""

    def first_since(self, high: int, day: dt.date) -> int | None:
        """The lowest UID up to `high` of a mail received on `day` or later; None if there is none (SEARCH SINCE)."""

    def fetch(
        self, chunks: Iterable[Sequence[int] | range], extra_headers: Sequence[str] = ()
    ) -> Iterator[list[FetchedMail]]:
        """Fetch headers chunk by chunk (UIDs), the next chunk already asked for while one is handed out."""

    def parts(self, wishes: Mapping[int, frozenset[str]]) -> dict[int, FetchedParts]:
        """The parts wished of each UID (`text`: its beginning, `structure`, `header:<name>`), all asked for at once.

        A mail that is gone is absent; a part that the server does not give, or garbles, is None.
        """

    def flags(self, uids: Sequence[int]) -> dict[int, Flags]:
        """Flags of those of `uids` that exist."""

    def flags_and_status(
        self, uids: Sequence[int], names: Sequence[str]
    ) -> tuple[dict[int, Flags], dict[str, MailboxStatus]]:
        """`flags`, and in the same round trip STATUS; a mailbox that is absent was not told: `status` knows why."""

    def store_flags(self, uids: Sequence[int], *, add: Flags = ..., remove: Flags = ...) -> dict[int, Flags]:
        """Change flags; return what the server then says of each UID (absent: it said nothing of it)."""

    def move(self, moves: Iterable[tuple[Sequence[int], str]]) -> Iterator[CopyAnswer]:
        """UID MOVE (RFC 6851) each set to its mailbox, one answer each; no set is empty.

        A set is sent before the next is asked for, and all that fit into a window before the first answer is read.
        """

    def copy(self, uids: Sequence[int], target: str) -> CopyAnswer: ...

    def expunge(self, uids: Sequence[int]) -> str | None:
        """UID EXPUNGE exactly these (RFC 4315), there is no bare EXPUNGE here; return the server's refusal, if any."""


class Leases(Protocol):
    """Named rights to work, with expiry; takeover waits for expiry plus the longest command timeout."""

    def hold(self, name: str, holder: str, seconds: float) -> AbstractContextManager[Lease]:
        """Take a lease or raise LeaseHeld; given back at the end unless claims under its token are still open.

        Open claims mean that a command's outcome is not known: then the lease runs out, and nobody acts before that.
        """

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Prolong; raise StaleClaim if it is no longer ours."""


class Runs(Protocol):
    """Syncs, one row each. An open run holds the lease `sync:<account>`; every call of the run renews it."""

    def open(self, account_id: int, run: uuid.UUID, *, dry_run: bool) -> Run:
        """Open or continue a run; LeaseHeld if another run is at work."""

    def step_aside(self, run: uuid.UUID) -> None:
        """Give the sync lease back without ending the run: its call failed, another run may go first."""

    def close(self, run: uuid.UUID, outcome: str, summary: RunSummary | None = None) -> None:
        """End the run and its lease; what it did (`summary`, else counted anew) is written down once."""

    def summary(self, run: uuid.UUID) -> RunSummary:
        """What the run did, counted from its events and actions."""

    def confirm(self, account_id: int, held_run: uuid.UUID, run: uuid.UUID) -> int:
        """Release what `held_run` held: it becomes pending, and `run` may move that many; return their number."""


class Accounts(Protocol):
    """Accounts as their owners configured them."""

    def get(self, name: str) -> Account: ...

    def paused(self) -> bool:
        """The global pause, or nothing at all of any account is carried out."""

    def record_success(self, account_id: int) -> None: ...

    def record_failure(self, account_id: int, error: str) -> None: ...


class Emails(Protocol):
    """Mails and how they were read and classified."""

    def checkpoint(self, account_id: int, mailbox: str) -> Checkpoint: ...

    def waiting(self, account_id: int) -> Mapping[str, int]:
        """How many mails are `to_classify` (fetched), `wanted` (parts of them, now), `uncertain`, `to_ask`, `to_apply`.

        `to_ask`: uncertain, and the model can be asked about them now. `to_apply`: pending, or in an undo that was
        begun; 0 unless the account is in apply.
        """

    def known_uids(self, account_id: int, mailbox: str, uidvalidity: int, low: int) -> set[int]:
        """UIDs from `low` on that are the place of a known mail, or a copy that we made."""

    def add(
        self,
        account_id: int,
        mails: Sequence[NewEmail],
        checkpoint: Checkpoint,
        run: uuid.UUID | None = None,
        *,
        was: Checkpoint | None = None,
    ) -> Mapping[str, int]:
        """Store one chunk together with the checkpoint that says so; replays add nothing.

        Counts: `fetched` (new rows), `returned` (mails that were filed and came back: kept, by person, a correction),
        `remapped` (known mails under a new UIDVALIDITY, one-to-one by identity_hash), `known`; where the mailbox is now
        read to its end also `vanished` (mails that were pending under an older UIDVALIDITY). StaleClaim unless the
        mailbox is read as far as `was` says.
        """

    def forget_uidvalidity(self, checkpoint: Checkpoint, uidvalidity: int) -> Checkpoint:
        """Start reading a mailbox anew under another UIDVALIDITY."""

    def widen_window(self, checkpoint: Checkpoint, windows_days: Sequence[int]) -> Checkpoint:
        """Open the next of these windows, the first for a mailbox that has none; after the last all mail is read."""

    def classify(
        self,
        account_id: int,
        limit: int,
        decide: Callable[[StoredEmail], Decision],
        rule_set_id: int,
        run: uuid.UUID | None = None,
    ) -> Mapping[str, int]:
        """Claim up to `limit` fetched mails, decide and record, in ONE transaction.

        Counts mails by their new status, and all of them as `claimed`; those that wait for parts stay fetched.
        """

    def give_back_outdated(self, account_id: int, rule_set_id: int, run: uuid.UUID | None = None) -> int:
        """Let the rules decide anew what waits to be filed, in an account in apply, as older rules said or a day ago.

        Not what a person decided, nor what was begun or tried before; return how many mails.
        """

    def claim_careful(self, account_id: int, limit: int, seconds: float, token: uuid.UUID) -> list[StoredEmail]:
        """Commit a claim before deciding, after a worker died.

        Rows of a dead claim are claimed alone, and failed when their attempts are used up.
        """

    def record_careful(
        self, token: uuid.UUID, decisions: Mapping[int, Decision], rule_set_id: int, run: uuid.UUID | None = None
    ) -> Mapping[str, int]: ...


class Parts(Protocol):
    """Parts that decisions hang on: each is wished once, and then known or unavailable."""

    def tidy(self, account_id: int, run: uuid.UUID | None = None) -> int:
        """Give up wishes that are hopeless, and return how many; erase excerpts that nobody needs any more."""

    def mailboxes(self, account_id: int) -> Sequence[WishedMailbox]:
        """The mailboxes that have wishes to try now."""

    def take(self, account_id: int, mailbox: WishedMailbox, limit: int) -> Sequence[PartsWish]:
        """Take some wishes, newest mail first, and count an attempt of each; empty when there is nothing to try now.

        What is neither put nor given back is tried again later, fewer together, and at last given up.
        """

    def give_back(self, account_id: int, wishes: Sequence[PartsWish]) -> None:
        """The attempt does not count; all wishes of the account wait a while."""

    def put(self, arrived: Sequence[ArrivedParts], run: uuid.UUID | None = None) -> None:
        """Store what came and what cannot be had; StaleClaim if one of these wishes is no more."""

    def postpone(self, account_id: int, mailbox: WishedMailbox) -> None:
        """Count an attempt of all that can be tried now in a mailbox which cannot be opened."""

    def refuse(self, account_id: int, mailbox: WishedMailbox, why: str, run: uuid.UUID | None = None) -> int:
        """Nothing can be had of a mailbox, as it was numbered; return how many wishes end."""


class Uncertain(Protocol):
    """Mail that no rule decides, while the language model is asked about it: claimed and recorded one by one."""

    def tidy(self, account_id: int, run: uuid.UUID | None = None) -> int:
        """End the claims of dead workers; return how many mails go to review, since each worker died of them."""

    def look(self, account_id: int, limit: int) -> Sequence[StoredEmail]:
        """Mail that can be asked about now, newest first; it is not claimed."""

    def wish(self, decisions: Mapping[int, Decision], lease: Lease | None = None) -> int:
        """Note the parts that these mails wait for from now on, each part once; return how many mails wait.

        Of mails claimed under a lease, or of nobody's: a claim ends where its mail waits, the others stay as they are.
        """

    def claim(self, email_id: int, lease: Lease) -> StoredEmail | None:
        """Claim a mail until the end of the lease and count an attempt; None: it is decided by now, or another's."""

    def record(
        self,
        account_id: int,
        lease: Lease,
        decisions: Mapping[int, Decision],
        rule_set_id: int,
        run: uuid.UUID | None = None,
    ) -> Mapping[str, int]:
        """Record decisions on claimed mail; the text of what is decided is forgotten. StaleClaim if one is not ours."""

    def give_back(self, lease: Lease, email_id: int, *, after_s: float = 0.0) -> None:
        """The attempt does not count; the mail may be claimed again after a while. StaleClaim if it is not ours."""

    def fail(self, account_id: int, lease: Lease, email_id: int, why: str, run: uuid.UUID | None = None) -> int:
        """The attempt came to nothing; return 1 where it was the last, so that the mail is in review now."""


class LanguageModel(Protocol):
    """A model that says which category a mail belongs to; its server may be down, busy, or without it."""

    def check(self, *, deadline: float) -> None:
        """Return when it can be asked. No mail is sent."""

    def classify(self, email: StoredEmail, categories: Iterable[Category], *, deadline: float) -> Verdict:
        """Return its verdict before the deadline; LlmFailed, BadAnswer or PromptTooLong may be the mail's own fault."""


class Judge(Protocol):
    """What is known by now about a mail that waits for the model: asked right before each call."""

    def known(self, email: StoredEmail) -> Decision:
        """The decision, if the model is not needed any more; uncertain where only the model can tell."""

    def margin(self, email: StoredEmail) -> float:
        """How nearly the mail is known; the model is asked first about what is known least."""


class RuleSets(Protocol):
    """Every rule set ever pushed."""

    def active(self) -> tuple[int, RuleSet]:
        """The active version's number and content; InvalidRules if none was pushed."""


class Actions(Protocol):
    """The action log: every effect is committed here before the server hears of it."""

    def claim(self, account_id: int, mailbox: str, limit: int, lease: Lease, run: uuid.UUID) -> list[ClaimedEmail]:
        """Pending mails of one mailbox become `applying` under the lease's token, their decided actions `planned`.

        Counts an attempt; a mail whose attempts are used up becomes `failed` instead. Mails tried before come first
        and few at a time, alone for their last attempt: where `attempts` is over 1, claim again for what is left.
        """

    def claim_undo(self, account_id: int, run: uuid.UUID | None, lease: Lease) -> list[ClaimedEmail]:
        """Claim what `run` applied, with reverse actions planned; with None, undos that were begun and not finished."""

    def copies_left(self, account_id: int, run: uuid.UUID) -> int:
        """How many copies `run` made, which no undo takes back: there is no delete."""

    def stale(self, account_id: int, lease: Lease) -> list[ClaimedEmail]:
        """Take over mails whose claim ran out (their worker died), with all their unfinished actions."""

    def advance(self, lease: Lease, steps: Sequence[ActionStep]) -> None:
        """Commit steps in the log; StaleClaim if any mail is not ours or any action not in its `was`."""

    def finish(self, lease: Lease, steps: Sequence[ActionStep], outcomes: Sequence[Outcome], run: uuid.UUID) -> None:
        """Commit last steps, the new filing and place of each mail, an event each; claims end here.

        An outcome of pending with `by` "dependency" gives the attempt back; with `by` "server" (it answered NO) the
        mail backs off, with jitter, before it is claimed again.
        """

    def give_back(self, lease: Lease) -> None:
        """A dependency failed while commands were open: the attempt does not count, the claim stays to its expiry."""

    def plan(self, account_id: int) -> list[tuple[str, str, str, int]]:
        """What waits to be done: (mailbox, kind, target, mails), the mailbox that waits longest first."""

    def hold_pending(self, account_id: int, mailbox: str, run: uuid.UUID) -> int:
        """The anomaly stop: pending moves of a mailbox become held; return their number."""

    def allowance(self, account_id: int) -> int:
        """How many mails the hourly cap still allows."""


class Store(Protocol):
    """PostgreSQL: one attribute per table group; one method is one transaction."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def emails(self) -> Emails: ...
    @property
    def parts(self) -> Parts: ...
    @property
    def uncertain(self) -> Uncertain: ...
    @property
    def rule_sets(self) -> RuleSets: ...
    @property
    def actions(self) -> Actions: ...


class OpenMailbox(Protocol):
    """Connect to an account's mail server; the session lives as long as the context."""

    def __call__(self, account: Account, lease_until: float) -> AbstractContextManager[MailSession]: ...
