"""Where commands find the database, and what they say of places that cannot be used."""

import os
from pathlib import Path

import pytest

from shared.cli.app import main
from shared.cli.stack import only_one_up, private_home
from shared.errors import InvalidSettings
from shared.settings import Settings


@pytest.fixture
def unusable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE_URL", "SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "file").write_text("not a folder")
    home = tmp_path / "file" / "home"
    monkeypatch.setenv("AGENT_HOME", str(home))
    return home


def test_a_home_that_cannot_be_made_is_named(unusable: Path) -> None:
    """AGENT_HOME below a file is a wrong setting, not a fault of the program."""
    with pytest.raises(InvalidSettings, match=str(unusable)):
        private_home(Settings.from_environment())


def test_a_home_that_leads_in_a_circle_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that lead to each other are no folder."""
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    monkeypatch.setenv("AGENT_HOME", str(tmp_path / "circle"))

    with pytest.raises(InvalidSettings, match="AGENT_HOME"):
        private_home(Settings.from_environment())


def test_a_home_that_is_no_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose name is not UTF-8 is refused, before PostgreSQL stumbles over it."""
    monkeypatch.setenv("AGENT_HOME", f"{tmp_path}/\udcff")

    with pytest.raises(InvalidSettings, match=r"AGENT_HOME .*udcff"):
        private_home(Settings.from_environment())

    assert [] == list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_of_somebody_else_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be written to is no home."""
    tmp_path.chmod(0o500)
    monkeypatch.setenv("AGENT_HOME", str(tmp_path))

    with pytest.raises(InvalidSettings, match="AGENT_HOME"):
        private_home(Settings.from_environment())


def test_a_lock_that_cannot_be_opened_names_the_home(tmp_path: Path) -> None:
    """What lies in the way of a lock file is said with the folder's name."""
    (tmp_path / "up.lock").mkdir()

    with pytest.raises(InvalidSettings, match="AGENT_HOME"), only_one_up(tmp_path):
        pass


@pytest.mark.parametrize("words", [["status"], ["up"], ["doctor"]])
def test_an_unusable_home_ends_a_command_orderly(
    unusable: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Exit code 3 and the folder's name (doctor: 1, in its list), never a stack."""
    with pytest.raises(SystemExit) as left:
        main(words)

    out, err = capsys.readouterr()
    assert (1 if words == ["doctor"] else 3) == left.value.code
    assert str(unusable) in out + err


@pytest.mark.parametrize(
    "url",
    [
        "nonsense hush-hush",
        "postgresql://u:hush-hush@h:port/d",
        "postgresql://u:hush-hush@h:0/d",
        "postgresql://u:hush-hush@h:65536/d",
        "postgresql://u:hush-hush@h:1,i:x/d",
        "postgresql://u:hush-hush@[h/d",
        "mysql://u:hush-hush@h/d",
        "host=h password=hush-hush colour=red",
    ],
)
def test_a_database_url_that_is_none_is_named(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 3 and the variable's name; its value is not shown, because it may hold a password."""
    monkeypatch.setenv("AGENT_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(SystemExit) as left:
        main(["status"])

    out, err = capsys.readouterr()
    assert (3, "") == (left.value.code, out)
    assert "DATABASE_URL" in err
    assert "hush-hush" not in err


def test_a_secret_that_is_no_url_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong URL in the secret file is told by the file's name."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    (tmp_path / "postgres-url").write_text("hush-hush")

    with pytest.raises(SystemExit) as left:
        main(["status"])

    err = capsys.readouterr().err
    assert (3, True, False) == (left.value.code, "postgres-url" in err, "hush-hush" in err)
