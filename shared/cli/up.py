"""`agent up`: the whole stack in the foreground; whatever ends it, nothing of it stays behind."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from urllib.parse import urlsplit

import click
import requests

from shared.cli.stack import alone_with_postgres, is_database_given, only_one_up, private_home
from shared.embedded.postgres import embedded_postgres
from shared.errors import DependencyDown, EmailAgentError
from shared.security.secret_files import SecretFiles
from shared.settings import ROOT, Settings
from shared.wiring import Wiring

HOST = "127.0.0.1"
DEFAULT_PORT = 8080
WORKERS = 2
THREADS = 8  # more than a function's calls in flight: health checks are answered while it is busy
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.1
PR_SET_PDEATHSIG = 1


class Stopped(BaseException):
    """Somebody asked us to stop."""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1; default: that of AGENT_GATEWAY_URL.")
def up(port: int | None) -> None:
    """Run the database and the functions in the foreground, until Ctrl-C.

    Ready when GET /function/fetch-batch/_/ready answers 200.
    """
    settings = Settings.from_environment()
    home = private_home(settings)
    port = port or urlsplit(settings.places.gateway_url).port or DEFAULT_PORT
    with _stop_on_signals(), ExitStack() as stack:
        stack.enter_context(only_one_up(home))
        _refuse_taken_port(port)
        SecretFiles(folder=settings.places.secrets_dir).create_missing()
        url = None
        if not is_database_given(settings):
            with alone_with_postgres(home):
                url = stack.enter_context(embedded_postgres(home))
        root = Wiring(settings, database_url=url)
        stack.callback(root.close)
        root.store.ping()  # also brings the schema up to date, before two workers try
        server = stack.enter_context(_gunicorn(port, server_environment(settings, url)))
        _wait_until_ready(server, port)
        click.echo(f"ready: http://{HOST}:{port} (Ctrl-C stops it)", err=True)
        server.wait()
        raise EmailAgentError("the function server ended by itself", hint="its last lines above say why")


@contextmanager
def _stop_on_signals() -> Iterator[None]:
    """Turn the signals that end a program into one orderly way out, which is a success."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)  # once is enough: the way out must not be interrupted
        raise Stopped

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    except Stopped:
        click.echo("stopped", err=True)


def _refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            hint = "choose another: scripts/agent up --port N, and set AGENT_GATEWAY_URL"
            raise EmailAgentError(f"port {port} on {HOST} is not free", hint=hint) from error


def server_environment(settings: Settings, embedded_url: str | None) -> dict[str, str]:
    """Return the environment of the functions: of secrets only where they lie, because an environment can be read.

    The URL of the embedded PostgreSQL names a socket of this user, and has no password.
    """
    ours = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "SECRETS_DIR": str(settings.places.secrets_dir.resolve())}
    return os.environ | ours | ({"DATABASE_URL": embedded_url} if embedded_url else {})


@contextmanager
def _gunicorn(port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the functions under gunicorn; the kernel stops it if we die without saying so."""
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--chdir", str(ROOT)]
    command += ["--bind", f"{HOST}:{port}", "--worker-class", "gthread", "--log-level", "warning"]
    command += ["--workers", str(WORKERS), "--threads", str(THREADS), "--graceful-timeout", "25"]
    command += ["functions.gateway:app"]
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    server = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for us; we then stop the server
        preexec_fn=(lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)) if prctl else None,  # noqa: PLW1509  (one thread)
    )
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DependencyDown("the function server did not start", hint="its last lines above say why")
        try:
            answer = requests.get(f"http://{HOST}:{port}/function/fetch-batch/_/ready", timeout=POLL_S * 20)
            if answer.ok:
                return
        except requests.RequestException:
            pass  # not listening yet
        time.sleep(POLL_S)
    raise DependencyDown(f"the functions were not ready within {START_TIMEOUT_S:.0f} s")
