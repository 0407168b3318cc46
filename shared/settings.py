"""Settings: small frozen groups, read from the environment once; a bad value fails at start and names itself."""

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import InvalidSettings

ROOT = Path(__file__).resolve().parent.parent
"""Where the code lies: the repository, or the function's folder in an image."""

OFF = frozenset({"", "0", "false", "no", "off"})

REFUSED = {
    "CELERY_WORKERS": "there is no Celery here: see MAX_CONCURRENT_CLASSIFICATIONS",
    "CELERY_WORKER_CONCURRENCY": "there is no Celery here: see MAX_CONCURRENT_CLASSIFICATIONS",
}
"""Names that this program knows and has no use for: refused, because a setting that does nothing misleads."""

MAX_DAYS = 9_999
DAYS_THEN_ALL = r"^ *(\d{1,4} *, *)*all *$"
"""Days, and `all` at the end: in the end all mail is read."""

OLLAMA_PORT = "11434"
PORT = re.compile(r":(\d+)$")
EVERYWHERE = frozenset({"", "0.0.0.0"})  # noqa: S104 - where a server listens is not where it is reached


class Strategy(StrEnum):
    """Who classifies: the rules alone, the rules and then the language model, or the model alone."""

    HYBRID = "hybrid"
    RULES = "rules"
    LLM = "llm"


class Platform(StrEnum):
    """Kinds of machine, by the words that container images use."""

    ARM64 = "arm64"
    AMD64 = "amd64"


class Group(BaseSettings):
    """What all groups share: frozen, read from the environment, empty means absent."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)


class Places(Group):
    """Where things are: folders, the database and the gateway."""

    home: Annotated[Path, Field(validation_alias="AGENT_HOME")] = ROOT / "var"
    """Folder of the embedded PostgreSQL and, unless `SECRETS_DIR` says otherwise, of the secrets."""
    secrets_dir_or_none: Annotated[Path | None, Field(validation_alias="SECRETS_DIR")] = None
    """Folder of the secret files; without it `secrets` in AGENT_HOME."""
    database_url: Annotated[SecretStr | None, Field(validation_alias="DATABASE_URL")] = None
    """PostgreSQL 14 or newer, its password in the secret `postgres-url` instead; without either the embedded one."""
    gateway_url: Annotated[str, Field(validation_alias="AGENT_GATEWAY_URL", pattern=r"^https?://[^/]+")] = (
        "http://127.0.0.1:8080"
    )
    """Where the functions are called."""

    @property
    def secrets_dir(self) -> Path:
        """The folder of the secret files."""
        return self.secrets_dir_or_none or self.home / "secrets"


class Imap(Group):
    """How mail is read and filed."""

    timeout_s: Annotated[float, Field(validation_alias="IMAP_TIMEOUT", gt=0, le=600)] = 90.0
    """Seconds that a mail server may take for one answer."""
    chunk_mails: Annotated[int, Field(validation_alias="EMAIL_SYNC_BATCH_SIZE", ge=1, le=10_000)] = 1000
    """Mails that are read with one FETCH, and committed together."""


class Work(Group):
    """How long and how much a function works at once."""

    max_inflight: Annotated[int, Field(validation_alias="MAX_CONCURRENT_CLASSIFICATIONS", ge=1, le=64)] = 4
    """Calls that one process of a function takes at once; one more is answered 429."""
    deadline_s: Annotated[float, Field(validation_alias="CLASSIFICATION_TIMEOUT", gt=0, le=3600)] = 150.0
    """Seconds after which a call starts nothing more, gives back the rest, and says `more`."""
    claim_timeout_s: Annotated[float, Field(validation_alias="CLAIM_TIMEOUT_S", gt=0, le=86_400)] = 300.0
    """Seconds that a lease or claim lasts unless renewed: how long a dead worker holds up its mails."""


class Classification(Group):
    """Who classifies, and in which order."""

    strategy: Annotated[Strategy, Field(validation_alias="CLASSIFICATION_STRATEGY")] = Strategy.HYBRID
    """The rules, and the language model for what they leave; the rules alone; or the model for everything."""
    rules_first: Annotated[bool | None, Field(validation_alias="RULES_FIRST")] = None
    """What the strategy says already: a word against it is refused."""
    ai_only_for_uncertain: Annotated[bool | None, Field(validation_alias="AI_ONLY_FOR_UNCERTAIN")] = None
    """The same: what the strategy says already, else refused."""
    batch_mails: Annotated[int, Field(validation_alias="CLASSIFICATION_BATCH_SIZE", ge=1, le=10_000)] = 100
    """Mails that one call of classify-llm takes at most; its deadline bounds it too."""

    @property
    def rules_decide(self) -> bool:
        """Whether rules decide what they can."""
        return self.strategy is not Strategy.LLM

    @property
    def asks_llm(self) -> bool:
        """Whether the language model is asked about what is left."""
        return self.strategy is not Strategy.RULES


class LanguageModel(Group):
    """Where the language model's server is, which model, and how much it may be asked at once."""

    host: Annotated[
        str, Field(validation_alias="OLLAMA_HOST", pattern=r"^(https?://)?[^\s/]*(:\d{1,5})?/?$", repr=False)
    ] = "http://127.0.0.1:11434"
    """Where the language model's server answers; `host:port` is understood as Ollama's own programs do."""
    model: Annotated[str, Field(validation_alias="OLLAMA_MODEL", pattern=r"^\S{1,200}$")] = "mistral:7b-instruct-q4_0"
    """The model that is asked, by its name in `ollama list`."""
    timeout_s: Annotated[float, Field(validation_alias="OLLAMA_TIMEOUT", gt=0, le=3600)] = 150.0
    """Seconds that the language model may take for one mail."""
    parallel: Annotated[int, Field(validation_alias="OLLAMA_NUM_PARALLEL", ge=1, le=64)] = 2
    """Mails that are asked about at once, by all workers together: what the server's own setting says."""

    @property
    def url(self) -> str:
        """The server's URL; like Ollama's own programs, a bare `host:port`, `host` or `:port` is understood."""
        scheme, _, rest = self.host.rstrip("/").rpartition("://")
        login, at, place = rest.rpartition("@")
        name, port = place, "" if scheme else OLLAMA_PORT
        if match := PORT.search(place):
            name, port = place[: match.start()], match[1]
        name = "127.0.0.1" if name in EVERYWHERE else name
        return f"{scheme or 'http'}://{login}{at}{name}{':' if port else ''}{port}"


class Trigger(Group):
    """How often the trigger syncs an account, and how much at once."""

    interval_minutes: Annotated[int, Field(validation_alias="EMAIL_SYNC_INTERVAL_MINUTES", ge=1, le=10_080)] = 10
    """Minutes between two syncs of an account that has no interval of its own (`accounts interval`)."""
    max_mails: Annotated[int, Field(validation_alias="MAX_EMAILS_PER_SYNC", ge=1, le=100_000)] = 2000
    """New mails that one sync of the trigger reads at most; a sync by hand has its `--limit`."""

    @property
    def interval_s(self) -> float:
        """The interval of accounts that have none of their own."""
        return self.interval_minutes * 60.0


class Progressive(Group):
    """How far back a mailbox is read at first, and how far in the syncs that follow."""

    is_on: Annotated[bool, Field(validation_alias="ENABLE_PROGRESSIVE_SYNC")] = False
    """Read recent mail first, and older mail in later syncs: the windows below."""
    initial_days: Annotated[int, Field(validation_alias="INITIAL_SYNC_DAYS", ge=1, le=MAX_DAYS)] = 30
    """The first window of a mailbox: mail that the server received in so many days."""
    then_days: Annotated[str, Field(validation_alias="PROGRESSIVE_SYNC_DAYS", pattern=DAYS_THEN_ALL)] = "90,180,365,all"
    """The windows after it, one in each later sync; `all` ends the list."""

    @property
    def all_days(self) -> tuple[int, ...]:
        """All windows that are named, in days."""
        return (self.initial_days, *(int(word) for word in self.then_days.split(",")[:-1]))

    @property
    def windows_days(self) -> tuple[int, ...]:
        """The windows in days, each wider than the one before; what comes after them is all mail. Empty: no window."""
        return self.all_days if self.is_on else ()


class Deployment(Group):
    """What the doctor compares the machine and the database with."""

    platform: Annotated[Platform | None, Field(validation_alias="PLATFORM")] = None
    """The kind of machine that these settings are for; `doctor` says where it is another one."""
    arm_optimized: Annotated[bool, Field(validation_alias="ARM_OPTIMIZED")] = False
    """PostgreSQL has the values of config/postgresql-arm.conf; `doctor` says which it has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, by group."""

    places: Places
    imap: Imap
    work: Work
    trigger: Trigger
    progressive: Progressive
    classification: Classification
    language_model: LanguageModel
    deployment: Deployment

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment; raise InvalidSettings naming the first variable that is wrong."""
        _refuse_what_has_no_effect()
        try:
            settings = cls(
                places=Places(),
                imap=Imap(),
                work=Work(),
                trigger=Trigger(),
                progressive=Progressive(),
                classification=Classification(),
                language_model=LanguageModel(),
                deployment=Deployment(),
            )
        except ValidationError as error:
            fault = error.errors(include_input=False, include_url=False)[0]
            name = ".".join(str(part) for part in fault["loc"])
            raise InvalidSettings(f"{name}: {fault['msg']}") from None  # the cause may quote a password
        _refuse_senseless_strategy(settings.classification)
        _refuse_windows_that_do_not_grow(settings.progressive)
        return settings


def _refuse_what_has_no_effect() -> None:
    for name, reason in REFUSED.items():
        if os.environ.get(name, "").strip().lower() not in OFF:
            raise InvalidSettings(f"{name} has no effect ({reason}): remove it")


def _refuse_senseless_strategy(chosen: Classification) -> None:
    """Refuse a switch that says the opposite of the strategy; one that is not set means what the strategy means."""
    switches = {"RULES_FIRST": chosen.rules_first, "AI_ONLY_FOR_UNCERTAIN": chosen.ai_only_for_uncertain}
    says = "rules go first" if chosen.rules_decide else "the language model decides all mail"
    for name, is_on in switches.items():
        if is_on not in (None, chosen.rules_decide):
            word = str(is_on).lower()
            raise InvalidSettings(f"{name}={word} contradicts CLASSIFICATION_STRATEGY={chosen.strategy}: {says}")


def _refuse_windows_that_do_not_grow(chosen: Progressive) -> None:
    if any(later <= earlier for earlier, later in pairwise(chosen.all_days)):
        raise InvalidSettings(
            "PROGRESSIVE_SYNC_DAYS: each must be more days than the one before, INITIAL_SYNC_DAYS first"
        )
