"""A server on loopback that follows a script: what it waits for, what it answers, where it hangs up."""

import re
import socket
import ssl
import threading
from collections.abc import Sequence

PATIENCE_S = 5.0
Step = tuple[str, bytes]


class ScriptedServer:
    """Greets one client, then answers each line that matches the next step; ends when the client has gone.

    A line that does not match ends the conversation. With `starttls` the context is used after the step whose pattern
    is `STARTTLS`, else from the beginning.
    """

    def __init__(
        self, greeting: bytes, steps: Sequence[Step] = (), *, hang_up: bool = False,
        context: ssl.SSLContext | None = None, starttls: bool = False,
    ) -> None:  # fmt: skip
        self._greeting = greeting
        self._steps = steps
        self._hang_up = hang_up
        self._context = context
        self._starttls = starttls
        self.heard: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE_S)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._listener.close()
        self._thread.join(2 * PATIENCE_S)

    def _run(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        client.settimeout(PATIENCE_S)
        try:
            if self._context and not self._starttls:
                client = self._context.wrap_socket(client, server_side=True)
            self._converse(client)
        except OSError:
            pass  # the client has gone: the test says whether it should
        finally:
            client.close()

    def _converse(self, client: socket.socket) -> None:
        client.sendall(self._greeting)
        for pattern, answer in self._steps:
            line = _line(client)
            self.heard.append(line)
            if not re.search(pattern.encode(), line):
                return
            client.sendall(answer)
            if pattern == "STARTTLS" and self._context:
                client = self._context.wrap_socket(client, server_side=True)
        while not self._hang_up and (line := _line(client)):
            self.heard.append(line)
        if isinstance(client, ssl.SSLSocket):
            client.close()


def _line(client: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n") and (octet := client.recv(1)):
        line += octet
    return line
