"""The ways to the mail server: straight to its port, or through a proxy that counts commands and may add a delay."""

from dataclasses import dataclass

from tests.faults.proxy import WireProxy


@dataclass(frozen=True, kw_only=True)
class Way:
    """Where a client connects to; without a proxy in between nobody counts."""

    host: str
    port: int
    proxy: WireProxy | None = None

    def begin(self) -> None:
        """Begin to count anew."""
        if self.proxy is not None:
            self.proxy.reset()

    def commands(self) -> int | None:
        """Return how many IMAP commands were sent since `begin`."""
        return None if self.proxy is None else len(self.proxy.commands)


def through(proxy: WireProxy) -> Way:
    """Return the way through a proxy."""
    return Way(host=proxy.host, port=proxy.port, proxy=proxy)
