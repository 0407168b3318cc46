"""What a function's door admits, and what it answers when something is wrong."""

import json
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.batch import Batch
from shared.errors import DatabaseDown, EmailAgentError, LeaseHeld, NotFound
from shared.security.signing import SIGNATURE_HEADER, sign
from shared.web import create_app, json_body, reply
from shared.web.app import MAX_BODY_BYTES

KEY = b"a key for tests only"
CALL = {"account": "work"}


class FakeWiring:
    """A composition root without servers."""

    signing_key = KEY
    max_inflight = 1

    def __init__(self, needs: dict[str, str] | None = None) -> None:
        self.needs = needs or {"postgres": "ok"}

    def ready(self) -> dict[str, str]:
        return self.needs


def echo() -> Any:
    return reply(Batch.from_json(json_body()).answer("echo", {"fetched": 3}))


def app_with(handle: Callable[[], Any] = echo, needs: dict[str, str] | None = None) -> Flask:
    root = FakeWiring(needs)
    app = create_app("echo", wired=lambda: root)
    app.post("/")(handle)
    return app


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    with app_with().test_client() as client:
        yield client


def post(client: FlaskClient, body: bytes, **headers: str) -> TestResponse:
    return client.post("/", data=body, headers={SIGNATURE_HEADER: sign(KEY, body)} | headers)


def raising(error: Exception) -> FlaskClient:
    def handle() -> Any:
        raise error

    return app_with(handle).test_client()


def signed(document: object) -> bytes:
    return json.dumps(document).encode()


def test_signed_call_is_answered(client: FlaskClient) -> None:
    """A call with a good signature reaches the handler."""
    answer = post(client, signed(CALL))

    assert (200, {"fetched": 3}) == (answer.status_code, answer.json["counts"])


def test_missing_signature_is_401(client: FlaskClient) -> None:
    """A call without a signature is refused."""
    answer = client.post("/", data=signed(CALL))

    assert (401, "Unauthorized") == (answer.status_code, answer.json["error"])


@pytest.mark.parametrize("signature", ["sha256=00", "sha256=", "md5=abc", "é", " "])
def test_bad_signature_is_401(client: FlaskClient, signature: str) -> None:
    """A signature that is none is refused."""
    answer = client.post("/", data=signed(CALL), headers={SIGNATURE_HEADER: signature})

    assert 401 == answer.status_code


def test_foreign_signature_is_401(client: FlaskClient) -> None:
    """A signature made with another key is refused."""
    body = signed(CALL)

    answer = client.post("/", data=body, headers={SIGNATURE_HEADER: sign(b"another key", body)})

    assert 401 == answer.status_code


def test_signature_of_another_body_is_401(client: FlaskClient) -> None:
    """A signature holds for exactly the body it was made over."""
    answer = client.post("/", data=signed(CALL), headers={SIGNATURE_HEADER: sign(KEY, signed({"account": "b"}))})

    assert 401 == answer.status_code


@pytest.mark.parametrize("shift_s", [-301, 301])
def test_call_from_another_time_is_401(client: FlaskClient, shift_s: int) -> None:
    """A call that says when it was made is refused when that was not about now."""
    answer = post(client, signed(CALL | {"issued_at": time.time() + shift_s}))

    assert 401 == answer.status_code


@pytest.mark.parametrize("number", ["NaN", "1e400", "-1e400", "1" + "0" * 400])
def test_call_from_no_time_is_401(client: FlaskClient, number: str) -> None:
    """A number that compares with nothing, or is larger than any time, is not about now."""
    answer = post(client, f'{{"account": "work", "issued_at": {number}}}'.encode())

    assert (401, "Unauthorized") == (answer.status_code, answer.json["error"])


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"account": "\\ud800"}', b"[" * 100_000, b"9" * 5000])
def test_unreadable_json_is_400(client: FlaskClient, body: bytes) -> None:
    """A body that is not JSON in Unicode text is refused."""
    answer = post(client, body)

    assert (400, "BadRequest") == (answer.status_code, answer.json["error"])


@pytest.mark.parametrize("document", [[], 3, {"account": ""}, CALL | {"unknown": 1}, CALL | {"run": "x"}])
def test_wrong_fields_are_400(client: FlaskClient, document: object) -> None:
    """JSON that is no Batch is refused."""
    assert 400 == post(client, signed(document)).status_code


def test_too_large_body_is_413(client: FlaskClient) -> None:
    """A body over the limit is refused, whatever its signature says."""
    answer = post(client, b" " * (MAX_BODY_BYTES + 1))

    assert (413, "TooLarge") == (answer.status_code, answer.json["error"])


def test_too_large_chunked_body_is_413(client: FlaskClient) -> None:
    """A body without Content-Length is counted while it is read."""
    body = b" " * (MAX_BODY_BYTES + 1)

    answer = client.post(
        "/",
        input_stream=BytesIO(body),
        environ_overrides={"wsgi.input_terminated": True},
        headers={SIGNATURE_HEADER: sign(KEY, body), "Transfer-Encoding": "chunked"},
    )

    assert 413 == answer.status_code


def test_chunked_body_is_read(client: FlaskClient) -> None:
    """A body without Content-Length is answered like any other."""

    body = signed(CALL)

    answer = client.post(
        "/",
        input_stream=BytesIO(body),
        environ_overrides={"wsgi.input_terminated": True},
        headers={SIGNATURE_HEADER: sign(KEY, body), "Transfer-Encoding": "chunked"},
    )

    assert 200 == answer.status_code


def test_database_down_is_503_with_retry_after() -> None:
    """A dependency that is down is told as 503, with the time after which to ask again."""
    answer = post(raising(DatabaseDown()), signed(CALL))

    assert (503, "DatabaseDown", "5") == (answer.status_code, answer.json["error"], answer.headers["Retry-After"])


def test_lease_held_is_409() -> None:
    """A sync in progress is told as 409."""
    answer = post(raising(LeaseHeld()), signed(CALL))

    assert (409, "LeaseHeld") == (answer.status_code, answer.json["error"])


def test_unknown_account_is_404() -> None:
    """What does not exist is told as 404 with its reason."""
    answer = post(raising(NotFound("no account 'work'")), signed(CALL))

    assert (404, "no account 'work'") == (answer.status_code, answer.json["detail"])


@pytest.mark.parametrize("error", [ValueError("Subject: secret"), EmailAgentError("Subject: secret")])
def test_bug_is_500_and_hides_everything(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    """Our own bug shows neither its text nor its stack to the caller, and its text not even to the log."""
    answer = post(raising(error), signed(CALL))

    assert (500, {"error", "detail", "call_id"}) == (answer.status_code, set(answer.json))
    assert "secret" not in answer.text + capsys.readouterr().out


def test_unknown_path_is_404_json(client: FlaskClient) -> None:
    """Another path is answered in JSON like every error."""
    assert 404 == client.get("/elsewhere").status_code
    assert {"error", "detail", "call_id"} == set(client.get("/elsewhere").json)


def test_get_has_no_effect(client: FlaskClient) -> None:
    """A gateway may repeat a GET, so the work is never behind one."""
    assert 405 == client.get("/").status_code


def test_too_many_calls_are_429() -> None:
    """A call beyond those in flight is refused at once, and the slot is free again afterwards."""
    app = app_with()
    statuses = []

    def handle_nested() -> Any:
        with app.test_client() as inner:
            statuses.append(post(inner, signed(CALL)).status_code)
        return echo()

    app.view_functions["echo"] = handle_nested

    with app.test_client() as client:
        statuses.append(post(client, signed(CALL)).status_code)
    app.view_functions["echo"] = echo
    with app.test_client() as client:
        statuses.append(post(client, signed(CALL)).status_code)

    assert [429, 200, 200] == statuses


def test_health_is_cheap(client: FlaskClient) -> None:
    """Liveness asks nobody."""
    assert {"status": "ok"} == client.get("/_/health").json


@pytest.mark.parametrize(("needs", "status"), [({"postgres": "ok"}, 200), ({"postgres": "down"}, 503)])
def test_ready_tells_the_truth(needs: dict[str, str], status: int) -> None:
    """Readiness says of each need whether it answers."""
    answer = app_with(needs=needs).test_client().get("/_/ready")

    assert (status, {"ready": status == 200, "needs": needs}) == (answer.status_code, answer.json)


def test_one_log_line_per_call(client: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    """A call leaves one JSON line with references and counts."""
    post(client, signed(CALL), **{"X-Call-Id": "call-1"})

    (line,) = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert ("echo", "call-1", "work", {"fetched": 3}, 200) == (
        entry["function"],
        entry["call_id"],
        entry["account"],
        entry["counts"],
        entry["status"],
    )


def test_forged_call_id_is_replaced(client: FlaskClient) -> None:
    """A call id that could break a log line is not taken over."""
    answer = post(client, signed(CALL), **{"X-Call-Id": "a" * 65})

    assert "a" * 65 != answer.headers["X-Call-Id"]
