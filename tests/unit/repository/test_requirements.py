"""What is installed is pinned and hashed, and installs on the servers that we promise."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.lock import DEVELOPMENT, ROOT, RUNTIME, Pin, missing, noted, pins

LOCKS = (RUNTIME, DEVELOPMENT)
locks = pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)


def wanted(name: str) -> dict[str, Requirement]:
    """What a file for people asks for, by package."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    asked = [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]
    return {canonicalize_name(requirement.name): requirement for requirement in asked}


def versions(lock: Path) -> Mapping[str, set[str]]:
    """Each locked package with its versions; some have one for each Python."""
    found: dict[str, set[str]] = {}
    for pin in pins(lock):
        found.setdefault(pin.name, set()).add(str(pin.requirement.specifier))
    return found


@locks
def test_every_package_is_pinned_and_hashed(lock: Path) -> None:
    """A lock names one version of each package and says by SHA-256 which files may be installed."""

    assert [] == [
        pin.name
        for pin in pins(lock)
        if not str(pin.requirement.specifier).startswith("==")
        or not pin.hashes
        or not all(value.startswith("sha256:") and len(value) == len("sha256:") + 64 for value in pin.hashes)
    ]


@pytest.mark.parametrize("source", ["requirements.in", "requirements-dev.in"])
def test_locks_are_up_to_date(source: str) -> None:
    """What the files for people ask for is locked in that version; else: make lock."""
    lock = versions(ROOT / source.replace(".in", ".txt"))

    assert {name: {str(asked.specifier)} for name, asked in wanted(source).items()} == {
        name: lock.get(name, set()) for name in wanted(source)
    }


def test_both_locks_agree() -> None:
    """The tests run on what the functions run on: each pin of the one is in the other, with its hashes."""
    development = {(pin.name, str(pin.requirement.specifier)): pin.hashes for pin in pins(DEVELOPMENT)}
    runtime = {(pin.name, str(pin.requirement.specifier)): pin.hashes for pin in pins(RUNTIME)}

    assert runtime == {key: development.get(key) for key in runtime}


@locks
def test_locks_name_no_index(lock: Path) -> None:
    """Where packages come from is for each machine to say."""
    text = lock.read_text(encoding="utf-8")

    assert [] == [word for word in ("://", "--index", "--extra-index", "--find-links", "--trusted") if word in text]


def test_wheels_are_there_for_both_machines() -> None:
    """What runs in a function installs without a compiler on arm64 and x86_64, from a file whose hash is locked."""

    assert [] == missing(noted(), pins(RUNTIME))


@pytest.mark.parametrize(
    ("wheel", "lacks"),
    [
        ("x-1-py3-none-any.whl", []),
        ("x-1-cp39-abi3-manylinux_2_28_aarch64.whl", ["x86_64"]),
        ("x-1-cp39-abi3-manylinux2014_x86_64.whl", ["aarch64"]),
        ("x-1-cp311-cp311-musllinux_1_2_aarch64.whl", ["aarch64", "x86_64"]),
        ("x-1-cp39-abi3-manylinux_2_99_aarch64.whl", ["aarch64", "x86_64"]),
        ("x-2-py3-none-any.whl", ["aarch64", "x86_64"]),
    ],
)
def test_wheel_of_another_machine_does_not_count(wheel: str, lacks: list[str]) -> None:
    """A wheel counts for the machines, C libraries and versions it was built for."""
    pin = Pin(requirement=Requirement("x==1"), hashes=frozenset({"sha256:00"}))

    assert lacks == sorted({line.split(" on ")[1].split()[0] for line in missing({wheel: "00"}, [pin])})


def test_wheel_with_another_hash_does_not_count() -> None:
    """A wheel that the lock does not allow is none."""
    pin = Pin(requirement=Requirement("x==1"), hashes=frozenset({"sha256:00"}))

    assert 6 == len(missing({"x-1-py3-none-any.whl": "01"}, [pin]))


@pytest.mark.parametrize("source", ["requirements.in", "requirements-dev.in"])
def test_every_dependency_has_its_reason(source: str) -> None:
    """Each package that we ask for has a line in ADR 2: why, and what else was considered."""
    rows = (ROOT / "docs" / "adr" / "0002-dependencies.md").read_text(encoding="utf-8").splitlines()
    reasons = {
        canonicalize_name(name.strip()) for row in rows if row.startswith("| ") for name in row.split("|")[1].split(",")
    }

    assert set() == set(wanted(source)) - reasons
