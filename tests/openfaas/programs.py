"""The real programs that these tests run, and what to say where one of them is missing."""

import os
import shutil
from pathlib import Path

PATHS = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin:/lib/systemd"
POSTGRES = Path("/usr/lib/postgresql/15/bin")
PROGRAMS = {
    "faasd": "faasd 0.19.0 at /usr/local/bin, where containerd's shims start it to collect logs",
    "gateway": "the gateway of OpenFaaS, 0.27",
    "faas-cli": "faas-cli",
    "of-watchdog": "of-watchdog",
    "containerd": "Debian: containerd",
    "ctr": "Debian: containerd",
    "runc": "Debian: runc",
    "buildah": "Debian: buildah",
    "debootstrap": "Debian: debootstrap",
    "iptables": "Debian: iptables",
    "ip": "Debian: iproute2",
    "unshare": "Debian: util-linux",
    "setpriv": "Debian: util-linux",
    "nsenter": "Debian: util-linux",
    "pgrep": "Debian: procps",
    "curl": "Debian: curl",
    "systemd-journald": "Debian: systemd",
    "journalctl": "Debian: systemd",
    "dovecot": "Debian: dovecot-imapd",
}
FILES = {
    Path("/usr/lib/cni/bridge"): "Debian: containernetworking-plugins",
    Path("/usr/local/bin/faasd"): PROGRAMS["faasd"],
    POSTGRES / "postgres": "Debian: postgresql",
}


def missing() -> list[str]:
    """List what these tests need and this machine does not have."""
    found = [] if os.geteuid() == 0 else ["root"]
    found += [f"{name} ({where})" for name, where in PROGRAMS.items() if path_of(name, required=False) is None]
    return found + [f"{path} ({where})" for path, where in FILES.items() if not path.exists()]


def path_of(name: str, *, required: bool = True) -> str | None:
    """Find a program; of-watchdog's releases call it fwatchdog."""
    names = ("of-watchdog", "fwatchdog") if name == "of-watchdog" else (name,)
    found = next(filter(None, (shutil.which(word, path=PATHS) for word in names)), None)
    if found is None and required:
        raise FileNotFoundError(name)
    return found
