"""What `up` hands to the functions."""

from pathlib import Path

import pytest

from shared.cli.up import server_environment
from shared.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("DATABASE_URL", "SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AGENT_HOME", "home")
    return Settings.from_environment()


def test_secrets_are_named_by_their_folder(settings: Settings, tmp_path: Path) -> None:
    """The functions, which run in another folder, are told where the secrets lie, and none of them."""
    environment = server_environment(settings, None)

    assert str(tmp_path / "home" / "secrets") == environment["SECRETS_DIR"]
    assert "DATABASE_URL" not in environment


def test_the_embedded_database_is_named(settings: Settings) -> None:
    """Its URL is a socket of this user, without a password."""
    url = "postgresql://email_agent@/postgres?host=%2Fhome"

    assert url == server_environment(settings, url)["DATABASE_URL"]
