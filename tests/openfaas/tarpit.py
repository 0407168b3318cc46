"""A mail server that lets its callers wait: it greets after a while, or never."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

LISTEN_ON_ALL = "0.0.0.0"  # functions come over the bridge
CHUNK = 65536


@dataclass(kw_only=True)
class Tarpit:
    """Hands each connection to the real server once `open` is set."""

    real_port: int
    port: int = 0
    callers: int = 0
    open: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the test is over."""
        with contextlib.suppress(OSError):
            while True:
                caller, _ = listener.accept()
                self.callers += 1
                threading.Thread(target=self._hold, args=(caller,), daemon=True).start()

    def _hold(self, caller: socket.socket) -> None:
        with caller:
            while not self.open.wait(0.05):
                if self.ended.is_set():
                    return
            with socket.create_connection(("127.0.0.1", self.real_port)) as server:
                threading.Thread(target=_pump, args=(caller, server), daemon=True).start()
                _pump(server, caller)


@contextlib.contextmanager
def tarpit(real_port: int) -> Iterator[Tarpit]:
    """Listen on a free port for as long as the context lasts."""
    with socket.create_server((LISTEN_ON_ALL, 0)) as listener:
        pit = Tarpit(real_port=real_port, port=listener.getsockname()[1])
        threading.Thread(target=pit.serve, args=(listener,), daemon=True).start()
        try:
            yield pit
        finally:
            pit.ended.set()
            listener.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
