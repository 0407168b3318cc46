"""A DNS server of our own: real UDP on loopback, a zone in a dictionary, and the ways in which others misbehave."""

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from shared.discovery.dns import NameServer

Zone = Mapping[tuple[str, str], Sequence[str]]
"""Records as text by name and type, such as ("example.org.", "MX"): ["10 mx.example.org."]."""

TTL_S = 60


def answer(query: dns.message.Message, zone: Zone) -> bytes | None:
    """Answer from the zone; a name of which it has no record at all does not exist."""
    (question,) = query.question
    name, kind = question.name.to_text().lower(), question.rdtype.name
    response = dns.message.make_response(query)
    records = zone.get((name, kind))
    if records:
        response.answer.append(dns.rrset.from_text_list(question.name, TTL_S, "IN", kind, list(records)))
    elif not any(known == name for known, _ in zone):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response.to_wire(max_size=65_000)


def silence(_query: dns.message.Message, _zone: Zone) -> bytes | None:
    return None


def garbage(query: dns.message.Message, _zone: Zone) -> bytes | None:
    return query.to_wire()[:12] + b"\xc0\x0c" * 200


def out_of_order(query: dns.message.Message, _zone: Zone) -> bytes | None:
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.SERVFAIL)
    return response.to_wire()


def cut_short(query: dns.message.Message, _zone: Zone) -> bytes | None:
    """Say that the answer is longer, while nobody listens on TCP."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC
    return response.to_wire()


@dataclass
class FakeNameServer:
    """Answers each query with `respond`; `asked` has the questions."""

    zone: Zone = field(default_factory=dict)
    respond: Callable[[dns.message.Message, Zone], bytes | None] = answer
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> "FakeNameServer":
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    @property
    def address(self) -> NameServer:
        return NameServer(host="127.0.0.1", port=self._socket.getsockname()[1])

    def _serve(self) -> None:
        while True:
            octets, client = self._socket.recvfrom(4096)
            if not octets:
                return
            query = dns.message.from_wire(octets)
            self.asked.append(f"{query.question[0].name} {query.question[0].rdtype.name}")
            response = self.respond(query, self.zone)
            if response is not None:
                self._socket.sendto(response, client)
