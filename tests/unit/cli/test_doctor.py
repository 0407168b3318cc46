"""What the doctor finds on the machine and in the secret files, and how it says it."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from shared.chain.schedule import TriggerState
from shared.cli.doctor.check import Check, look
from shared.cli.doctor.machine import memory
from shared.cli.doctor.mail import ago
from shared.cli.doctor.optional import model_check, trigger_checks
from shared.cli.doctor.secrets import secret_checks
from shared.errors import DatabaseDown
from shared.llm.presence import ModelState
from shared.security.secret_files import FERNET_KEYS, POSTGRES_URL, SIGNING_KEY, SecretFiles
from shared.settings import Settings
from shared.timetable import Leader

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (900, (True, "")),
        (400, (True, "more than half in use")),
        (50, (False, "almost full: see what uses it, with `top -o %MEM`")),
    ],
)
def test_memory_is_judged_by_what_can_be_had(tmp_path: Path, free: int, expected: tuple[bool, str]) -> None:
    """More than a half is a note, more than nine tenths is not ok; what caches hold counts as free."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: {free} kB\n")

    check = memory(tmp_path / "meminfo")

    assert expected == (check.ok, check.hint)


@pytest.mark.parametrize("text", ["", "MemTotal: many kB\nMemAvailable: 1 kB\n", "MemTotal:\nMemAvailable:\n"])
def test_a_system_that_says_nothing_of_its_memory_is_no_fault(tmp_path: Path, text: str) -> None:
    """Not every system has this file, or these words in it."""
    (tmp_path / "meminfo").write_text(text)

    assert Check(check="memory", found="the system does not say") == memory(tmp_path / "meminfo")


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    SecretFiles(folder=tmp_path).create_missing()
    return tmp_path


def judged(check: str) -> Check:
    return next(one for one in secret_checks(Settings.from_environment()) if one.check == check)


def test_private_secrets_are_ok(secrets: Path) -> None:
    """Where PostgreSQL is may stand in a setting instead, so its secret is only looked at where it is there."""
    checks = secret_checks(Settings.from_environment())

    assert [("signing key", True), ("fernet keys", True)] == [(check.check, check.ok) for check in checks]


@pytest.mark.parametrize(
    ("name", "check"), [(SIGNING_KEY, "signing key"), (FERNET_KEYS, "fernet keys"), (POSTGRES_URL, "postgres url")]
)
def test_a_secret_that_others_can_read_is_not_ok(secrets: Path, name: str, check: str) -> None:
    """The command that mends it is said."""
    (secrets / name).touch()
    (secrets / name).chmod(0o640)

    found = judged(check)

    assert (False, f"chmod 600 {secrets / name}") == (found.ok, found.hint)


def test_a_missing_secret_is_not_ok(secrets: Path) -> None:
    """No function would take our calls."""
    (secrets / SIGNING_KEY).unlink()

    assert not judged("signing key").ok


def test_a_key_that_is_none_is_not_ok_and_not_shown(secrets: Path) -> None:
    """Passwords could not be opened; what stands in the file stays there."""
    (secrets / FERNET_KEYS).write_text("hush-hush")

    found = judged("fernet keys")

    assert not found.ok
    assert "hush" not in found.found + found.hint


def test_an_error_becomes_a_row() -> None:
    """The doctor goes on: an error is what it found."""

    def see() -> str:
        raise DatabaseDown("gone")

    assert Check(check="c", ok=False, found="gone", hint="h") == look("c", see, "h")


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        (dt.timedelta(seconds=59), "59 s ago"),
        (dt.timedelta(minutes=59), "59 min ago"),
        (dt.timedelta(hours=23), "23 h ago"),
        (dt.timedelta(days=400), "400 d ago"),
        (dt.timedelta(seconds=-5), "0 s ago"),
    ],
)
def test_ages_are_said_in_one_unit(past: dt.timedelta, expected: str) -> None:
    """A clock that is a little ahead does not make the past negative."""
    assert expected == ago(NOON - past, NOON)


LIVE = Leader(holder="host:1", lasts_s=20.0)
DEAD = Leader(holder="host:1", lasts_s=-90.0)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (TriggerState(leader=None, silent={}), [("trigger", True, True)]),
        (TriggerState(leader=LIVE, silent={}), [("trigger", True, False)]),
        (TriggerState(leader=DEAD, silent={}), [("trigger", False, True)]),
        (TriggerState(leader=LIVE, silent={"work": 4}), [("trigger", True, False), ("silent accounts", False, True)]),
    ],
)
def test_a_trigger_that_never_ran_is_a_note_and_one_that_died_a_fault(
    state: TriggerState, expected: list[tuple[str, bool, bool]]
) -> None:
    """Who syncs by hand needs none; whose trigger died gets no mail sorted, and has not noticed."""
    checks = trigger_checks(state, 10)

    assert expected == [(check.check, check.ok, bool(check.hint)) for check in checks]


MODEL = ModelState(url="http://127.0.0.1:11434", model="mistral", slots=2)


@pytest.mark.parametrize(
    ("state", "found", "hint"),
    [
        (replace(MODEL, fault="gone"), "not running: gone", "start Ollama; until then what no rule decides waits"),
        (
            replace(MODEL, fault="no", hint="ollama pull m"),
            "not running: no",
            "ollama pull m; until then what no rule decides waits",
        ),
        (
            replace(MODEL, version="1.0", is_installed=True),
            "mistral, loaded at the first call; Ollama 1.0 at http://127.0.0.1:11434",
            "",
        ),
    ],
)
def test_a_model_that_is_not_there_is_a_note(state: ModelState, found: str, hint: str) -> None:
    """The rules go on without it."""
    assert Check(check="language model", found=found, hint=hint) == model_check(state)
