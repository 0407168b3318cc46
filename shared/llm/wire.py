"""One HTTP exchange with the model's server: its own connection, cut at a deadline, its answer bounded."""

import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from shared import clock
from shared.errors import BadAnswer, DeadlineExceeded
from shared.llm.faults import network_faults

MAX_ANSWER_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
PASSWORD = re.compile(r"//[^/@]*@")
HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity", "Connection": "close"}


class Scissors(AbstractContextManager["Scissors"]):
    """Cuts this thread's connections at a deadline: a timeout for each read does not bound a server that drips."""

    def __init__(self, deadline: float, now: Callable[[], float]) -> None:
        self._deadline = deadline
        self._now = now
        self._timers: list[threading.Timer] = []

    def watch(self, connection: socket.socket) -> None:
        """Cut this connection when the time is over."""
        timer = threading.Timer(max(0.0, self._deadline - self._now()), _cut, [connection])
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def __enter__(self) -> "Scissors":
        """Connections that are made from now on are watched."""
        self._token = _scissors.set(self)
        return self

    def __exit__(self, *_exc: object) -> None:
        """The call is over: nothing is cut any more."""
        _scissors.reset(self._token)
        for timer in self._timers:
            timer.cancel()


def _cut(connection: socket.socket) -> None:
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)  # under TLS, too: nobody is told goodbye
    except OSError:
        return  # closed by now


_scissors: ContextVar[Scissors | None] = ContextVar("scissors", default=None)


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _watch(self.sock)


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _watch(self.sock)


def _watch(connection: socket.socket | None) -> None:
    scissors = _scissors.get()
    if scissors is not None and connection is not None:
        scissors.watch(connection)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: object, **options: object) -> None:
        super().init_poolmanager(*args, **options)  # type: ignore[arg-type]  # positions are requests' own
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def new_session() -> requests.Session:
    """Return a session whose connections can be cut. It reads no proxy from the environment: mail goes to the model."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", _Adapter())
    session.mount("https://", _Adapter())
    return session


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Where the server is, and how to talk to it."""

    url: str
    connect_timeout_s: float
    now: Callable[[], float] = clock.now
    session: Callable[[], requests.Session] = new_session

    @property
    def where(self) -> str:
        """The address as errors may show it, without a password."""
        return PASSWORD.sub("//", self.url)

    def post(
        self, path: str, document: Mapping[str, object], *, deadline: float, max_bytes: int = MAX_ANSWER_BYTES
    ) -> Reply:
        """Send a JSON document, wait for the whole answer until the deadline."""
        return self._exchange("POST", path, json.dumps(document).encode(), deadline, max_bytes)

    def get(self, path: str, *, deadline: float) -> Reply:
        """Ask for something."""
        return self._exchange("GET", path, None, deadline, MAX_ANSWER_BYTES)

    def _exchange(self, method: str, path: str, body: bytes | None, deadline: float, max_bytes: int) -> Reply:
        left_s = deadline - self.now()
        if left_s <= 0:
            raise DeadlineExceeded("there is no time left to ask the language model")
        timeout = (min(self.connect_timeout_s, left_s), left_s)
        with (
            network_faults(self.where, lambda: self.now() >= deadline),
            Scissors(deadline, self.now),
            self.session() as session,
            session.request(
                method, self.url.rstrip("/") + path, data=body, headers=HEADERS, timeout=timeout, stream=True,
                allow_redirects=False,
            ) as response,
        ):  # fmt: skip
            return Reply(status=response.status_code, body=self._read(response, deadline, max_bytes))

    def _read(self, response: requests.Response, deadline: float, max_bytes: int) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise BadAnswer("the language model's server compressed an answer unasked")
        body = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > max_bytes:
                raise BadAnswer(f"the language model's server sent more than {max_bytes} bytes")
        if self.now() >= deadline:  # without a length, a cut looks like an end
            raise DeadlineExceeded(f"the language model at {self.where} did not answer in time")
        return bytes(body)
