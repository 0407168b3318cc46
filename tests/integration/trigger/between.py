"""A gateway between the trigger and the functions, where a test can step in as a call comes or its answer goes."""

import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import requests

FORWARDED = ("Content-Type", "X-Signature", "Retry-After")
TIMEOUT_S = 60

When = Literal["call", "answer"]


class Between:
    """Hands calls on to `gateway_url`; `on` arranges what is done once, in the middle of a function's first call."""

    def __init__(self, gateway_url: str) -> None:
        self.calls: list[str] = []
        self._gateway_url = gateway_url
        self._plans: dict[tuple[str, When], Callable[[], None]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Between":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def on(self, function: str, when: When, do: Callable[[], None]) -> None:
        """Do something when this function is called, or when its answer is about to be handed back; once."""
        self._plans[function, when] = do

    def reached(self, function: str, when: When) -> None:
        self._plans.pop((function, when), lambda: None)()

    def hand_on(self, path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        function = path.strip("/").split("/")[-1]
        self.calls.append(function)
        self.reached(function, "call")
        answer = requests.post(f"{self._gateway_url}{path}", data=body, headers=headers, timeout=TIMEOUT_S)
        self.reached(function, "answer")
        return answer

    def _handler(between) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                with suppress(BrokenPipeError, ConnectionResetError):  # who was killed does not listen
                    self._hand_on()

            def _hand_on(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name: self.headers[name] for name in FORWARDED if name in self.headers}
                answer = between.hand_on(self.path, body, headers)
                self.send_response(answer.status_code)
                for name in FORWARDED:
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        return Handler
