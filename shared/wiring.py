"""The composition root: builds the gateways from settings, once, when first needed; pings them for readiness."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from shared.errors import EmailAgentError, InvalidSettings
from shared.imap.mailbox import open_mailbox
from shared.pipeline.limits import Limits
from shared.pipeline.ports import MailSession
from shared.records import Account
from shared.rules.load import load_rules
from shared.security.secret_files import POSTGRES_URL, SecretFiles
from shared.security.vault import Vault
from shared.settings import Settings
from shared.store import PostgresStore, migrate, open_store

MAX_ATTEMPTS = 3
MAX_PORT = 65535
STORED_RULES = "active rules"
"""How faults name rules that come from the store, not from a file."""


class Wiring:
    """Everything a function or a command needs, built from settings; close() gives it back."""

    def __init__(self, settings: Settings, *, database_url: str | None = None) -> None:
        self.settings = settings
        self.secrets = SecretFiles(folder=settings.places.secrets_dir)
        self._database_url = database_url
        self._store: PostgresStore | None = None
        self._open = ExitStack()
        self._making = threading.Lock()

    @property
    def signing_key(self) -> bytes:
        """The key that signs calls to the functions."""
        return self.secrets.signing_key()

    @property
    def max_inflight(self) -> int:
        """How many calls a function takes at once."""
        return self.settings.work.max_inflight

    @property
    def vault(self) -> Vault:
        """What opens and seals account passwords."""
        return Vault(self.secrets.fernet_keys())

    @property
    def limits(self) -> Limits:
        """Bounds of one call."""
        return Limits(
            chunk_mails=self.settings.imap.chunk_mails,
            claim_timeout_s=self.settings.work.claim_timeout_s,
            imap_timeout_s=self.settings.imap.timeout_s,
            deadline_s=self.settings.work.deadline_s,
        )

    @property
    def store(self) -> PostgresStore:
        """PostgreSQL, opened when first asked for; a failed attempt is made again by the next who asks."""
        with self._making:
            if self._store is None:
                url = self.database_url()
                migrate(url)
                self._store = self._open.enter_context(
                    open_store(
                        url,
                        takeover_grace_s=self.settings.imap.timeout_s,
                        claim_timeout_s=self.settings.work.claim_timeout_s,
                        max_attempts=MAX_ATTEMPTS,
                        pool_size=self.max_inflight + 1,
                        parse=lambda text: load_rules(text, STORED_RULES),
                    )
                )
            return self._store

    def database_url(self) -> str:
        """Where PostgreSQL is: as given, from DATABASE_URL, or from the secret file."""
        setting = self.settings.places.database_url
        url = self._database_url or (setting.get_secret_value() if setting else self.secrets.postgres_url())
        if not url:
            raise InvalidSettings("DATABASE_URL is not set, and there is no secret 'postgres-url'")
        _refuse_nonsense(url, "DATABASE_URL" if self._database_url or setting else f"secret {POSTGRES_URL!r}")
        return url

    def open_mailbox(self, account: Account, lease_until: float) -> AbstractContextManager[MailSession]:
        """Connect to an account's mail server with its stored password."""
        return self.login(account, self.vault.open(account.secret), lease_until)

    def login(self, account: Account, password: str, lease_until: float) -> AbstractContextManager[MailSession]:
        """Connect to an account's mail server with this password."""
        return open_mailbox(account, password, timeout_s=self.settings.imap.timeout_s, lease_until=lease_until)

    def ready(self) -> dict[str, str]:
        """Ping what the functions need; the answer per need is `ok` or one sentence."""
        needs = {}
        for name, ping in (("secrets", self._ping_secrets), ("postgres", self._ping_postgres)):
            try:
                ping()
                needs[name] = "ok"
            except EmailAgentError as error:
                needs[name] = error.detail
        return needs

    def _ping_secrets(self) -> None:
        if not (self.signing_key and self.vault):
            raise InvalidSettings

    def _ping_postgres(self) -> None:
        self.store.ping()

    def close(self) -> None:
        """Close what was opened."""
        with self._making:
            self._store = None
            self._open.close()


def _refuse_nonsense(url: str, name: str) -> None:
    """Raise InvalidSettings naming the source of an URL that libpq cannot read; the URL itself may hold a password."""
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        raise InvalidSettings(f"{name} is no PostgreSQL URL: postgresql://user:password@host:port/database") from None
    for port in filter(None, str(parts.get("port") or "").split(",")):
        if not (port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT):
            raise InvalidSettings(f"{name}: the port must be a number from 1 to {MAX_PORT}")


@cache
def _from_environment() -> Wiring:
    return Wiring(Settings.from_environment())


_current: list[Wiring] = []


def installed() -> Wiring | None:
    """Return the wiring that somebody put in place with wired(), if any."""
    return _current[-1] if _current else None


def wiring() -> Wiring:
    """Return the process's wiring; made from the environment at the first call, where a bad setting fails."""
    return installed() or _from_environment()


@contextmanager
def wired(root: Wiring) -> Iterator[Wiring]:
    """Make `root` the process's wiring for as long as the context lasts."""
    _current.append(root)
    try:
        yield root
    finally:
        _current.remove(root)
        root.close()
