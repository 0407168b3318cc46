"""What the doctor says of a machine or a database that the settings were not written for."""

from pathlib import Path

import pytest

from shared.cli.doctor.check import Check
from shared.cli.doctor.deployment import CONF, conf_settings, platform_checks, tuning_check
from shared.settings import Settings


@pytest.mark.parametrize(
    ("setting", "machine", "expected"),
    [
        ("", "x86_64", []),
        ("arm64", "aarch64", [True]),
        ("arm64", "arm64", [True]),
        ("amd64", "x86_64", [True]),
        ("amd64", "AMD64", [True]),
        ("arm64", "x86_64", [False]),
        ("amd64", "aarch64", [False]),
        ("arm64", "riscv64", [False]),
    ],
)
def test_machine_is_compared_with_platform(
    monkeypatch: pytest.MonkeyPatch, setting: str, machine: str, expected: list[bool]
) -> None:
    """Settings for another kind of machine are a fault, by whatever word the system calls it; without PLATFORM none."""
    monkeypatch.setenv("PLATFORM", setting)

    assert expected == [check.ok for check in platform_checks(Settings.from_environment(), machine)]


def test_fault_names_both_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault says what was wanted and what is there."""
    monkeypatch.setenv("PLATFORM", "arm64")

    (check,) = platform_checks(Settings.from_environment(), "x86_64")

    assert "PLATFORM=arm64, but this machine is x86_64" == check.found


WANTED = {"shared_buffers": "2GB", "jit": "off", "max_connections": "60", "wal_compression": "on"}


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"wal_compression": "pglz"},  # PostgreSQL 15 and newer
    ],
)
def test_server_that_follows_the_file(shown: dict[str, str]) -> None:
    """What PostgreSQL calls the same by another word is the same."""

    assert Check(check="postgres settings", found=f"all 4 of config/{CONF.name}") == tuning_check(
        WANTED, WANTED | shown
    )


def test_server_with_other_values() -> None:
    """Each difference is named, the first three of them, and what to do; mail is sorted all the same."""
    shown = {"shared_buffers": "128MB", "jit": "on", "max_connections": "100"}

    check = tuning_check(WANTED, shown)

    assert check.ok
    assert (
        "shared_buffers is 128MB, not 2GB; jit is on, not off; max_connections is 100, not 60; and 1 more"
        == check.found
    )
    assert "postgresql.conf" in check.hint


def test_settings_are_read_from_the_file(tmp_path: Path) -> None:
    """Reasons, headings and blank lines are no settings."""
    (tmp_path / "conf").write_text("# -- memory\n\nwork_mem = 64MB   # per sort = few\njit = off\n")

    assert {"work_mem": "64MB", "jit": "off"} == conf_settings((tmp_path / "conf").read_text())
