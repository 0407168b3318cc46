"""The log of a function: one JSON line for each call, and for each warning of a library."""

import json
import logging
from collections.abc import Iterator

import pytest

from shared.web.access_log import WarningLines, log_warnings


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger with our handler, and without it afterwards."""
    logger = logging.getLogger()
    before = list(logger.handlers)
    log_warnings()
    yield logger
    logger.handlers[:] = before


def test_a_warning_is_one_line(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """Its first line, shortened: what follows may be a stack, or a row."""
    logging.getLogger("library").warning("%s\nDETAIL: somebody's data", "x" * 1_000)

    (line,) = capsys.readouterr().out.splitlines()
    assert {"warning": "x" * 300, "by": "library", "level": "warning"} == json.loads(line)


def test_a_warning_without_words_is_a_line_too(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty message ends nothing."""
    logging.getLogger("library").error("")

    assert {"warning": "", "by": "library", "level": "error"} == json.loads(capsys.readouterr().out)


def test_less_than_a_warning_is_not_logged(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """A library's news is not ours."""
    logging.getLogger("library").info("hello")

    assert "" == capsys.readouterr().out


def test_four_apps_log_once(root: logging.Logger) -> None:
    """Under one gunicorn the four functions share a process."""
    log_warnings()

    assert 1 == sum(isinstance(handler, WarningLines) for handler in root.handlers)
