"""`make lock`: pin what requirements*.in ask for, with hashes, and note which wheels that means on a server.

python -m scripts.lock [--upgrade]
"""

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ROOT / "requirements.txt"
DEVELOPMENT = ROOT / "requirements-dev.txt"
WHEELS = ROOT / "tests" / "unit" / "repository" / "wheels.sha256"
UV = Path(sys.executable).with_name("uv")
UV_COULD_NOT_ASK = 2
"""Its exit code when no index answers; 1 says that the index has no such version."""
COMPILE = ("pip", "compile", "--quiet", "--universal", "--no-python-downloads")

MACHINES = ("aarch64", "x86_64")
PYTHONS = ((3, 11), (3, 12), (3, 13))
NEWEST_GLIBC = 36
"""Minor version in Debian 12, the oldest system that is served: a wheel for a newer one does not install there."""
OLDEST_GLIBC = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One line of a lock: a package, its version, where it is wanted, and the hashes that may be installed."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def name(self) -> str:
        """The package's name in one spelling."""
        return str(canonicalize_name(self.requirement.name))

    def is_wanted(self, machine: str, python: tuple[int, int]) -> bool:
        """Say whether this machine with Linux and CPython installs it."""
        version = ".".join(map(str, python))
        about: dict[str, str | Set[str]] = {
            "platform_machine": machine,
            "sys_platform": "linux",
            "python_version": version,
            "python_full_version": f"{version}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        marker = self.requirement.marker
        return marker is None or marker.evaluate(about)


def pins(path: Path) -> list[Pin]:
    """Read a lock."""
    lines = path.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    found = []
    for line in lines:
        if line and not line.lstrip().startswith("#"):
            requirement, *hashes = line.split(" --hash=")
            found.append(Pin(requirement=Requirement(requirement), hashes=frozenset(map(str.strip, hashes))))
    return found


def tags(machine: str, python: tuple[int, int]) -> set[Tag]:
    """Return what a wheel may be made for to be installed on this machine."""
    glibc = [f"manylinux_2_{minor}_{machine}" for minor in range(OLDEST_GLIBC, NEWEST_GLIBC + 1)]
    platforms = [*glibc, f"manylinux2014_{machine}", f"linux_{machine}"]
    interpreter = "cp" + "".join(map(str, python))
    return {*cpython_tags(python, platforms=platforms), *compatible_tags(python, interpreter, platforms)}


def fitting(names: Iterable[str], machine: str, python: tuple[int, int]) -> Iterator[str]:
    """Yield the wheels, by file name, that this machine can install."""
    known = tags(machine, python)
    for name in names:
        if parse_wheel_filename(name)[3] & known:
            yield name


def missing(wheels: Mapping[str, str], locked: Iterable[Pin]) -> list[str]:
    """Name each package for which no wheel with a locked hash installs; `wheels` is file name to SHA-256."""
    return [
        f"{pin.requirement} on {machine} with Python {python[0]}.{python[1]}"
        for pin in locked
        for machine in MACHINES
        for python in PYTHONS
        if pin.is_wanted(machine, python)
        if not any(f"sha256:{wheels[name]}" in pin.hashes for name in fitting(_of(pin, wheels), machine, python))
    ]


def _of(pin: Pin, wheels: Iterable[str]) -> Iterator[str]:
    for name in wheels:
        package, version, *_ = parse_wheel_filename(name)
        if package == pin.name and version in pin.requirement.specifier:
            yield name


def offered() -> dict[str, str]:
    """Ask the package index which wheels it has of what is locked for run time: file name to SHA-256."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "pylock.toml"
        _uv(*COMPILE, "--python-version", _oldest(), "--no-deps", str(RUNTIME), "--output-file", str(answer))
        packages = tomllib.loads(answer.read_text(encoding="utf-8"))["packages"]
    wheels = [wheel for package in packages for wheel in package.get("wheels", [])]
    return {wheel["url"].rpartition("/")[2]: wheel["hashes"]["sha256"] for wheel in wheels}


def noted() -> dict[str, str]:
    """Read the wheels that the last `make lock` noted: file name to SHA-256."""
    lines = WHEELS.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def _oldest() -> str:
    return ".".join(map(str, PYTHONS[0]))


def _uv(*arguments: str) -> None:
    subprocess.run([str(UV), *arguments], cwd=ROOT, check=True)


def _pin(wanted: str, lock: Path, *more: str) -> None:
    hashed = ("--generate-hashes", "--custom-compile-command", "make lock", "--python-version", _oldest())
    _uv(*COMPILE, *hashed, wanted, "--output-file", lock.name, *more)


def main(*more: str) -> None:
    """Write both locks and the list of wheels; `--upgrade` takes newer versions of what nobody pinned."""
    _pin("requirements.in", RUNTIME, *more)
    _pin("requirements-dev.in", DEVELOPMENT, "--constraints", RUNTIME.name, *more)
    locked = pins(RUNTIME)
    wheels = offered()
    if lacking := missing(wheels, locked):
        sys.exit("make lock: no wheel of " + ", ".join(lacking))
    kept = {
        name
        for machine in MACHINES
        for python in PYTHONS
        for name in fitting(wheels, machine, python)
        if any(f"sha256:{wheels[name]}" in pin.hashes and pin.is_wanted(machine, python) for pin in locked)
    }
    WHEELS.write_text("".join(f"{wheels[name]}  {name}\n" for name in sorted(kept)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
