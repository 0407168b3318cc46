"""Settings: what they default to, and what is refused at start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import InvalidSettings
from shared.settings import REFUSED, ROOT, Settings

WINDOWS = ("ENABLE_PROGRESSIVE_SYNC", "INITIAL_SYNC_DAYS", "PROGRESSIVE_SYNC_DAYS")


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name in (
        "AGENT_HOME",
        "SECRETS_DIR",
        "DATABASE_URL",
        "AGENT_GATEWAY_URL",
        "CLAIM_TIMEOUT_S",
        *WINDOWS,
        *REFUSED,
    ):
        monkeypatch.delenv(name, raising=False)
    yield monkeypatch


def test_defaults_are_the_documented_ones() -> None:
    """Without any variable the agent works beside its code, against the embedded database."""
    settings = Settings.from_environment()

    assert (ROOT / "var", ROOT / "var" / "secrets") == (settings.places.home, settings.places.secrets_dir)
    assert "http://127.0.0.1:8080" == settings.places.gateway_url
    assert (90, 1000) == (settings.imap.timeout_s, settings.imap.chunk_mails)
    assert (4, 150, 300) == (settings.work.max_inflight, settings.work.deadline_s, settings.work.claim_timeout_s)
    assert settings.places.database_url is None


def test_values_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name of the contract reaches its field; an empty value counts as absent."""
    for name, value in {"AGENT_HOME": "/x", "SECRETS_DIR": "/s", "CLAIM_TIMEOUT_S": "0.1", "IMAP_TIMEOUT": ""}.items():
        monkeypatch.setenv(name, value)

    settings = Settings.from_environment()

    assert (Path("/x"), Path("/s"), 0.1, 90) == (
        settings.places.home,
        settings.places.secrets_dir,
        settings.work.claim_timeout_s,
        settings.imap.timeout_s,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMAP_TIMEOUT", "0"),
        ("IMAP_TIMEOUT", "soon"),
        ("CLAIM_TIMEOUT_S", "-1"),
        ("EMAIL_SYNC_BATCH_SIZE", "1.5"),
        ("MAX_CONCURRENT_CLASSIFICATIONS", "0"),
        ("AGENT_GATEWAY_URL", "gateway:8080"),
        ("CLASSIFICATION_STRATEGY", "magic"),
        ("RULES_FIRST", "perhaps"),
        ("EMAIL_SYNC_INTERVAL_MINUTES", "0"),
        ("MAX_EMAILS_PER_SYNC", "0"),
        ("INITIAL_SYNC_DAYS", "a month"),
        ("PROGRESSIVE_SYNC_DAYS", "90,180"),
        ("PROGRESSIVE_SYNC_DAYS", "90,60,all"),
        ("PROGRESSIVE_SYNC_DAYS", "20,all"),
    ],
)
def test_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A value out of range or of another kind is refused by the name of its variable."""
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidSettings, match=name):
        Settings.from_environment()


def test_first_window_must_leave_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first window wider than the default's second is refused, as one that is written down would be."""
    monkeypatch.setenv("INITIAL_SYNC_DAYS", "120")

    with pytest.raises(InvalidSettings, match="PROGRESSIVE_SYNC_DAYS"):
        Settings.from_environment()


@pytest.mark.parametrize(("switch", "windows"), [("true", (30, 90, 180, 365)), ("false", ())])
def test_windows_are_those_of_the_design(
    monkeypatch: pytest.MonkeyPatch, switch: str, windows: tuple[int, ...]
) -> None:
    """Switched on, 30 days come first, then 90, 180, 365 and all; switched off there is no window."""
    monkeypatch.setenv("ENABLE_PROGRESSIVE_SYNC", switch)

    assert windows == Settings.from_environment().progressive.windows_days


@pytest.mark.parametrize("name", REFUSED)
def test_name_without_a_feature_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A setting that would do nothing is refused, not ignored."""
    monkeypatch.setenv(name, "30")

    with pytest.raises(InvalidSettings, match=name):
        Settings.from_environment()


def test_feature_switched_off_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saying that an absent feature is off is true."""
    monkeypatch.setenv("ARM_OPTIMIZED", "false")

    assert Settings.from_environment()


def test_password_in_a_url_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's password does not reach a log through the settings' text."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hush-hush@h/d")

    assert "hush-hush" not in repr(Settings.from_environment())
