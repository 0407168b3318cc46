"""The four functions under one WSGI app, each at /function/<name>, as an OpenFaaS gateway shows them."""

import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NAMES = ("fetch-batch", "classify-rules", "classify-llm", "apply-actions")
NAMESPACE = "openfaas-fn"  # faas-cli puts it behind the name of every function that it calls


def load_app(name: str) -> Flask:
    """Load a function's app from its file: the folder's name has a hyphen, so it cannot be imported."""
    path = Path(__file__).parent / name / "handler.py"
    spec = importlib.util.spec_from_file_location(f"functions.{name.replace('-', '_')}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no handler in {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app = module.app
    if not isinstance(app, Flask):
        raise ImportError(f"{path} defines no Flask app")
    return app


def with_or_without_slash(app: Flask) -> "WSGIApplication":
    """Answer /function/<name> like /function/<name>/, without a redirect."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["PATH_INFO"] = environ.get("PATH_INFO") or "/"
        return app(environ, start_response)

    return answer


def not_found(_environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Say in JSON that there is no such function."""
    body = json.dumps({"error": "NotFound", "detail": "no such function"}).encode()
    start_response("404 Not Found", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def mounts() -> dict[str, "WSGIApplication"]:
    """Load each function once, and mount it by its name and by its name in OpenFaaS's own namespace."""
    loaded = {name: with_or_without_slash(load_app(name)) for name in NAMES}
    return {f"/function/{name}{where}": app for name, app in loaded.items() for where in ("", f".{NAMESPACE}")}


app = DispatcherMiddleware(not_found, mounts())
