"""Settings: small frozen groups, read from the environment once; a bad value fails at start and names itself."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import InvalidSettings

ROOT = Path(__file__).resolve().parent.parent
"""Where the code lies: the repository, or the function's folder in an image."""

OFF = frozenset({"", "0", "false", "no", "off"})

NOT_YET = {
    "ARM_OPTIMIZED": "it belongs to the deployment on a virtual machine",
    "PLATFORM": "it belongs to the deployment on a virtual machine",
    "OLLAMA_TIMEOUT": "it belongs to the language model",
    "CLASSIFICATION_BATCH_SIZE": "it bounds the language model's slices",
    "EMAIL_SYNC_INTERVAL_MINUTES": "it belongs to the scheduled trigger",
    "MAX_EMAILS_PER_SYNC": "it bounds the scheduled trigger's syncs",
    "ENABLE_PROGRESSIVE_SYNC": "it belongs to progressive sync",
    "INITIAL_SYNC_DAYS": "it belongs to progressive sync",
    "PROGRESSIVE_SYNC_DAYS": "it belongs to progressive sync",
}
"""Names of the design whose feature does not exist yet: refused, because a setting that does nothing misleads."""


class Strategy(StrEnum):
    """Who classifies: the rules alone, the rules and then the language model, or the model alone."""

    HYBRID = "hybrid"
    RULES = "rules"
    LLM = "llm"


class Group(BaseSettings):
    """What all groups share: frozen, read from the environment, empty means absent."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)


class Places(Group):
    """Where things are: folders, the database and the gateway."""

    home: Annotated[Path, Field(validation_alias="AGENT_HOME")] = ROOT / "var"
    secrets_dir_or_none: Annotated[Path | None, Field(validation_alias="SECRETS_DIR")] = None
    database_url: Annotated[SecretStr | None, Field(validation_alias="DATABASE_URL")] = None
    gateway_url: Annotated[str, Field(validation_alias="AGENT_GATEWAY_URL", pattern=r"^https?://[^/]+")] = (
        "http://127.0.0.1:8080"
    )

    @property
    def secrets_dir(self) -> Path:
        """The folder of the secret files."""
        return self.secrets_dir_or_none or self.home / "secrets"


class Imap(Group):
    """How mail is read and filed."""

    timeout_s: Annotated[float, Field(validation_alias="IMAP_TIMEOUT", gt=0, le=600)] = 90.0
    chunk_mails: Annotated[int, Field(validation_alias="EMAIL_SYNC_BATCH_SIZE", ge=1, le=10_000)] = 1000


class Work(Group):
    """How long and how much a function works at once."""

    max_inflight: Annotated[int, Field(validation_alias="MAX_CONCURRENT_CLASSIFICATIONS", ge=1, le=64)] = 4
    deadline_s: Annotated[float, Field(validation_alias="CLASSIFICATION_TIMEOUT", gt=0, le=3600)] = 150.0
    claim_timeout_s: Annotated[float, Field(validation_alias="CLAIM_TIMEOUT_S", gt=0, le=86_400)] = 300.0


class Classification(Group):
    """Who classifies, and in which order."""

    strategy: Annotated[Strategy, Field(validation_alias="CLASSIFICATION_STRATEGY")] = Strategy.HYBRID
    rules_first: Annotated[bool, Field(validation_alias="RULES_FIRST")] = True
    ai_only_for_uncertain: Annotated[bool, Field(validation_alias="AI_ONLY_FOR_UNCERTAIN")] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, by group."""

    places: Places
    imap: Imap
    work: Work
    classification: Classification

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment; raise InvalidSettings naming the first variable that is wrong."""
        _refuse_what_does_not_exist_yet()
        try:
            settings = cls(places=Places(), imap=Imap(), work=Work(), classification=Classification())
        except ValidationError as error:
            fault = error.errors(include_input=False, include_url=False)[0]
            name = ".".join(str(part) for part in fault["loc"])
            raise InvalidSettings(f"{name}: {fault['msg']}") from None  # the cause may quote a password
        _refuse_senseless_strategy(settings.classification)
        return settings


def _refuse_what_does_not_exist_yet() -> None:
    for name, reason in NOT_YET.items():
        if os.environ.get(name, "").strip().lower() not in OFF:
            raise InvalidSettings(f"{name} has no effect in this version ({reason}): remove it")


def _refuse_senseless_strategy(chosen: Classification) -> None:
    if chosen.strategy is Strategy.LLM:
        raise InvalidSettings("CLASSIFICATION_STRATEGY=llm has no effect in this version: use hybrid or rules")
    switches = {"RULES_FIRST": chosen.rules_first, "AI_ONLY_FOR_UNCERTAIN": chosen.ai_only_for_uncertain}
    for name, is_on in switches.items():
        if not is_on:
            raise InvalidSettings(f"{name}=false contradicts CLASSIFICATION_STRATEGY={chosen.strategy}: rules go first")
