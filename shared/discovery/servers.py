"""From an e-mail address to its IMAP server: the table, else what the domain's DNS says (RFC 6186, RFC 8314)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.discovery.providers import Provider, Server, provider_of_domain, provider_of_mx, provider_of_server
from shared.discovery.table import PROVIDERS
from shared.errors import InvalidSettings
from shared.records import Tls

SERVICES = ((Tls.TLS, "_imaps._tcp"), (Tls.STARTTLS, "_imap._tcp"))
"""Implicit TLS first (RFC 8314 section 5.1); nobody is sent a password without TLS because a record says so."""

MAX_ADDRESS = 254
HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class SrvRecord:
    """One SRV record (RFC 2782), as DNS gave it."""

    priority: int
    weight: int
    port: int
    target: str


class Names(Protocol):
    """What is asked of DNS; nothing found is an empty answer, DependencyDown means that nobody answers."""

    def srv(self, name: str) -> Sequence[SrvRecord]:
        """The SRV records of a service's name."""

    def mx(self, domain: str) -> Sequence[str]:
        """The hosts that take a domain's mail in, the most preferred first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A server for an address, and who said so.

    `is_foreign`: the DNS, which anybody on the way may have forged, names a server of another domain. Its certificate
    would prove nothing about the address, so a person must accept it before it is sent a password (RFC 6186 section 6).
    """

    server: Server
    provider: Provider | None = None
    source: str
    is_foreign: bool = False


def domain_of(address: str) -> str:
    """Return the domain of an e-mail address, in the spelling of DNS; InvalidSettings if it has none."""
    local_part, at, domain = address.strip().rpartition("@")
    try:
        ascii_domain = domain.lower().rstrip(".").encode("idna").decode("ascii")
    except UnicodeError:
        ascii_domain = ""
    if not (at and local_part and len(address) <= MAX_ADDRESS and address.isprintable() and is_host(ascii_domain)):
        raise InvalidSettings("that is no e-mail address", hint="it looks like name@example.org")
    return ascii_domain


def is_host(name: str) -> bool:
    """Whether a name can be a server's: letters, digits and hyphens, at least two labels, no address in digits."""
    return HOST.fullmatch(name) is not None


def find_server(address: str, names: Names) -> Found | None:
    """Return where an address's mail can be read: by the table, then by SRV records, then by who takes its mail in."""
    domain = domain_of(address)
    provider = provider_of_domain(domain, PROVIDERS)
    if provider is not None:
        return Found(server=provider.server, provider=provider, source="known provider")
    return _by_srv(domain, names) or _by_mx(domain, names)


def _by_srv(domain: str, names: Names) -> Found | None:
    for tls, service in SERVICES:
        record = _best(names.srv(f"{service}.{domain}"))
        if record is not None:
            target = record.target.lower().rstrip(".")
            return Found(
                server=Server(host=target, port=record.port, tls=tls),
                provider=provider_of_server(target, record.port, PROVIDERS),
                source=f"SRV record {service}.{domain}",
                is_foreign=not (target == domain or target.endswith("." + domain)),
            )
    return None


def _best(records: Sequence[SrvRecord]) -> SrvRecord | None:
    """Return the record to use; a target of `.` says that there is no such service (RFC 6186 section 3.4)."""
    usable = [record for record in records if record.port and is_host(record.target.lower().rstrip("."))]
    # RFC 2782 draws lots by weight; an account has one server, so the heaviest it is.
    return min(usable, key=lambda record: (record.priority, -record.weight), default=None)


def _by_mx(domain: str, names: Names) -> Found | None:
    exchangers = [host.lower().rstrip(".") for host in names.mx(domain)]
    provider = provider_of_mx(exchangers, PROVIDERS)
    if provider is None:
        return None
    return Found(server=provider.server, provider=provider, source=f"MX record of {domain}", is_foreign=True)
