"""One stack on real faasd for the whole session; `make test-openfaas` runs these tests, as root."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openfaas.faasd import Faasd
from tests.openfaas.images import Workshop, copy_of_the_tree
from tests.openfaas.machine import Machine, back_outside
from tests.openfaas.programs import missing
from tests.openfaas.stack import SETTINGS, Stack

WORKSHOP = Path(os.environ.get("TEST_OPENFAAS_CACHE", "/var/tmp/email-agent-openfaas"))


@pytest.fixture(scope="session")
def programs() -> None:
    """Skip unless this was asked for, and all of the real programs are here."""
    if os.environ.get("TEST_OPENFAAS") != "1":
        pytest.skip("the tests on real faasd take minutes and want root: make test-openfaas")
    if absent := missing():
        pytest.skip("missing for the tests on real faasd: " + "; ".join(absent))


@pytest.fixture(scope="session")
def disk(programs: None) -> Iterator[Path]:
    """A folder with a short name: sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="faasd-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def workshop(programs: None) -> Workshop:
    """Where images are built; it keeps base image and layers for the next session."""
    WORKSHOP.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Workshop(folder=WORKSHOP)


@pytest.fixture(scope="session")
def tree(disk: Path) -> Path:
    """A copy of what is deployed, which nobody edits meanwhile."""
    return copy_of_the_tree(disk / "tree")


@pytest.fixture(scope="session")
def archives(tree: Path, workshop: Workshop) -> list[Path]:
    """The four images; built outside of the machine, which has no way to a package index."""
    return list(workshop.build(tree))


@pytest.fixture(scope="session")
def stack(archives: list[Path], disk: Path, tree: Path) -> Iterator[Stack]:
    """The whole stack, deployed and ready."""
    machine = Machine(disk=disk)
    with back_outside():
        machine.boot()
        stack = Stack(faasd=Faasd(machine=machine, tree=tree), folder=disk)
        try:
            stack.faasd.start()
            for archive in archives:
                stack.faasd.import_image(archive)
            stack.install()
            stack.faasd.deploy(*SETTINGS)
            yield stack
        finally:
            stack.close()
            machine.power_cut()
