"""The package index still has what the lock promises."""

import subprocess

import pytest

from scripts.lock import RUNTIME, UV_COULD_NOT_ASK, missing, noted, offered, pins


def test_index_has_the_wheels() -> None:
    """For arm64 and x86_64, each locked package has a wheel in the index, with a locked hash, as was noted."""
    try:
        wheels = offered()
    except subprocess.CalledProcessError as error:
        if error.returncode != UV_COULD_NOT_ASK:
            raise
        pytest.skip("no package index answers: nothing can be said about what it has")

    assert [] == missing(wheels, pins(RUNTIME))
    assert {} == {name: digest for name, digest in noted().items() if wheels.get(name) != digest}
