"""DNS over real UDP: what it says, and how it can fail."""

import pytest

from shared.discovery.dns import MAX_RECORDS, Dns
from shared.discovery.servers import SrvRecord, find_server, is_host
from shared.errors import DependencyDown
from tests.fakes.name_server import FakeNameServer, cut_short, garbage, out_of_order, silence

ZONE = {
    ("_imaps._tcp.example.org.", "SRV"): ["10 5 993 mail.example.org.", "20 0 1993 imap.elsewhere.example."],
    ("example.net.", "MX"): ["20 alt.example.net.", "10 aspmx.l.google.com."],
    ("example.com.", "A"): ["192.0.2.1"],
}


def test_records_come_as_they_stand() -> None:
    """SRV records with all their numbers, MX hosts with the most preferred first."""
    with FakeNameServer(ZONE) as server:
        names = Dns(server.address)
        records, exchangers = names.srv("_imaps._tcp.example.org"), names.mx("example.net")

    assert SrvRecord(priority=10, weight=5, port=993, target="mail.example.org.") in records
    assert ["aspmx.l.google.com.", "alt.example.net."] == exchangers


def test_nothing_found_is_no_error() -> None:
    """A domain that does not exist, or has no such records, is an empty answer, and no server."""
    with FakeNameServer(ZONE) as server:
        names = Dns(server.address)
        found = [names.mx("nowhere.example"), names.srv("_imaps._tcp.example.com"), names.mx("example.com")]
        nothing = find_server("me@example.com", names)

    assert ([[], [], []], None) == (found, nothing)


def test_an_address_costs_three_questions() -> None:
    """Both services, then the MX: nothing else is asked, and no search list is tried."""
    with FakeNameServer(ZONE) as server:
        find_server("me@unknown.example", Dns(server.address))
        asked = list(server.asked)

    assert ["_imaps._tcp.unknown.example. SRV", "_imap._tcp.unknown.example. SRV", "unknown.example. MX"] == asked


@pytest.mark.parametrize("respond", [silence, garbage, out_of_order, cut_short], ids=lambda respond: respond.__name__)
def test_a_name_server_that_is_no_use(respond: object) -> None:
    """Silence, garbage, SERVFAIL and an answer that is never finished end soon, and say how to do without."""
    with FakeNameServer(ZONE, respond=respond) as server, pytest.raises(DependencyDown) as refused:  # type: ignore[arg-type]
        find_server("me@example.org", Dns(server.address, all_s=0.5))

    assert "--host" in refused.value.hint


def test_a_flood_of_records_is_cut() -> None:
    """Of a huge answer only the beginning is looked at."""
    many = {("example.org.", "MX"): [f"{number} mx{number}.example.org." for number in range(500)]}

    with FakeNameServer(many) as server:
        assert MAX_RECORDS == len(Dns(server.address).mx("example.org"))


def test_hostile_names_are_no_hosts() -> None:
    """Names with control characters, dots inside labels or spaces do not pass for a server's."""
    targets = ["\\027[2Jmail.example.org.", "mail\\.example.org.", "mail\\032server.example.org.", "."]
    zone = {("_imaps._tcp.example.org.", "SRV"): [f"0 0 993 {target}" for target in targets]}

    with FakeNameServer(zone) as server:
        names = Dns(server.address)
        told = [record.target for record in names.srv("_imaps._tcp.example.org")]
        found = find_server("me@example.org", names)

    assert (4, [], None) == (len(told), [target for target in told if is_host(target.rstrip("."))], found)


def test_no_name_server_at_all() -> None:
    """Where nobody listens it is said, and not waited for long."""
    with FakeNameServer() as server:
        address = server.address

    with pytest.raises(DependencyDown):
        Dns(address, all_s=0.5).mx("example.org")
