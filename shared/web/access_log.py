"""One JSON line per call on stdout: references and counts only, never subjects, addresses or bodies."""

import json
import sys
import threading
import time

from flask import Response, g

from shared.batch import Batch

MAX_LINE_BYTES = 60_000  # a line of 64 KiB stops of-watchdog from draining the log, and hangs the function

_writing = threading.Lock()


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
    with _writing:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    return response
