"""`agent up`: the whole stack in the foreground; whatever ends it, nothing of it stays behind."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
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
TRIGGER = (sys.executable, "-m", "shared.cli", "trigger")
"""A program of its own: it ends before the functions do, and what is in flight has time to come back."""


class Stopped(BaseException):
    """Somebody asked us to stop."""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1; default: that of AGENT_GATEWAY_URL.")
@click.option("--trigger", "with_trigger", is_flag=True, help="Also sync each account when it is due.")
def up(*, port: int | None, with_trigger: bool) -> None:
    """Run the database and the functions in the foreground, until Ctrl-C; with --trigger leave it running.

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
        environment = server_environment(settings, url) | {"AGENT_GATEWAY_URL": f"http://{HOST}:{port}"}
        children = {"function server": stack.enter_context(_child(_gunicorn(port), environment))}
        _wait_until_ready(children["function server"], port)
        if with_trigger:
            children["trigger"] = stack.enter_context(_child(TRIGGER, environment))
        click.echo(f"ready: http://{HOST}:{port} (Ctrl-C stops it)", err=True)
        ended = _first_to_end(children)
        raise EmailAgentError(f"the {ended} ended by itself", hint="its last lines above say why")


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


def _gunicorn(port: int) -> list[str]:
    """Return the command that runs the functions."""
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--chdir", str(ROOT)]
    command += ["--bind", f"{HOST}:{port}", "--worker-class", "gthread", "--log-level", "warning"]
    command += ["--workers", str(WORKERS), "--threads", str(THREADS), "--graceful-timeout", "25"]
    return [*command, "functions.gateway:app"]


@contextmanager
def _child(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for as long as the context lasts; the kernel stops it if we die without saying so."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    child = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for us; we then stop it
        preexec_fn=(lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)) if prctl else None,  # noqa: PLW1509  (one thread)
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _first_to_end(children: Mapping[str, subprocess.Popen[bytes]]) -> str:
    """Wait until one of them ends; return its name."""
    while True:
        for name, child in children.items():
            if child.poll() is not None:
                return name
        time.sleep(POLL_S)


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
