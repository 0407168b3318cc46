"""The client of the functions: what it signs, when it waits, when it gives up."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import requests
from requests.adapters import BaseAdapter

from shared.batch import Batch
from shared.chain.client import LONGEST_WAIT_S, FunctionsClient, GatewayDown, Patience, gateway_down
from shared.errors import (
    BadAnswer,
    DatabaseDown,
    DependencyDown,
    EmailAgentError,
    LeaseHeld,
    LoginRefused,
    NotFound,
    Unauthorized,
)
from shared.security.signing import SIGNATURE_HEADER, sign

KEY = b"a key for tests only"
GOOD = (200, {"account": "work", "run": "00000000-0000-0000-0000-000000000001", "stage": "fetch-batch"}, {})
Scripted = tuple[int, object, dict[str, str]] | Exception


@dataclass
class FakeTransport(BaseAdapter):
    """Answers from a script; the last line answers for ever."""

    script: list[Scripted]
    seen: list[requests.PreparedRequest] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest, **_options: object) -> requests.Response:
        self.seen.append(request)
        line = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(line, Exception):
            raise line
        response = requests.Response()
        response.status_code, document, headers = line
        response.raw = io.BytesIO(document if isinstance(document, bytes) else json.dumps(document).encode())
        response.headers.update(headers)
        response.request = request
        return response

    def close(self) -> None:
        """Nothing is open."""


class FakeTime:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time_s += seconds

    def clock(self) -> float:
        return self.time_s


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def client(time: FakeTime) -> Callable[..., tuple[FunctionsClient, FakeTransport]]:
    def make(*script: Scripted) -> tuple[FunctionsClient, FakeTransport]:
        transport = FakeTransport(list(script))
        session = requests.Session()
        session.mount("http://", transport)
        patience = Patience(total_s=60, conflict_s=10, sleep=time.sleep, clock=time.clock)
        made = FunctionsClient(
            gateway_url="http://gateway", key=KEY, session=session, patience=patience, now=lambda: 1_000_000.0
        )
        return made, transport

    return make


def fault(status: int, name: str, retry_after: str | None = None) -> Scripted:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return (status, {"error": name, "detail": "why", "call_id": "c"}, headers)


def test_call_is_signed_and_dated(client: Callable[..., tuple[FunctionsClient, FakeTransport]]) -> None:
    """Each call carries its time, and a signature over exactly its bytes."""
    functions, transport = client(GOOD)

    functions.call("fetch-batch", Batch(account="work"))

    (request,) = transport.seen
    body = request.body
    assert isinstance(body, bytes)
    assert sign(KEY, body) == request.headers[SIGNATURE_HEADER]
    assert 1_000_000.0 == json.loads(body)["issued_at"]
    assert "http://gateway/function/fetch-batch" == request.url


def test_held_lease_is_waited_for(client: Callable[..., tuple[FunctionsClient, FakeTransport]], time: FakeTime) -> None:
    """A 409 is tried again after at least the time the answer asks for."""
    functions, transport = client(fault(409, "LeaseHeld", "1"), GOOD)

    functions.call("fetch-batch", Batch(account="work"))

    assert 2 == len(transport.seen)
    assert time.sleeps[0] >= 1


def test_held_lease_is_not_waited_for_for_ever(
    client: Callable[..., tuple[FunctionsClient, FakeTransport]], time: FakeTime
) -> None:
    """A lease that stays held ends the call, sooner than an outage does."""
    functions, _ = client(fault(409, "LeaseHeld", "1"))

    with pytest.raises(LeaseHeld):
        functions.call("fetch-batch", Batch(account="work"))

    assert time.time_s <= Patience().conflict_s + LONGEST_WAIT_S


def test_database_down_is_waited_for(
    client: Callable[..., tuple[FunctionsClient, FakeTransport]], time: FakeTime
) -> None:
    """A 503 is tried again, never sooner than its Retry-After."""
    functions, transport = client(fault(503, "DatabaseDown", "5"), fault(503, "DatabaseDown", "7"), GOOD)

    functions.call("fetch-batch", Batch(account="work"))

    assert 3 == len(transport.seen)
    assert [True, True] == [time.sleeps[0] >= 5, time.sleeps[1] >= 7]


def test_outage_ends_the_call_at_its_deadline(
    client: Callable[..., tuple[FunctionsClient, FakeTransport]], time: FakeTime
) -> None:
    """An outage that does not end is told by its own error, not later than the patience lasts."""
    functions, _ = client(fault(503, "DatabaseDown", "5"))

    with pytest.raises(DatabaseDown):
        functions.call("fetch-batch", Batch(account="work"))

    assert 30 <= time.time_s <= 75


def test_a_wait_longer_than_the_patience_is_not_begun(
    client: Callable[..., tuple[FunctionsClient, FakeTransport]], time: FakeTime
) -> None:
    """When the answer asks for more time than there is, nobody sleeps in vain."""
    functions, transport = client(fault(503, "Throttled", "600"))

    with pytest.raises(DependencyDown):
        functions.call("fetch-batch", Batch(account="work"))

    assert (1, []) == (len(transport.seen), time.sleeps)


def test_cut_connection_is_tried_again(client: Callable[..., tuple[FunctionsClient, FakeTransport]]) -> None:
    """Every call is safe to repeat, so a cut one is repeated."""
    functions, transport = client(requests.ConnectionError("cut"), requests.ReadTimeout("late"), GOOD)

    functions.call("fetch-batch", Batch(account="work"))

    assert 3 == len(transport.seen)


def test_missing_gateway_names_what_to_start(client: Callable[..., tuple[FunctionsClient, FakeTransport]]) -> None:
    """Where nobody listens, the error says which command starts the stack."""
    functions, _ = client(requests.ConnectionError("refused"))

    with pytest.raises(GatewayDown) as caught:
        functions.call("fetch-batch", Batch(account="work"))

    assert "scripts/agent up" in caught.value.hint


def test_no_proxy_stands_between_us_and_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who needs a proxy for the world outside still reaches the functions of this machine."""
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    session = FunctionsClient(gateway_url="http://127.0.0.1:8080", key=KEY).session

    merged = session.merge_environment_settings("http://127.0.0.1:8080/", {}, None, None, None)

    assert {} == merged["proxies"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://admin:a password@gate.example:8080/x@y", "http://gate.example:8080/x@y"),
        ("http://gate.example/x@y", "http://gate.example/x@y"),
    ],
)
def test_a_password_in_the_gateways_address_is_not_shown(url: str, expected: str) -> None:
    """The error says where nobody answers, without the name and password that may stand there."""
    assert f"no gateway answers at {expected}" == gateway_down(url).detail


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (fault(401, "Unauthorized"), Unauthorized),
        (fault(404, "NotFound"), NotFound),
        (fault(500, "InternalError"), EmailAgentError),
        (fault(503, "LoginRefused", "300"), LoginRefused),
    ],
)
def test_what_waiting_does_not_help_is_told_at_once(
    client: Callable[..., tuple[FunctionsClient, FakeTransport]], line: Scripted, kind: type[EmailAgentError]
) -> None:
    """A refusal is not asked again."""
    functions, transport = client(line)

    with pytest.raises(kind):
        functions.call("fetch-batch", Batch(account="work"))

    assert 1 == len(transport.seen)


@pytest.mark.parametrize("status", [404, 500])
def test_a_function_that_is_not_there_is_asked_again(
    client: Callable[..., tuple[FunctionsClient, FakeTransport]], status: int
) -> None:
    """OpenFaaS itself says 404 or 500, in plain words, while a function starts, has died or is being replaced."""
    functions, transport = client((status, b"Can't reach service for: fetch-batch.", {}), GOOD)

    functions.call("fetch-batch", Batch(account="work"))

    assert 2 == len(transport.seen)


@pytest.mark.parametrize("document", [b"<html>", {"stage": "x"}, [], {**GOOD[1], "counts": {"a": "b"}}])  # type: ignore[dict-item]
def test_an_answer_that_is_none_is_not_trusted(
    client: Callable[..., tuple[FunctionsClient, FakeTransport]], document: object
) -> None:
    """A proxy's page or a foreign object is a BadAnswer."""
    functions, _ = client((200, document, {}))

    with pytest.raises(BadAnswer):
        functions.call("fetch-batch", Batch(account="work"))
