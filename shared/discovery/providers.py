"""Mail providers: where their IMAP servers are, what they want instead of a password, and how to tell who is one."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.records import Tls

LOOPBACK = "127.0.0.1"


class SignIn(StrEnum):
    """What a provider lets a mail program log in with."""

    PASSWORD = "password"  # noqa: S105 - a word, not a secret
    APP_PASSWORD = "app password"  # noqa: S105 - likewise
    OAUTH = "oauth"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to log in."""

    host: str
    port: int = 993
    tls: Tls = Tls.TLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A mail provider; domains and MX hosts are in lower case, `mx` are ends of names.

    `local_part`: the user name is the address without its domain. `advice`: what to do before the login works.
    `caveat`: what is different about its mailboxes.
    """

    name: str
    title: str
    server: Server
    domains: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()
    sign_in: SignIn = SignIn.PASSWORD
    local_part: bool = False
    advice: str = ""
    caveat: str = ""

    def username(self, address: str) -> str:
        """Return the user name that belongs to an address."""
        return address.rpartition("@")[0] if self.local_part else address


def provider_of_domain(domain: str, known: Iterable[Provider]) -> Provider | None:
    """Return the provider whose own addresses end in this domain."""
    wanted = domain.lower().rstrip(".")
    return next((provider for provider in known if wanted in provider.domains), None)


def provider_of_server(host: str, port: int, known: Iterable[Provider]) -> Provider | None:
    """Return the provider that an IMAP server belongs to; on this machine many may listen, and the port tells."""
    wanted = host.lower().rstrip(".")
    of_host = (provider for provider in known if wanted == provider.server.host)
    return next((provider for provider in of_host if wanted != LOOPBACK or port == provider.server.port), None)


def provider_of_mx(exchangers: Iterable[str], known: Iterable[Provider]) -> Provider | None:
    """Return the provider that takes a domain's mail in; the most preferred exchanger that is known decides."""
    candidates = list(known)
    for exchanger in exchangers:
        for provider in candidates:
            if any(_is_below(exchanger, end) for end in provider.mx):
                return provider
    return None


def _is_below(name: str, end: str) -> bool:
    return name == end or name.endswith("." + end)
