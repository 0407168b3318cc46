"""What the in-process commands meet in tests: accounts, rules and mails in memory, and a mail server that is none."""

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from shared.errors import LoginRefused, NotFound
from shared.records import Account, EmailRef, MailboxName, MailboxStatus, Mode, StoredEmail
from shared.rules.load import load_rules
from shared.rules.rule_set import RuleSet
from shared.status import Filing, Status
from shared.store.accounts import AccountState
from shared.store.history import EmailEvent, EmailHistory
from shared.timetable import Leader, Outlook, Timetable
from shared.wiring import Wiring

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass
class FakeAccounts:
    """Accounts in a list."""

    known: list[Account] = field(default_factory=list)
    is_paused: bool = False
    modes: list[tuple[Mode, str | None, int]] = field(default_factory=list)
    providers: list[str | None] = field(default_factory=list)

    def list(self) -> Sequence[Account]:
        return self.known

    def get(self, name: str) -> Account:
        found = [account for account in self.known if account.name == name]
        if not found:
            raise NotFound("there is no such account")
        return found[0]

    def create(self, *, provider: str | None, again: bool, **fields: Any) -> Account:
        self.providers.append(provider)
        made = Account(id=len(self.known) + 1, max_actions_per_hour=1, approved_moves=0, **fields)
        self.known.append(made)
        return made

    def refuse_twin(self, _host: str, _port: int, _username: str) -> None:
        return None

    def states(self) -> Sequence[AccountState]:
        return [
            AccountState(
                account=account, last_success_at=NOW, last_error=None, consecutive_failures=0, counts={"classified": 2}
            )
            for account in self.known
        ]

    def waiting_moves(self, _account_id: int) -> int:
        return 3

    def set_mode(self, account_id: int, mode: Mode, *, approve: str | None = None, at_least: int = 0) -> int:
        self.modes.append((mode, approve, at_least))
        self.known = [replace(a, mode=mode) if a.id == account_id else a for a in self.known]
        return max(at_least, 3) if approve == "all" else 0

    def delete(self, name: str) -> None:
        self.known.remove(self.get(name))

    def paused(self) -> bool:
        return self.is_paused

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False


@dataclass
class FakeRuleSets:
    """The versions that were pushed."""

    texts: list[str] = field(default_factory=list)

    def push(self, text: str, _digest: str) -> int:
        self.texts.append(text)
        return len(self.texts)

    def version(self, number: int) -> RuleSet:
        return load_rules(self.texts[number - 1])


class FakeEmails:
    """One mail that the one rule matched."""

    def get(self, mail: str) -> EmailHistory:
        if mail != "<m@x>":
            raise NotFound("there is no such mail")
        email = StoredEmail(
            id=7,
            account="work",
            mailbox="Shop",
            flags=frozenset({"\\Seen"}),
            internaldate=NOW,
            size=10,
            headers={"from": ["a@shop.example"], "subject": ["\x1b[31mred"]},
        )
        event = EmailEvent(
            at=NOW, what="status", was="fetched", became="classified", why="w", by="rule:shop", run=uuid.UUID(int=1)
        )
        return EmailHistory(
            email=email,
            message_id="<m@x>",
            ref=EmailRef(mailbox="Shop", uidvalidity=1, uid=2),
            defects=(),
            status=Status.CLASSIFIED,
            filing=Filing.APPLIED,
            category=None,
            decided_by="rule:shop",
            confidence=None,
            reason="rule shop",
            trace="t",
            rule_set_id=1,
            processing_time_ms=0.1,
            processed_at=NOW,
            attempts=1,
            events=(event,),
            actions=(),
        )


class FakeLeases:
    """Leases that nobody else wants."""

    @contextmanager
    def hold(self, _name: str, _holder: str, _seconds: float) -> Iterator[None]:
        yield


@dataclass
class FakeSchedule:
    """No trigger was ever here, unless a test says so."""

    led: Leader | None = None
    accounts: Sequence[Timetable] = ()

    def leader(self) -> Leader | None:
        return self.led

    def outlook(self, _interval_s: float) -> Outlook:
        return Outlook(at=NOW.timestamp(), accounts=self.accounts)


@dataclass
class FakeStore:
    """The store, in memory."""

    accounts: FakeAccounts = field(default_factory=FakeAccounts)
    rule_sets: FakeRuleSets = field(default_factory=FakeRuleSets)
    emails: FakeEmails = field(default_factory=FakeEmails)
    leases: FakeLeases = field(default_factory=FakeLeases)
    schedule: FakeSchedule = field(default_factory=FakeSchedule)


class FakeSession:
    """A mail server with one mailbox of 250 messages."""

    can_move = True
    can_uidplus = True

    def list_mailboxes(self) -> list[MailboxName]:
        return [MailboxName(name="INBOX", delimiter="/", attributes=frozenset())]

    def status(self, names: Sequence[str]) -> Mapping[str, MailboxStatus]:
        status = MailboxStatus(name="INBOX", uidvalidity=1, uidnext=251, messages=250)
        return {name: status for name in names if name == "INBOX"}

    def has(self, _capability: str) -> bool:
        return False


class FakeWiring(Wiring):
    """The real wiring with another store and another mail server."""

    store: Any = None

    @contextmanager
    def login(self, account: Account, password: str, lease_until: float) -> Iterator[Any]:
        if password != "right":
            raise LoginRefused("the server refuses the login")
        yield FakeSession()
