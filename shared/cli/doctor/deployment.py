"""The deployment: whether this is the machine, and the database, that the settings were written for."""

import platform
import re
from collections.abc import Mapping
from pathlib import Path

from shared.cli.doctor.check import Check
from shared.settings import ROOT, Platform, Settings
from shared.wiring import Wiring

CONF = ROOT / "config" / "postgresql-arm.conf"
LINE = re.compile(r"^(\w+) = (\S+)")
KINDS = {"aarch64": Platform.ARM64, "arm64": Platform.ARM64, "x86_64": Platform.AMD64, "amd64": Platform.AMD64}
SHOWN = 3


def platform_checks(settings: Settings, machine: str | None = None) -> list[Check]:
    """Compare the machine with PLATFORM, if that is set."""
    wanted, found = settings.deployment.platform, machine or platform.machine()
    if wanted is None:
        return []
    if KINDS.get(found.lower()) is wanted:
        return [Check(check="platform", found=f"{found}, as PLATFORM says")]
    hint = "these settings were written for another kind of machine: take PLATFORM out, or look through all of them"
    return [Check(check="platform", ok=False, found=f"PLATFORM={wanted}, but this machine is {found}", hint=hint)]


def tuning_checks(root: Wiring, conf: Path = CONF) -> list[Check]:
    """Compare the server with config/postgresql-arm.conf where ARM_OPTIMIZED says that it follows it."""
    if not root.settings.deployment.arm_optimized:
        return []
    try:
        wanted = conf_settings(conf.read_text(encoding="utf-8"))
    except OSError as error:
        return [
            Check(check="postgres settings", ok=False, found=f"{conf}: {error.strerror}", hint="ARM_OPTIMIZED=false")
        ]
    return [tuning_check(wanted, root.store.monitoring.settings(list(wanted)))]


def tuning_check(wanted: Mapping[str, str], found: Mapping[str, str | None]) -> Check:
    """Say which settings differ: mail is sorted all the same, only slower, so that is a note."""
    other = differences(wanted, found)
    if not other:
        return Check(check="postgres settings", found=f"all {len(wanted)} of config/{CONF.name}")
    more = [f"and {len(other) - SHOWN} more"] if len(other) > SHOWN else []
    hint = f"include config/{CONF.name} in postgresql.conf and restart it, or say ARM_OPTIMIZED=false"
    return Check(check="postgres settings", found="; ".join(other[:SHOWN] + more), hint=hint)


def differences(wanted: Mapping[str, str], found: Mapping[str, str | None]) -> list[str]:
    """Name each setting that the server does not have as wanted."""
    other = [name for name, value in wanted.items() if not _is_same(name, value, found.get(name))]
    return [f"{name} is {found.get(name)}, not {wanted[name]}" for name in other]


def conf_settings(text: str) -> dict[str, str]:
    """Read `name = value` lines; the values are written as PostgreSQL shows them."""
    return {match[1]: match[2] for match in map(LINE.match, text.splitlines()) if match}


def _is_same(name: str, wanted: str, found: str | None) -> bool:
    is_alias = (name, wanted, found) == ("wal_compression", "on", "pglz")  # its name for it since PostgreSQL 15
    return found == wanted or is_alias
