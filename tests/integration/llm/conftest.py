"""A real Ollama, where there is one."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures import ollama
from tests.fixtures.ollama import RealOllama


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealOllama]:
    """Give a server with the tiny model, for the tests of one file."""
    if not ollama.is_here():
        pytest.skip("no `ollama` on PATH, and OLLAMA_HOST is not set")
    with ollama.running(tmp_path_factory.mktemp("ollama")) as server:
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RealOllama]:
    """Give a server with the tiny model that a test may stop and kill."""
    if shutil.which("ollama") is None:
        there = "only one at OLLAMA_HOST" if os.environ.get("OLLAMA_HOST") else "none at all"
        pytest.skip(f"no `ollama` on PATH to stop and kill, {there}")
    with ollama.running(tmp_path, own=True) as server:
        yield server
