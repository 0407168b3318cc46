"""create_app(): a Flask app that admits signed JSON calls, a few at a time, and answers health checks."""

import gc
import json
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from flask import Flask, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from shared.batch import Batch
from shared.errors import BadRequest, Busy, TooLarge
from shared.security.signing import SIGNATURE_HEADER, check_age, check_signature
from shared.web.access_log import log_call, log_warnings
from shared.web.faults import map_errors
from shared.wiring import wiring

MAX_BODY_BYTES = 1024 * 1024
YOUNG_OBJECTS, YOUNG_ROUNDS = 100_000, 50
SWITCH_INTERVAL_S = 0.0005
"""How long a thread that heard from a server may wait for one that computes: ten times less than Python's own."""
CALL_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Wired(Protocol):
    """What the web room asks of the composition root."""

    @property
    def signing_key(self) -> bytes:
        """The key that signs calls."""

    @property
    def max_inflight(self) -> int:
        """How many calls a function takes at once."""

    def ready(self) -> dict[str, str]:
        """Ping what the functions need: `ok` or one sentence per need."""


def create_app(name: str, *, wired: Callable[[], Wired] = wiring) -> Flask:
    """Make the app of the function `name`; its handler adds the one `POST /`."""
    wired()  # a bad setting fails here, at start
    app = Flask(name, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1  # a chunked body is silently cut there, so one more is read
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of the default provider
    _spare_the_collector()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    log_warnings()
    map_errors(app)
    _admit(app, wired)
    _log(app, name)
    _answer_health(app, wired)
    return app


def _spare_the_collector() -> None:
    """Keep Python's cyclic collector off what lives as long as the process, and off a batch's many short-lived values.

    A batch makes tens of thousands of values without a cycle among them; looking at them costs a fifth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_ROUNDS, YOUNG_ROUNDS)


def json_body() -> Any:
    """Return the JSON document of the call at hand, whose signature was checked."""
    return g.document


def reply(batch: Batch) -> ResponseReturnValue:
    """Turn a function's Batch into its answer, and remember it for the log line."""
    g.batch = batch
    return jsonify(batch.as_json())


def _admit(app: Flask, wired: Callable[[], Wired]) -> None:
    """Check each POST before its handler sees it: size, signature, JSON, age, calls in flight (of this process)."""
    inflight: list[threading.BoundedSemaphore] = []
    making = threading.Lock()

    @app.before_request
    def admit() -> None:
        g.started = time.monotonic()
        g.call_id = _call_id()
        if request.method != "POST" or request.path != "/":
            return
        root = wired()
        body = request.get_data(cache=False)
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge(f"the body is larger than {MAX_BODY_BYTES} bytes")
        check_signature(root.signing_key, body, request.headers.get(SIGNATURE_HEADER))
        g.document = _parse(body)
        if isinstance(g.document, dict):
            check_age(g.document.get("issued_at"), time.time())
        with making:
            if not inflight:
                inflight.append(threading.BoundedSemaphore(root.max_inflight))
        if not inflight[0].acquire(blocking=False):
            raise Busy
        g.slot = inflight[0]

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        slot = g.pop("slot", None)
        if slot is not None:
            slot.release()


def _log(app: Flask, name: str) -> None:
    @app.after_request
    def log(response: Response) -> Response:
        response.headers["X-Call-Id"] = g.call_id
        return log_call(name, response) if request.method == "POST" else response


def _answer_health(app: Flask, wired: Callable[[], Wired]) -> None:
    @app.get("/_/health")
    def health() -> ResponseReturnValue:
        return jsonify({"status": "ok"})

    @app.get("/_/ready")
    def ready() -> ResponseReturnValue:
        needs = wired().ready()
        is_ready = all(answer == "ok" for answer in needs.values())
        return jsonify({"ready": is_ready, "needs": needs}), 200 if is_ready else 503


def _call_id() -> str:
    given = request.headers.get("X-Call-Id", "")
    return given if CALL_ID.fullmatch(given) else str(uuid.uuid4())


def _parse(body: bytes) -> Any:
    try:
        document = json.loads(body)
        json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate is no text: PostgreSQL would refuse it
        return document
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not JSON") from error
