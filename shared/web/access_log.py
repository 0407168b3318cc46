"""One JSON line per call on stdout: references and counts only, never subjects, addresses or bodies.

What a library warns of becomes such a line too; two sorts of lines in one log are read by no program.
"""

import json
import logging
import sys
import threading
import time

from flask import Response, g

from shared.batch import Batch

MAX_LINE_BYTES = 60_000  # a line of 64 KiB stops of-watchdog from draining the log, and hangs the function

MAX_WARNING_CHARACTERS = 300

_writing = threading.Lock()


class WarningLines(logging.Handler):
    """Writes what libraries warn of, its first line and no more: the rest is a stack or somebody's data."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        said = (record.getMessage().splitlines() or [""])[0][:MAX_WARNING_CHARACTERS]
        _write(json.dumps({"warning": said, "by": record.name, "level": record.levelname.lower()}))


def log_warnings() -> None:
    """Let libraries' warnings become lines of this log, once per process."""
    root = logging.getLogger()
    if not any(isinstance(handler, WarningLines) for handler in root.handlers):
        root.addHandler(WarningLines())


def log_call(function: str, response: Response) -> Response:
    """Write the line of the call that `response` answers; hand the response through."""
    request: Batch | None = g.get("batch")
    entry: dict[str, object] = {
        "function": function,
        "call_id": g.call_id,
        "status": response.status_code,
        "ms": round((time.monotonic() - g.started) * 1000),
    }
    if request is not None:
        entry |= {"account": request.account, "run": str(request.run), "counts": request.counts}
    entry |= {name: g.get(name) for name in ("error", "bug") if g.get(name)}
    line = json.dumps(entry)
    if len(line) > MAX_LINE_BYTES:
        line = json.dumps({key: entry[key] for key in ("function", "call_id", "status", "ms")})
    _write(line)
    return response


def _write(line: str) -> None:
    with _writing:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
