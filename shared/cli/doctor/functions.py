"""The functions behind their gateway: whether each answers, how fast, and whether it reaches what it needs."""

import json
import statistics
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from shared.chain.client import CONNECT_TIMEOUT_S, check_gateway, direct_session, shown
from shared.cli.doctor.check import Check, failed
from shared.errors import EmailAgentError
from shared.security.signing import ISSUED_AT_TOLERANCE_S
from shared.settings import Settings

FUNCTIONS = ("fetch-batch", "classify-rules", "classify-llm", "apply-actions")
BOUND_MS = 100.0
"""Of the design: an answer of the API comes within this time."""
PROBES = 5
READY_TIMEOUT_S = 15.0
MAX_ANSWER_BYTES = 64 * 1024
OK = 200


def function_checks(settings: Settings) -> list[Check]:
    """Look at the gateway and, where it answers, at each function."""
    url = settings.places.gateway_url.rstrip("/")
    try:
        check_gateway(url)
    except EmailAgentError as error:
        return [failed("gateway", error)]
    with direct_session() as session:
        return [_gateway(session, url), *(_function(_Function(session, url, name)) for name in FUNCTIONS)]


def _gateway(session: requests.Session, url: str) -> Check:
    try:
        answer = session.get(f"{url}/function/{FUNCTIONS[0]}/_/health", timeout=CONNECT_TIMEOUT_S, stream=True)
        answer.close()
        ahead_s = parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
    except (requests.RequestException, KeyError, ValueError):
        return Check(check="gateway", found=f"answers at {shown(url)}")
    if abs(ahead_s) > ISSUED_AT_TOLERANCE_S:
        found = f"answers at {shown(url)}, its clock is {ahead_s:+.0f} s away from ours"
        return Check(check="gateway", ok=False, found=found, hint="set the clocks: calls that seem old are refused")
    return Check(check="gateway", found=f"answers at {shown(url)}")


@dataclass(frozen=True, slots=True)
class _Function:
    session: requests.Session
    url: str
    name: str

    def get(self, path: str, timeout_s: float) -> tuple[int, bytes]:
        """Return status and body of an answer, read no further than one of ours can be long."""
        address = f"{self.url}/function/{self.name}/_/{path}"
        answer = self.session.get(address, timeout=timeout_s, stream=True, allow_redirects=False)
        return answer.status_code, answer.raw.read(MAX_ANSWER_BYTES, decode_content=True)


def _function(function: _Function) -> Check:
    try:
        times = [_health_ms(function) for _ in range(PROBES)]
        needs = _needs(function.get("ready", READY_TIMEOUT_S)[1])
    except _Unhealthy as error:
        return Check(check=function.name, ok=False, found=str(error), hint="its log says why")
    except (requests.RequestException, HTTPError, OSError) as error:
        found = f"does not answer ({type(error).__name__})"
        return Check(check=function.name, ok=False, found=found, hint="its log says why")
    ms = statistics.median(times)
    if needs:
        return Check(
            check=function.name, ok=False, found=f"answers, but is not ready: {needs}", hint="its log says why"
        )
    hint = "" if ms <= BOUND_MS else f"slower than {BOUND_MS:.0f} ms: see the rows `processor` and `memory`"
    return Check(check=function.name, found=f"healthy in {ms:.1f} ms (median of {PROBES}), ready", hint=hint)


class _Unhealthy(Exception):
    """It answered something else than we asked for."""


def _health_ms(function: _Function) -> float:
    began = time.perf_counter()
    status, _ = function.get("health", CONNECT_TIMEOUT_S)
    ms = (time.perf_counter() - began) * 1000
    if status != OK:
        raise _Unhealthy(f"the gateway answers {status}: it is not deployed, or not up")
    return ms


def _needs(answer: bytes) -> str:
    """Return what is missing; nothing if it is ready."""
    try:
        document: Any = json.loads(answer)
        needs = {str(name): str(text) for name, text in document["needs"].items() if text != "ok"}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _Unhealthy("answers something else than readiness") from None
    return "; ".join(f"{name}: {text}" for name, text in needs.items())
