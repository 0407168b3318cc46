"""The composition root: builds the gateways from settings, once, when first needed; pings them for readiness."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import cache

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from shared.chain.schedule import TriggerState, state_of
from shared.discovery.servers import Names
from shared.errors import EmailAgentError, InvalidSettings
from shared.imap.mailbox import ImapSession, open_mailbox
from shared.llm.classifier import Classifier, RefusedModel
from shared.llm.ollama import Ollama, OllamaSettings
from shared.llm.presence import ModelState
from shared.llm.presence import state_of as model_state_of
from shared.llm.trial import Trial, try_out
from shared.pipeline.limits import Limits
from shared.pipeline.ports import LanguageModel, MailSession
from shared.records import Account
from shared.rules.load import load_rules
from shared.rules.rule_set import Category
from shared.security.rotation import KeyState, key_state
from shared.security.secret_files import POSTGRES_URL, SecretFiles
from shared.security.vault import Vault
from shared.settings import Settings
from shared.store import PostgresStore, migrate, open_store

MAX_ATTEMPTS = 3
MAX_PORT = 65535
QUICK_LOOK_S = 2.0
"""How long a command that only looks waits for the language model's server."""
STORED_RULES = "active rules"
"""How faults name rules that come from the store, not from a file."""


class Wiring:
    """Everything a function or a command needs, built from settings; close() gives it back."""

    def __init__(self, settings: Settings, *, database_url: str | None = None) -> None:
        self.settings = settings
        self.secrets = SecretFiles(folder=settings.places.secrets_dir)
        self._database_url = database_url
        self._store: PostgresStore | None = None
        self._model: LanguageModel | None = None
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
            windows_days=self.settings.progressive.windows_days,
            claim_timeout_s=self.settings.work.claim_timeout_s,
            imap_timeout_s=self.settings.imap.timeout_s,
            deadline_s=self.settings.work.deadline_s,
            rules_decide=self.settings.classification.rules_decide,
            asks_llm=self.settings.classification.asks_llm,
            llm_mails=self.settings.classification.batch_mails,
            llm_slots=min(self.settings.language_model.parallel, self.max_inflight),
            llm_timeout_s=self.settings.language_model.timeout_s,
        )

    @property
    def language_model(self) -> LanguageModel:
        """The language model: one in a process, because its breaker remembers. Nothing is sent yet."""
        with self._making:
            if self._model is None:
                try:
                    self._model = Classifier.at(self._ollama)
                except InvalidSettings as error:
                    self._model = RefusedModel(why=error)
            return self._model

    @property
    def _ollama(self) -> OllamaSettings:
        chosen = self.settings.language_model
        return OllamaSettings(url=chosen.url, model=chosen.model, answer_timeout_s=chosen.timeout_s)

    def llm_state(self) -> ModelState:
        """Look how the language model is doing, for a person; a server that is not there is no error."""
        settings = replace(self._ollama, connect_timeout_s=QUICK_LOOK_S)
        try:
            server = Ollama.at(settings)
        except InvalidSettings as error:
            return replace(self._unseen_model(server_url=settings.url), fault=error.detail, hint=error.hint)
        return model_state_of(server, self._unseen_model(server_url=server.wire.where))

    def try_language_model(self, categories: tuple[Category, ...]) -> Trial:
        """Ask the language model about mails that nobody wrote; raise its trouble."""
        return try_out(Ollama.at(self._ollama), categories, nonce=secrets.token_hex(4))

    def _unseen_model(self, *, server_url: str) -> ModelState:
        return ModelState(url=server_url, model=self.settings.language_model.model, slots=self.limits.llm_slots)

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
        return self.login(account, self.password_of(account), lease_until)

    def password_of(self, account: Account) -> str:
        """Open an account's stored password, also if it was sealed with a new key since the account was read."""
        sealed, vault = account.secret, self.vault
        while not vault.opens(sealed):
            stored = self.store.accounts.get(account.name).secret
            if stored == sealed:  # no rotation went on: the keys are others
                break
            sealed, vault = stored, self.vault
        return vault.open(sealed)

    def key_state(self) -> KeyState:
        """Say whether the keys open every stored password, and whether a rotation waits to be finished."""
        return key_state(self.secrets, self.store.accounts)

    def login(self, account: Account, password: str, lease_until: float) -> AbstractContextManager[ImapSession]:
        """Connect to an account's mail server with this password."""
        return open_mailbox(account, password, timeout_s=self.settings.imap.timeout_s, lease_until=lease_until)

    @property
    def names(self) -> Names:
        """Who is asked where a domain's mail server is."""
        from shared.discovery.dns import Dns  # noqa: PLC0415 - only `accounts add` asks; the functions start without

        return Dns()

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

    def trigger_state(self) -> TriggerState:
        """Say who leads the triggers, and which accounts are silent for how many slots."""
        schedule = self.store.schedule
        return state_of(schedule.leader(), schedule.outlook(self.settings.trigger.interval_s))

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
