"""The gateway to DNS: SRV and MX records, in seconds or not at all."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import dns.exception
import dns.name
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.IN.SRV import SRV

from shared.discovery.servers import SrvRecord
from shared.errors import DependencyDown, InvalidSettings

ONE_SERVER_S = 2.0
ALL_S = 6.0
"""For all questions about an address together."""
MAX_RECORDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NameServer:
    """Where to ask instead of the system's name servers."""

    host: str
    port: int


class Dns:
    """Asks the system's name servers, or `server`; whatever they answer is a stranger's word."""

    def __init__(self, server: NameServer | None = None, *, all_s: float = ALL_S) -> None:
        try:
            self._resolver = dns.resolver.Resolver(configure=server is None)
        except dns.exception.DNSException as error:
            raise DependencyDown("this system names no DNS server", hint="give the IMAP server: --host") from error
        if server is not None:
            self._resolver.nameservers = [server.host]
            self._resolver.port = server.port
        self._resolver.timeout = ONE_SERVER_S
        self._resolver.retry_servfail = False
        self._left_s = all_s

    def srv(self, name: str) -> Sequence[SrvRecord]:
        """Return the SRV records of a service."""
        return [
            SrvRecord(priority=one.priority, weight=one.weight, port=one.port, target=one.target.to_text())
            for one in self._ask(name, "SRV")
            if isinstance(one, SRV)
        ]

    def mx(self, domain: str) -> Sequence[str]:
        """Return the hosts that take a domain's mail in, the most preferred first."""
        records = [one for one in self._ask(domain, "MX") if isinstance(one, MX)]
        return [one.exchange.to_text() for one in sorted(records, key=lambda one: one.preference)]

    def _ask(self, name: str, kind: str) -> list[object]:
        started = time.monotonic()
        try:
            answer = self._resolver.resolve(
                dns.name.from_text(name), kind, search=False, raise_on_no_answer=False, lifetime=max(self._left_s, 0.1)
            )
            records: Iterable[object] = answer.rrset or ()
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.Timeout as error:
            raise DependencyDown("no name server answers", hint="give the IMAP server: --host") from error
        except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel) as error:
            raise InvalidSettings("the address's domain cannot be looked up") from error
        except (dns.exception.DNSException, OSError) as error:
            what = f"the name server gives no usable answer ({type(error).__name__})"
            raise DependencyDown(what, hint="give the IMAP server: --host") from error
        finally:
            self._left_s -= time.monotonic() - started
        return list(islice(records, MAX_RECORDS))
