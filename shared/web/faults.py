"""Every error becomes one JSON answer, here and nowhere else: never a stack, never mail content."""

import traceback
from pathlib import Path

from flask import Flask, Response, g, jsonify
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from shared.errors import BadRequest, EmailAgentError, TooLarge

INTERNAL_ERROR = 500
MAX_FRAMES = 8


def map_errors(app: Flask) -> None:
    """Register the mappings: our errors by their class, HTTP's own by their status, everything else as 500."""
    app.register_error_handler(EmailAgentError, _answer)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_bug)


def _answer(error: EmailAgentError) -> Response:
    if type(error).http_status == INTERNAL_ERROR:
        return _answer_bug(error)
    response = _document(type(error).__name__, error.detail, error.http_status, error.hint)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _too_large(_error: RequestEntityTooLarge) -> Response:
    return _answer(TooLarge())


def _answer_http(error: HTTPException) -> Response:
    code = error.code or INTERNAL_ERROR
    name = BadRequest.__name__ if code == BadRequest.http_status else type(error).__name__
    return _document(name, f"{code} {error.name}", code)


def _answer_bug(error: Exception) -> Response:
    """Say nothing but the call id; the log line gets the places in the code, without the exception's text."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    g.bug = [type(error).__name__, *(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)]
    return _document("InternalError", "an error inside the function; its log line has the call id", INTERNAL_ERROR)


def _document(name: str, detail: str, status: int, hint: str = "") -> Response:
    g.error = name
    document = {"error": name, "detail": detail, "call_id": g.call_id}
    response = jsonify(document | {"hint": hint} if hint else document)
    response.status_code = status
    return response
