"""Calling functions through the gateway, by HTTP and by faas-cli: signatures, chunks, timeouts, too many at once."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from functions.gateway import NAMES
from shared.security.signing import SIGNATURE_HEADER, sign
from tests.openfaas.faasd import GATEWAY
from tests.openfaas.machine import wait_until
from tests.openfaas.stack import Stack, expected_places
from tests.openfaas.tarpit import tarpit

MAX_INFLIGHT = 4


@pytest.mark.parametrize("name", NAMES)
def test_health(stack: Stack, name: str) -> None:
    """Each function says that it lives, and what it reaches."""
    url = f"{GATEWAY}/function/{name}/_"

    assert 200 == requests.get(f"{url}/health", timeout=10).status_code
    needs = requests.get(f"{url}/ready", timeout=10).json()["needs"]
    assert {"ok"} == {needs[need] for need in ("secrets", "postgres")}


def test_ready_is_truthful(stack: Stack) -> None:
    """While PostgreSQL is away a function is alive, but not ready, and says why."""
    stack.database.stop()
    try:
        answer = requests.get(f"{GATEWAY}/function/fetch-batch/_/ready", timeout=60)
        health = requests.get(f"{GATEWAY}/function/fetch-batch/_/health", timeout=10)
    finally:
        stack.database.start()

    assert (503, False, 200) == (answer.status_code, answer.json()["ready"], health.status_code)
    assert "ok" != answer.json()["needs"]["postgres"]
    stack.faasd.wait_until_ready()


def test_the_four_piped_into_each_other(stack: Stack) -> None:
    """With faas-cli alone: each function's answer is the next one's request, and the mail is filed."""
    person = stack.person(30)
    key = stack.secrets.signing_key().decode()

    document = json.dumps({"account": person.account})
    for name in NAMES:
        document = stack.faasd.cli("invoke", name, "--sign", SIGNATURE_HEADER, "--key", key, input=document)

    assert ("apply-actions", person.account) == (json.loads(document)["stage"], json.loads(document)["account"])
    assert expected_places(30) == person.where()


def test_wrong_key_by_faas_cli(stack: Stack) -> None:
    """A call signed with another key is refused, and faas-cli exits with 1."""
    words = ("invoke", "fetch-batch", "--sign", SIGNATURE_HEADER, "--key", "another key, as long as ours")
    done = stack.faasd.cli_done(*words, input='{"account": "account-1"}')

    assert 1 == done.returncode
    assert "401" in done.stderr + done.stdout


@pytest.mark.parametrize("signature", ["", "sha256=" + "0" * 64, "sha1=00", "sha256=é".encode().decode("latin-1")])
def test_wrong_signature_by_http(stack: Stack, signature: str) -> None:
    """Whoever reaches the gateway cannot call a function without the key."""
    answer = stack.post("apply-actions", {"account": "account-1"}, **{SIGNATURE_HEADER: signature})

    assert (401, "Unauthorized") == (answer.status_code, answer.json()["error"])


def test_chunked_body(stack: Stack) -> None:
    """A body without a length, in many small chunks, is read whole: its signature is right."""
    person = stack.person(0)
    body = json.dumps({"account": person.account, "final": True}).encode()

    def chunks() -> Iterator[bytes]:
        for place in range(0, len(body), 7):
            yield body[place : place + 7]

    headers = {SIGNATURE_HEADER: sign(stack.secrets.signing_key(), body)}
    answer = requests.post(f"{GATEWAY}/function/fetch-batch", data=chunks(), headers=headers, timeout=60)

    assert (200, "fetch-batch") == (answer.status_code, answer.json()["stage"])


def test_large_chunked_body(stack: Stack) -> None:
    """A body over the limit is refused, though no header says how long it is."""
    answer = requests.post(f"{GATEWAY}/function/fetch-batch", data=(b"x" * 65536 for _ in range(32)), timeout=60)

    assert (413, "TooLarge") == (answer.status_code, answer.json()["error"])


def test_a_call_that_takes_too_long(stack: Stack) -> None:
    """The watchdog gives a call up after its time, and the function goes on working for others."""
    with tarpit(stack.dovecot.port) as pit:
        slow, quick = stack.person(1, port=pit.port), stack.person(1)

        answer = stack.post("fetch-batch", {"account": slow.account}, **{"X-Timeout": "1s"})

        assert 504 == answer.status_code
        assert 200 == stack.post("fetch-batch", {"account": quick.account}).status_code


def test_too_many_calls_at_once(stack: Stack) -> None:
    """The fifth call at once is told 429 without waiting; the four others are answered, and so is a later one."""
    with tarpit(stack.dovecot.port) as pit, ThreadPoolExecutor(MAX_INFLIGHT) as pool:
        people = [stack.person(1, port=pit.port) for _ in range(MAX_INFLIGHT + 1)]
        calls = [pool.submit(stack.post, "fetch-batch", {"account": one.account}) for one in people[:MAX_INFLIGHT]]
        wait_until(lambda: pit.callers >= MAX_INFLIGHT, "the four calls did not get to the mail server")

        refused = stack.post("fetch-batch", {"account": people[-1].account})
        pit.open.set()

        assert 429 == refused.status_code
        assert [200] * MAX_INFLIGHT == [call.result().status_code for call in calls]
        assert 200 == stack.post("fetch-batch", {"account": people[-1].account}).status_code


def test_the_chain_waits_when_it_is_refused(stack: Stack) -> None:
    """Six syncs at once on functions that take four calls: all are done, each mail is filed once."""
    people = [stack.person(12) for _ in range(MAX_INFLIGHT + 2)]
    together = threading.Barrier(len(people))

    def sync(number: int) -> str:
        together.wait()
        return stack.sync(people[number]).outcome

    with ThreadPoolExecutor(len(people)) as pool:
        outcomes = list(pool.map(sync, range(len(people))))

    assert ["done"] * len(people) == outcomes
    assert [expected_places(12)] * len(people) == [person.where() for person in people]
