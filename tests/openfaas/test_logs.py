"""What functions print: through watchdog, containerd's shim and the journal to `faas-cli logs`, and never too much."""

import json

import requests

from tests.openfaas.faasd import GATEWAY
from tests.openfaas.machine import wait_until
from tests.openfaas.stack import Stack

MAX_LINE_BYTES = 64 * 1024
FLOOD = 3000


def test_faas_cli_logs(stack: Stack) -> None:
    """A call's line is in `faas-cli logs`, by its id, as JSON."""
    person = stack.person(1)
    stack.post("fetch-batch", {"account": person.account}, **{"X-Call-Id": "look-for-this-one"})

    def lines() -> list[str]:
        output = stack.faasd.cli("logs", "fetch-batch", "--tail=false", "--since", "1m")
        return [line[line.index("{") :] for line in output.splitlines() if "look-for-this-one" in line and "{" in line]

    wait_until(lambda: bool(lines()), "the call is not in the log")  # it passes through four programs

    assert [person.account] == [json.loads(line)["account"] for line in lines()]


def test_log_flood(stack: Stack) -> None:
    """Thousands of calls with as much as they may carry: no line is too long, and the function goes on answering."""
    session = requests.Session()
    url = f"{GATEWAY}/function/classify-rules"
    hostile = {"X-Call-Id": "c" * 8000, "X-Signature": "s" * 8000, "User-Agent": "u" * 8000}
    answers = {session.post(url, data=b"{", headers=hostile, timeout=30).status_code for _ in range(FLOOD)}

    assert {401} == answers
    assert [] == [len(line) for line in stack.faasd.log_lines("classify-rules") if len(line) >= MAX_LINE_BYTES]
    person = stack.person(3)
    assert "done" == stack.sync(person).outcome
