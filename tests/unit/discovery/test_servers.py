"""From an address to its server: the table first, then DNS, which is a stranger's word."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from shared.discovery.providers import Server, SignIn, provider_of_domain, provider_of_server
from shared.discovery.servers import Found, SrvRecord, domain_of, find_server, is_host
from shared.discovery.table import PROVIDERS
from shared.errors import InvalidSettings
from shared.records import Tls


@dataclass
class FakeNames:
    """DNS in memory; `asked` has the names."""

    srvs: dict[str, list[SrvRecord]] = field(default_factory=dict)
    mxs: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def srv(self, name: str) -> Sequence[SrvRecord]:
        self.asked.append(name)
        return self.srvs.get(name, [])

    def mx(self, domain: str) -> Sequence[str]:
        self.asked.append(domain)
        return self.mxs


def record(target: str, *, priority: int = 0, weight: int = 0, port: int = 993) -> SrvRecord:
    return SrvRecord(priority=priority, weight=weight, port=port, target=target)


def found(names: FakeNames, address: str = "me@example.org") -> Found:
    server = find_server(address, names)
    assert server is not None
    return server


@pytest.mark.parametrize(
    ("address", "host", "username"),
    [
        ("me@gmail.com", "imap.gmail.com", "me@gmail.com"),
        ("me@GoogleMail.com", "imap.gmail.com", "me@GoogleMail.com"),
        ("me@hotmail.com", "outlook.office365.com", "me@hotmail.com"),
        ("me@icloud.com", "imap.mail.me.com", "me"),
        ("me@yahoo.co.uk", "imap.mail.yahoo.com", "me@yahoo.co.uk"),
        ("me@gmx.de", "imap.gmx.net", "me@gmx.de"),
        ("me@web.de", "imap.web.de", "me"),
        ("me@free.fr", "imap.free.fr", "me"),
        ("me@proton.me", "127.0.0.1", "me@proton.me"),
        ("me@163.com", "imap.163.com", "me@163.com"),
    ],
)
def test_big_providers_are_known(address: str, host: str, username: str) -> None:
    """An address of a big provider needs no DNS, and its user name is what the provider expects."""
    names = FakeNames()

    server = found(names, address)

    assert server.provider is not None
    assert (host, username, False, []) == (
        server.server.host,
        server.provider.username(address),
        server.is_foreign,
        names.asked,
    )


def test_implicit_tls_is_preferred() -> None:
    """Of both services the one with TLS from the first byte is taken (RFC 8314), whatever the priorities say."""
    names = FakeNames(
        srvs={
            "_imap._tcp.example.org": [record("mail.example.org.", port=143)],
            "_imaps._tcp.example.org": [record("mail.example.org.", priority=50)],
        }
    )

    assert Server(host="mail.example.org", port=993, tls=Tls.TLS) == found(names).server


def test_plain_imap_means_starttls() -> None:
    """No record makes anybody send a password without TLS."""
    names = FakeNames(srvs={"_imap._tcp.example.org": [record("mail.example.org.", port=143)]})

    assert Server(host="mail.example.org", port=143, tls=Tls.STARTTLS) == found(names).server


def test_priority_then_weight() -> None:
    """The lowest priority wins, and among those the heaviest (RFC 2782, without the lots)."""
    records = [
        record("c.example.org.", priority=20, weight=90),
        record("a.example.org.", priority=10, weight=1),
        record("b.example.org.", priority=10, weight=5),
    ]

    assert "b.example.org" == found(FakeNames(srvs={"_imaps._tcp.example.org": records})).server.host


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("example.org.", False),
        ("IMAP.Example.Org.", False),
        ("imap.elsewhere.example.", True),
        ("imapexample.org.", True),
        ("example.org.elsewhere.example.", True),
    ],
)
def test_another_domain_is_foreign(target: str, expected: bool) -> None:
    """A server outside the address's domain must be accepted by a person (RFC 6186 section 6)."""
    names = FakeNames(srvs={"_imaps._tcp.example.org": [record(target)]})

    assert expected is found(names).is_foreign


@pytest.mark.parametrize(
    "target",
    [
        ".",
        "",
        "localhost.",
        "127.0.0.1.",
        "10.0.0.1",
        "\\027[31mred.example.org.",
        "a b.example.org.",
        "-x.example.org.",
        "x" * 64 + ".example.org.",
        "a." * 126 + "example.org.",
        "ïmap.example.org.",
    ],
)
def test_what_is_no_host_name_is_no_server(target: str) -> None:
    """`.` says that there is no such service (RFC 6186 section 3.4), and other targets are nonsense or an attack."""
    assert find_server("me@example.org", FakeNames(srvs={"_imaps._tcp.example.org": [record(target)]})) is None


def test_port_zero_is_no_server() -> None:
    """A record that names no port names no server."""
    assert (
        find_server("me@example.org", FakeNames(srvs={"_imaps._tcp.example.org": [record("a.example.org.", port=0)]}))
        is None
    )


@pytest.mark.parametrize(
    ("exchangers", "expected"),
    [
        (["aspmx.l.google.com.", "alt1.aspmx.l.google.com."], "gmail"),
        (["SMTP.Google.com."], "gmail"),
        (["example-org.mail.protection.outlook.com."], "office365"),
        (["in1-smtp.messagingengine.com."], "fastmail"),
        (["backup.example.org.", "mx1.mail.ovh.net."], "ovh"),
        (["mx2.mail.ovh.net.", "aspmx.l.google.com."], "ovh"),
    ],
)
def test_who_takes_the_mail_in_has_it(exchangers: list[str], expected: str) -> None:
    """Without SRV records the MX hosts of a big provider tell, and a person must accept what they tell."""
    server = found(FakeNames(mxs=exchangers))

    assert server.provider is not None
    assert (expected, True) == (server.provider.name, server.is_foreign)


@pytest.mark.parametrize(
    "exchanger", ["google.com.evil.example.", "notgoogle.com.", "mx.example.org.", ".", "\\000.google.com.x."]
)
def test_strange_exchangers_mean_nothing(exchanger: str) -> None:
    """Only the end of a name, label by label, says whose host it is."""
    assert find_server("me@example.org", FakeNames(mxs=[exchanger])) is None


def test_international_domains_are_asked_for_in_dns_spelling() -> None:
    """A domain with letters beyond ASCII is looked up as DNS knows it."""
    names = FakeNames()

    find_server("ich@bücher.example", names)

    assert "_imaps._tcp.xn--bcher-kva.example" == names.asked[0]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "me",
        "@example.org",
        "me@",
        "me@localhost",
        "me@192.0.2.1",
        "me@exa mple.org",
        "m\x1be@example.org",
        "me@.",
        "a@" + "b." * 200 + "c",
        "me@xn--\ud800.org",
        "me@-example.org",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """What cannot be an e-mail address asks nobody anything."""
    with pytest.raises(InvalidSettings):
        domain_of(address)


# -- the table


def test_the_table_is_unambiguous() -> None:
    """No name, domain or MX end stands for two providers."""
    for words in (
        [provider.name for provider in PROVIDERS],
        [domain for provider in PROVIDERS for domain in provider.domains],
        [end for provider in PROVIDERS for end in provider.mx],
    ):
        assert sorted(set(words)) == sorted(words)


def test_the_table_is_in_dns_spelling() -> None:
    """Domains, MX ends and hosts are names in lower case; only what runs on this machine is an address."""
    words = [word for provider in PROVIDERS for word in (*provider.domains, *provider.mx, provider.server.host)]

    assert {"127.0.0.1", ""} == {word for word in words if not is_host(word)}


def test_no_password_travels_without_tls() -> None:
    """Every server in the table is reached with TLS, from the first byte but for the bridge on this machine."""
    assert {Tls.STARTTLS: {"127.0.0.1"}} == {
        tls: {p.server.host for p in PROVIDERS if p.server.tls is tls} for tls in (Tls.STARTTLS,)
    }
    assert [] == [provider.name for provider in PROVIDERS if provider.server.tls is Tls.NONE]


def test_who_wants_no_password_says_what_to_do() -> None:
    """A provider that takes only app passwords, OAuth or no mail program at all comes with advice."""
    assert [] == [p.name for p in PROVIDERS if p.sign_in is not SignIn.PASSWORD and not p.advice]


def test_a_provider_is_known_by_domain_and_by_host() -> None:
    """The advice for a stored account is found by its host."""
    gmail = provider_of_domain("gmail.com", PROVIDERS)

    assert gmail is not None
    assert gmail == provider_of_server("IMAP.gmail.com", 993, PROVIDERS)
    assert provider_of_server("imap.example.org", 993, PROVIDERS) is None


def test_this_machine_is_no_provider() -> None:
    """Of the many servers that may listen here only the bridge's port is the bridge."""
    bridge = provider_of_domain("proton.me", PROVIDERS)

    assert (bridge, None) == tuple(provider_of_server("127.0.0.1", port, PROVIDERS) for port in (1143, 143))
