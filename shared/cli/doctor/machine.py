"""The machine: whether there is room for what is to be done."""

import os
import shutil
import sys
from pathlib import Path

from shared.cli.doctor.check import Check
from shared.settings import Settings

GIB = 1 << 30
FREE_BYTES_WANTED = GIB
BUSY_SHARE, FULL_SHARE, DISK_SHARE = 0.50, 0.90, 0.80
"""Of the design: memory and processors below a half on average; alerts at nine tenths of memory, eight of the disk."""
MEMINFO = Path("/proc/meminfo")


def machine_checks() -> list[Check]:
    """Look at what every machine has."""
    return [Check(check="python", found=sys.version.split()[0]), processor(), memory(MEMINFO)]


def processor() -> Check:
    """Compare the load of the last five minutes with the processors that there are."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        load = os.getloadavg()[1]
    except OSError:
        return Check(check="processor", found=f"{cores} cores; the system does not say how busy")
    hint = "" if load <= BUSY_SHARE * cores else "more than half busy over 5 minutes: normal in a first sync"
    return Check(check="processor", found=f"load {load:.1f} on {cores} cores over 5 minutes", hint=hint)


def memory(meminfo: Path) -> Check:
    """Say how much memory is in use: what PostgreSQL keeps as a cache can be taken back, and does not count."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines() if ":" in line)
        total, free = (int(lines[name].split()[0]) << 10 for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError, IndexError):
        return Check(check="memory", found="the system does not say")
    share = 1 - free / total
    found = f"{(total - free) / GIB:.1f} of {total / GIB:.1f} GiB in use ({share:.0%})"
    if share > FULL_SHARE:
        return Check(check="memory", ok=False, found=found, hint="almost full: see what uses it, with `top -o %MEM`")
    return Check(check="memory", found=found, hint="more than half in use" if share > BUSY_SHARE else "")


def disk(settings: Settings) -> Check:
    """Look at the disk of AGENT_HOME."""
    home = settings.places.home.absolute()
    try:
        place = next(folder for folder in (home, *home.parents) if folder.exists())
        usage = shutil.disk_usage(place)
    except OSError as error:
        found = f"{home}: {error.strerror}"
        return Check(check="disk", ok=False, found=found, hint="AGENT_HOME names a folder of yours")
    share = 1 - usage.free / usage.total
    found = f"{usage.free / GIB:.1f} GiB free ({share:.0%} in use)"
    if usage.free < FREE_BYTES_WANTED:
        return Check(check="disk", ok=False, found=found, hint=f"1 GiB wanted at {place}")
    return Check(check="disk", found=found, hint="more than 80 % in use" if share > DISK_SHARE else "")
