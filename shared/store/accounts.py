"""Accounts as their owners configured them, and the pause that stops everything."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import DictRow

from shared.errors import Conflict, NotFound
from shared.records import Account, Mode, Tls
from shared.store.database import Database, Transaction
from shared.store.nearest import account_meant

MAX_ERROR_CHARACTERS = 500
MAX_ACTIONS_PER_HOUR = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """How an account is doing; `counts` are mails by status, and by filing as `filing:<name>`."""

    account: Account
    last_success_at: dt.datetime | None
    last_error: str | None
    consecutive_failures: int
    counts: Mapping[str, int]


class Accounts:
    """Rows of `accounts`, and the one row of `global_pause`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        *,
        name: str,
        host: str,
        port: int,
        tls: Tls,
        username: str,
        secret: bytes,
        mode: Mode = Mode.OBSERVE,
        mailboxes: Sequence[str] = ("INBOX",),
        max_actions_per_hour: int = MAX_ACTIONS_PER_HOUR,
        plaintext_allowed: bool = False,
        copy_without_expunge: bool = False,
        ca_file: str | None = None,
        provider: str | None = None,
        again: bool = True,
    ) -> Account:
        """Note a new account; `secret` comes encrypted. Conflict if the name is taken.

        Not `again`: Conflict too if another account reads the same user's mail on the same server.
        """
        with self._database.transaction() as transaction:
            transaction.run("take_registry")
            twin = None if again else transaction.value("same_mailbox", host=host, port=port, username=username)
            if twin is not None:
                raise _twin(twin)
            row = transaction.one(
                "create_account",
                name=name,
                host=host,
                port=port,
                tls=str(tls),
                username=username,
                secret=secret,
                mode=str(mode),
                mailboxes=_mailboxes(mailboxes),
                max_actions_per_hour=max_actions_per_hour,
                plaintext_allowed=plaintext_allowed,
                copy_without_expunge=copy_without_expunge,
                ca_file=ca_file,
                provider=provider,
            )
        if row is None:
            raise Conflict(f"there is an account {name!r} already")
        return _account(row)

    def refuse_twin(self, host: str, port: int, username: str) -> None:
        """Raise Conflict if an account reads the same user's mail on the same server."""
        with self._database.transaction() as transaction:
            twin = transaction.value("same_mailbox", host=host, port=port, username=username)
        if twin is not None:
            raise _twin(twin)

    def get(self, name: str) -> Account:
        """Return an account by name."""
        with self._database.transaction() as transaction:
            row = transaction.one("read_account", name=name)
            if row is None:
                raise NotFound("there is no such account", hint=account_meant(name, _names(transaction)))
        return _account(row)

    def list(self) -> list[Account]:
        """Return all accounts, by name."""
        with self._database.transaction() as transaction:
            return [_account(row) for row in transaction.all("list_accounts")]

    def secrets(self) -> Mapping[str, bytes]:
        """Return every account's sealed password, by the account's name."""
        with self._database.transaction() as transaction:
            return {row["name"]: row["secret"] for row in transaction.all("read_secrets")}

    def reseal(self, change: Callable[[bytes], bytes]) -> int:
        """Change all sealed passwords, or none: Conflict if somebody else changed one meanwhile; return how many."""
        with self._database.transaction() as transaction:
            rows = [(row["id"], row["secret"], change(row["secret"])) for row in transaction.all("read_secrets")]
            changed = [row for row in rows if row[1] != row[2]]
            ids, was, became = ([row[column] for row in changed] for column in range(3))
            if len(transaction.all("reseal", ids=ids, was=was, became=became)) != len(changed):
                raise Conflict("an account was changed or removed meanwhile; no password was sealed anew")
            return len(changed)

    def set_login(self, account: Account, provider: str | None = None) -> None:
        """Set where and how to log in to an account that exists; its mail and its decisions stay."""
        self._set(
            "set_login",
            account.id,
            host=account.host,
            port=account.port,
            tls=str(account.tls),
            username=account.username,
            secret=account.secret,
            ca_file=account.ca_file,
            plaintext_allowed=account.plaintext_allowed,
            provider=provider,
        )

    def set_mailboxes(self, account_id: int, mailboxes: Sequence[str]) -> None:
        """Set which mailboxes are read; what is known of others stays."""
        self._set("set_mailboxes", account_id, mailboxes=_mailboxes(mailboxes))

    def set_cap(self, account_id: int, max_actions_per_hour: int) -> None:
        """Set how many mails may be touched within an hour."""
        self._set("set_cap", account_id, max_actions_per_hour=max_actions_per_hour)

    def states(self) -> Sequence[AccountState]:
        """Return how each account is doing, by name."""
        with self._database.transaction() as transaction:
            counts: dict[int, Counter[str]] = {}
            for row in transaction.all("count_account_mails"):
                mails = counts.setdefault(row["account_id"], Counter())
                mails[row["status"]] += row["mails"]
                mails[f"filing:{row['filing']}"] += row["mails"]
            return [_state(row, counts.get(row["id"], {})) for row in transaction.all("list_accounts")]

    def set_mode(self, account_id: int, mode: Mode, *, approve: str | None = None, at_least: int = 0) -> int:
        """Set what the owner allows; return the number of moves approved with it.

        To `apply`, `approve` is `all` (what waits now, by number, and `at_least` so many: mail that was not read yet)
        or `new` (what waits or is held, and what the server received before now, read or not, is kept where it is).
        """
        approve = approve if mode is Mode.APPLY else None
        with self._database.transaction() as transaction:
            approved = 0
            if approve == "all":
                approved = max(at_least, int(transaction.value("count_waiting_moves", account_id=account_id)))
            how = {"mode": str(mode), "approve": approve, "approved_moves": approved}
            if not transaction.one("set_mode", account_id=account_id, **how):
                raise NotFound("there is no such account")
            if approve == "new":
                transaction.run("keep_waiting", account_id=account_id)
        return approved

    def waiting_moves(self, account_id: int) -> int:
        """Return how many mails wait to be moved: the number an owner approves."""
        with self._database.transaction() as transaction:
            return int(transaction.value("count_waiting_moves", account_id=account_id))

    def paused(self) -> bool:
        """Whether nothing at all of any account is carried out."""
        with self._database.transaction() as transaction:
            return bool(transaction.value("read_pause"))

    def pause(self) -> None:
        """Stop everything."""
        self._set_pause(paused=True)

    def resume(self) -> None:
        """End the pause."""
        self._set_pause(paused=False)

    def record_success(self, account_id: int) -> None:
        """Note that a sync went well."""
        with self._database.transaction(relaxed=True) as transaction:
            transaction.run("record_success", account_id=account_id)

    def record_failure(self, account_id: int, error: str) -> None:
        """Note why a sync failed."""
        with self._database.transaction() as transaction:
            transaction.run("record_failure", account_id=account_id, error=error[:MAX_ERROR_CHARACTERS])

    def delete(self, name: str) -> None:
        """Delete an account and all that is known of it, however long it takes; its mail server hears nothing."""
        with self._database.transaction() as transaction:
            transaction.run("take_all_time")
            if not transaction.one("delete_account", name=name):
                raise NotFound("there is no such account")
        self._database.give_space_back()

    def _set(self, query: str, account_id: int, **values: Any) -> None:
        with self._database.transaction() as transaction:
            if not transaction.one(query, account_id=account_id, **values):
                raise NotFound("there is no such account")

    def _set_pause(self, *, paused: bool) -> None:
        with self._database.transaction() as transaction:
            transaction.run("set_pause", paused=paused)


def _twin(name: str) -> Conflict:
    return Conflict(
        f"{name!r} reads the mail of this user on this server already",
        hint=f"more mailboxes for it: accounts mailboxes {name}; --again if two accounts are meant",
    )


def _mailboxes(names: Sequence[str]) -> list[str]:
    """Return each mailbox once, INBOX in capitals (RFC 9051 section 5.1)."""
    return list(dict.fromkeys("INBOX" if name.upper() == "INBOX" else name for name in names))


def _names(transaction: Transaction) -> list[str]:
    return [row["name"] for row in transaction.all("list_accounts")]


def _account(row: DictRow) -> Account:
    return Account(
        id=row["id"],
        name=row["name"],
        host=row["host"],
        port=row["port"],
        tls=Tls(row["tls"]),
        username=row["username"],
        secret=row["secret"],
        mode=Mode(row["mode"]),
        mailboxes=tuple(row["mailboxes"]),
        max_actions_per_hour=row["max_actions_per_hour"],
        approved_moves=row["approved_moves"],
        plaintext_allowed=row["plaintext_allowed"],
        copy_without_expunge=row["copy_without_expunge"],
        ca_file=row["ca_file"],
    )


def _state(row: DictRow, counts: Mapping[str, int]) -> AccountState:
    return AccountState(
        account=_account(row),
        last_success_at=row["last_success_at"],
        last_error=row["last_error"],
        consecutive_failures=row["consecutive_failures"],
        counts=dict(counts),
    )
