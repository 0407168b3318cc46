"""Calls one function over HTTP: signs, waits where waiting helps, gives up at a deadline."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from shared import errors
from shared.batch import Batch
from shared.chain.answers import Answer
from shared.errors import (
    BadAnswer,
    Busy,
    Conflict,
    DeadlineExceeded,
    DependencyDown,
    EmailAgentError,
    LoginRefused,
    MailServerDown,
)
from shared.security.signing import SIGNATURE_HEADER, sign

CONNECT_TIMEOUT_S = 5.0
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 15.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_DETAIL_CHARACTERS = 500
NOT_FOUND = 404
NAME_AND_PASSWORD = re.compile(r"//[^/?#]*@")
REQUEST_KEYS = ("account", "run", "mailbox", "limit", "final", "dry_run", "undo", "confirm")


class GatewayDown(DependencyDown):
    """No function gateway answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to go on trying, counted from the first failure of a call, and how time passes (a test's own clock)."""

    total_s: float = 120.0
    mail_server_s: float = 20.0
    conflict_s: float = 10.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def allowed_s(self, failure: BaseException | None) -> float:
        """How long this kind of failure is worth waiting for."""
        if isinstance(failure, Conflict):
            return self.conflict_s
        return self.mail_server_s if isinstance(failure, MailServerDown) else self.total_s


def direct_session() -> requests.Session:
    """Return a session that asks the gateway itself: a proxy of the environment is for the world outside."""
    session = requests.Session()
    session.trust_env = False
    return session


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionsClient:
    """The functions behind one gateway."""

    gateway_url: str
    key: bytes = field(repr=False)
    answer_timeout_s: float = 210.0
    patience: Patience = field(default_factory=Patience)
    session: requests.Session = field(default_factory=direct_session)
    now: Callable[[], float] = time.time

    def call(self, function: str, batch: Batch) -> Answer:
        """Call a function until it answers; raise its error when waiting would not help or took too long."""
        first_failure: list[float] = []

        def give_up(state: RetryCallState) -> bool:
            if not first_failure:
                first_failure.append(self.patience.clock())
            failure = state.outcome.exception() if state.outcome else None
            waited = self.patience.clock() - first_failure[0]
            return waited + _asked_wait(state) > self.patience.allowed_s(failure)

        retrying = Retrying(
            retry=retry_if_exception(_is_passing),
            wait=_wait,
            stop=give_up,
            sleep=self.patience.sleep,
            reraise=True,
        )
        return retrying(self._call_once, function, batch)

    def _call_once(self, function: str, batch: Batch) -> Answer:
        document = replace(batch, issued_at=self.now()).as_json()
        body = json.dumps({key: document[key] for key in (*REQUEST_KEYS, "issued_at") if key in document}).encode()
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign(self.key, body)}
        timeout = (CONNECT_TIMEOUT_S, self.answer_timeout_s)
        try:
            response = self.session.post(self._url(function), data=body, headers=headers, timeout=timeout)
        except requests.ReadTimeout as error:
            raise DeadlineExceeded(f"{function} did not answer within {self.answer_timeout_s:.0f} s") from error
        except requests.RequestException as error:
            raise gateway_down(self.gateway_url) from error
        if response.ok:
            return Answer.from_json(_json(response))
        raise _error_of(response)

    def _url(self, function: str) -> str:
        return f"{self.gateway_url.rstrip('/')}/function/{function}"


def check_gateway(gateway_url: str) -> None:
    """Raise GatewayDown unless a gateway answers at its address that knows our functions."""
    url = f"{gateway_url.rstrip('/')}/function/fetch-batch/_/health"
    try:
        with direct_session() as session, session.get(url, timeout=CONNECT_TIMEOUT_S, stream=True) as answer:
            status = answer.status_code
    except requests.RequestException as error:
        raise gateway_down(gateway_url) from error
    if status == NOT_FOUND:
        hint = "deploy the functions, or start them with scripts/agent up; AGENT_GATEWAY_URL says where they are"
        raise GatewayDown(f"what answers at {shown(gateway_url)} does not know our functions", hint=hint)


def shown(url: str) -> str:
    """Return an address without the name and the password that may stand in it."""
    return NAME_AND_PASSWORD.sub("//", url, count=1)


def gateway_down(gateway_url: str) -> GatewayDown:
    """Return the error that says what to start."""
    return GatewayDown(f"no gateway answers at {shown(gateway_url)}", hint="start it with: scripts/agent up")


_RETRYABLE = (Conflict, Busy, DependencyDown, BadAnswer, DeadlineExceeded)
_BY_NAME = {
    value.__name__: value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, EmailAgentError)
}
_BY_STATUS: dict[int, type[EmailAgentError]] = {
    400: errors.BadRequest,
    401: errors.Unauthorized,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    422: errors.InvalidSettings,
    429: errors.Busy,
    502: errors.BadAnswer,
    503: errors.DependencyDown,
    504: errors.DeadlineExceeded,
}
_BY_STATUS_WITHOUT_JSON = _BY_STATUS | {404: DependencyDown, 500: DependencyDown}
"""What OpenFaaS says, in plain words, of a function that starts, has died or is being replaced: waiting helps."""


def _is_passing(failure: BaseException) -> bool:
    """Whether waiting may help; a refused login stays refused."""
    return isinstance(failure, _RETRYABLE) and not isinstance(failure, LoginRefused)


def _asked_wait(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome else None
    asked = failure.retry_after_s if isinstance(failure, EmailAgentError) else None
    return float(asked or 0)


def _wait(state: RetryCallState) -> float:
    """Wait as long as the answer asked for, and never less than a growing random time."""
    return max(_asked_wait(state), wait_random_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S)(state))


def _json(response: requests.Response) -> object:
    if len(response.content) > MAX_ANSWER_BYTES:
        raise BadAnswer(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
    try:
        document: object = response.json()
    except ValueError as error:
        raise BadAnswer("an answer that is not JSON") from error
    return document


def _error_of(response: requests.Response) -> EmailAgentError:
    """Make the function's error anew, by its class name; a proxy's own error by its status."""
    try:
        document = _json(response)
    except BadAnswer:
        document = None
    says = document if isinstance(document, dict) else {}
    by_status = _BY_STATUS if says else _BY_STATUS_WITHOUT_JSON
    kind = _BY_NAME.get(str(says.get("error"))) or by_status.get(response.status_code, EmailAgentError)
    detail = str(says.get("detail") or f"the gateway answered {response.status_code}")[:MAX_DETAIL_CHARACTERS]
    if kind is EmailAgentError and says.get("call_id"):
        detail = f"{detail} (call {says['call_id']})"
    error = kind(detail, hint=str(says.get("hint") or "")[:MAX_DETAIL_CHARACTERS])
    retry_after = response.headers.get("Retry-After", "")
    if retry_after.isdecimal():
        error.retry_after_s = int(retry_after)
    return error
