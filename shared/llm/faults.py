"""Foreign exceptions and refusals as the errors of email-agent: nothing of a prompt, and few of the server's words."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

import requests
from urllib3.exceptions import NewConnectionError, ReadTimeoutError

from shared.errors import (
    BadAnswer,
    DeadlineExceeded,
    EmailAgentError,
    InvalidSettings,
    LlmBusy,
    LlmDown,
    LlmFailed,
    ModelMissing,
    PromptTooLong,
)

MAX_READ_CHARS = 2_000
MAX_SHOWN_CHARS = 160
TOO_LONG = ("exceeds the context length", "exceeds the available context size", "exceed_context_size")
_BY_STATUS: dict[int, tuple[type[EmailAgentError], str]] = {
    HTTPStatus.NOT_FOUND: (BadAnswer, "is no Ollama"),
    HTTPStatus.TOO_MANY_REQUESTS: (LlmBusy, "has too many calls waiting"),
    HTTPStatus.SERVICE_UNAVAILABLE: (LlmBusy, "has too many calls waiting"),
    HTTPStatus.BAD_GATEWAY: (LlmDown, "is behind a proxy that does not reach it"),
    HTTPStatus.GATEWAY_TIMEOUT: (LlmDown, "is behind a proxy that does not wait for it"),
}


@contextmanager
def network_faults(where: str, is_over: Callable[[], bool]) -> Iterator[None]:
    """Map what requests raises while it talks to `where`; `is_over`: the call's time is used up."""
    try:
        yield
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.MissingSchema,
        requests.exceptions.InvalidSchema,
    ) as error:
        raise InvalidSettings("the address of the language model's server is no URL: http://host:port") from error
    except requests.RequestException as error:
        cause = _cause(error)
        if isinstance(cause, NewConnectionError):
            raise LlmDown(
                f"no language model answers at {where}", hint="start Ollama, or correct its address"
            ) from error
        if isinstance(error, requests.ConnectTimeout):
            raise LlmDown(f"{where} took no connection in time") from error
        if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError) or is_over():
            raise DeadlineExceeded(f"the language model at {where} did not answer in time") from error
        raise LlmFailed(f"the connection to {where} broke ({type(cause).__name__})") from error


def _cause(error: requests.RequestException) -> object:
    """Return what urllib3 raised beneath, out of its retry wrapper."""
    first: object = error.args[0] if error.args else error
    return getattr(first, "reason", None) or first


def too_long() -> PromptTooLong:
    """Return the error for a prompt, or a prompt and its answer, that the model's context has no room for."""
    return PromptTooLong(hint="shorten the categories' descriptions, or raise OLLAMA_CONTEXT_LENGTH on the server")


def refusal(status: int, body: bytes, *, model: str) -> EmailAgentError:
    """Return the error for an answer that is not 200."""
    words = _words(body)
    if any(sign in words for sign in TOO_LONG):
        return too_long()
    if status == HTTPStatus.NOT_FOUND and "model" in words and "not found" in words:
        return ModelMissing(f"the model {model!r} is not on the language model's server", hint=f"ollama pull {model}")
    failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind, what = _BY_STATUS.get(status, (LlmFailed, "broke down") if failed else (BadAnswer, "refused the call"))
    return kind(f"the language model's server {what} ({status}){_shown(words)}")


def _words(body: bytes) -> str:
    """Return the server's own `error`; of newer servers it is the JSON of another server behind it."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    says = document.get("error") if isinstance(document, dict) else None
    return says[:MAX_READ_CHARS] if isinstance(says, str) else ""


def _shown(words: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in words)
    if len(shown) > MAX_SHOWN_CHARS:
        shown = shown[: MAX_SHOWN_CHARS - 1] + "…"
    return f": {shown}" if shown else ""
