"""Connecting and logging in: TLS that is verified, servers that misbehave, and what the owner is told of it."""

import base64
import dataclasses
import socket
from pathlib import Path

import pytest

from shared.errors import (
    BadAnswer,
    DeadlineExceeded,
    EmailAgentError,
    InvalidSettings,
    LoginRefused,
    MailServerDown,
    StaleClaim,
    Throttled,
)  # fmt: skip
from shared.imap.connect import is_loopback
from shared.records import Tls
from tests.conformance.imap.authority import Authority
from tests.conformance.imap.conftest import account, open_account
from tests.conformance.imap.scripted import ScriptedServer, Step
from tests.fixtures.dovecot import DovecotOptions, DovecotServer, DovecotUser, free_port, require_dovecot

HELLO = b"* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN] ready\r\n"
WELCOME: Step = ("^A1 LOGIN", b"A1 OK [CAPABILITY IMAP4rev1 MOVE UIDPLUS] welcome\r\n")
TLS_HELLO = b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n"
GOOD = "correct horse"
SASL_PLAIN = base64.b64encode(f"\0bob\0{GOOD}".encode())


def connect_to(
    server: ScriptedServer,
    tls: Tls = Tls.NONE,
    ca_file: Path | None = None,
    password: str = GOOD,
    timeout_s: float = 2.0,
) -> frozenset[str]:
    at = account("127.0.0.1", server.port, "bob", tls, str(ca_file) if ca_file else None)
    with open_account(at, password, timeout_s) as session:
        return frozenset(word for word in ("MOVE", "UIDPLUS", "IDLE") if session.has(word))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A fresh certificate authority."""
    return Authority(folder=tmp_path)


def test_a_login_costs_one_command() -> None:
    """Capabilities in the greeting and in LOGIN's answer are not asked for again."""
    with ScriptedServer(HELLO, [WELCOME]) as server:
        abilities = connect_to(server)

    assert {"MOVE", "UIDPLUS"} == abilities
    assert [b'A1 LOGIN "bob" "correct horse"\r\n', b"A2 LOGOUT\r\n"] == server.heard


def test_capabilities_are_asked_for_where_they_are_not_told() -> None:
    """A server that says nothing of itself is asked, before and after the login."""
    steps = [
        ("^A1 CAPABILITY", b"* CAPABILITY IMAP4rev1\r\nA1 OK\r\n"),
        ("^A2 LOGIN", b"A2 OK\r\n"),
        ("^A3 CAPABILITY", b"* CAPABILITY IMAP4rev1 MOVE\r\nA3 OK\r\n"),
    ]
    with ScriptedServer(b"* OK ready\r\n", steps) as server:
        assert {"MOVE"} == connect_to(server)


def test_a_password_beyond_ascii_goes_by_authenticate_plain() -> None:
    """UTF-8 passwords travel in SASL PLAIN (RFC 4616)."""
    steps = [("^A1 AUTHENTICATE PLAIN ", b"A1 OK [CAPABILITY IMAP4rev1] welcome\r\n")]
    with ScriptedServer(HELLO, steps) as server:
        connect_to(server, password="pässword")

    assert "\0bob\0pässword" == base64.b64decode(server.heard[0].split()[-1]).decode()


def test_authenticate_plain_waits_for_the_go_ahead_without_sasl_ir() -> None:
    """Servers without SASL-IR get the response in a line of its own."""
    steps = [
        ("^A1 AUTHENTICATE PLAIN\r", b"+ \r\n"),
        ("^AGJvYgBww6RzcwA?=*\r", b"A1 OK [CAPABILITY IMAP4rev1] welcome\r\n"),
    ]
    with ScriptedServer(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n", steps) as server:
        connect_to(server, password="päss")


def test_a_disabled_login_is_not_tried() -> None:
    """Where the server says LOGINDISABLED the password never leaves us."""
    with (
        ScriptedServer(b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\r\n") as server,
        pytest.raises(LoginRefused, match="no login"),
    ):
        connect_to(server)

    assert not any(b"LOGIN" in line for line in server.heard)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"A1 NO [AUTHENTICATIONFAILED] wrong: correct horse\r\n", LoginRefused),
        (b"A1 NO " + b"x" * 150 + b" correct horse\r\n", LoginRefused),
        (b"A1 NO [CORRECT HORSE]\r\n", LoginRefused),
        (b'A1 BAD syntax: A1 LOGIN bob "correct horse"\r\n', BadAnswer),
        (b'* BYE syntax: A1 LOGIN bob "Correct Horse"\r\n', MailServerDown),
        (b"A1 NO bad: AUTHENTICATE PLAIN " + SASL_PLAIN + b"\r\n", LoginRefused),
        (b"A1 NO no\r\n", LoginRefused),
        (b"A1 NO [UNAVAILABLE] later\r\n", Throttled),
        (b"A1 NO [ALERT] Too many simultaneous connections. (Failure)\r\n", Throttled),
        (b"A1 BAD what?\r\n", BadAnswer),
        (b"* BYE go away\r\n", MailServerDown),
    ],
)
def test_a_refused_login_never_shows_the_password(answer: bytes, error: type[EmailAgentError]) -> None:
    """Each refusal has its own error, and what the server repeats of the password is left out."""
    with ScriptedServer(HELLO, [("LOGIN", answer)], hang_up=True) as server, pytest.raises(error) as caught:
        connect_to(server)

    shown = str(caught.value).lower()
    assert [False] * 3 == [secret in shown for secret in (GOOD, "correct", SASL_PLAIN.decode().lower())]


@pytest.mark.parametrize(
    ("greeting", "error"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", BadAnswer),
        (b"\x16\x03\x01\x00\r\n", BadAnswer),
        (b"+OK POP3 ready\r\n", BadAnswer),
        (b"* BYE Too many connections\r\n", Throttled),
        (b"* BYE closed for today\r\n", MailServerDown),
        (b"", MailServerDown),
        (b"* OK rea", MailServerDown),
    ],
)
def test_what_is_no_imap_server_is_told_apart(greeting: bytes, error: type[EmailAgentError]) -> None:
    """The first line decides; the password is not sent."""
    with ScriptedServer(greeting, hang_up=True) as server, pytest.raises(error):
        connect_to(server)

    assert [] == server.heard


def test_a_server_that_says_nothing_is_given_up() -> None:
    """Silence ends with the timeout."""
    with ScriptedServer(b"") as server, pytest.raises(DeadlineExceeded):
        connect_to(server, timeout_s=0.2)


@pytest.mark.parametrize("host", ["nowhere.invalid", "no..where", "x" * 70])
def test_a_host_that_does_not_exist_is_named(host: str) -> None:
    """The sentence says what is wrong and the hint what to do."""
    with pytest.raises(MailServerDown, match=r"no such host|cannot be looked up") as caught:
        open_account(account(host, 993, "bob", Tls.TLS), GOOD).__enter__()

    assert host in caught.value.detail
    assert "host name" in caught.value.hint


def test_a_refused_connection_is_told() -> None:
    """Nobody listens there."""
    with pytest.raises(MailServerDown, match="refuses the connection"):
        open_account(account("127.0.0.1", free_port(), "bob"), GOOD).__enter__()


def test_no_connection_is_opened_under_a_lease_that_ends() -> None:
    """The law holds before the first octet, too."""
    with pytest.raises(StaleClaim):
        open_account(account("127.0.0.1", free_port(), "bob"), GOOD, timeout_s=5, lease_s=4).__enter__()


@pytest.mark.parametrize(("address", "expected"), [("127.0.0.1", True), ("::1", True), ("192.0.2.7", False)])
def test_only_this_machine_is_loopback(address: str, expected: bool) -> None:
    """The address of the peer decides, not the name that was asked for."""

    assert expected is is_loopback(address)


def test_without_tls_another_machine_gets_no_password() -> None:
    """`none` to an address of this machine that is not loopback is refused, unless its owner wrote it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; tells our own address
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = probe.getsockname()[0]
    with socket.create_server((address, 0)) as listener:
        at = account(address, listener.getsockname()[1], "bob")
        with pytest.raises(InvalidSettings, match="without TLS"):
            open_account(at, GOOD).__enter__()
        with pytest.raises(DeadlineExceeded):
            open_account(dataclasses.replace(at, plaintext_allowed=True), GOOD, timeout_s=0.1).__enter__()


# -- TLS


def test_tls_with_the_accounts_own_authority(authority: Authority) -> None:
    """A custom CA file makes a private server trusted."""
    with ScriptedServer(HELLO, [WELCOME], context=authority.server_context()) as server:
        assert {"MOVE", "UIDPLUS"} == connect_to(server, Tls.TLS, authority.ca_file)


@pytest.mark.parametrize("starttls", [False, True])
def test_an_unknown_authority_is_refused(authority: Authority, starttls: bool) -> None:
    """Without its CA file a private server is not trusted, and gets no password."""
    steps = [("STARTTLS", b"A1 OK go\r\n")] if starttls else []
    context = authority.server_context()
    with (
        ScriptedServer(TLS_HELLO if starttls else HELLO, steps, context=context, starttls=starttls) as server,
        pytest.raises(MailServerDown, match="unknown authority") as caught,
    ):
        connect_to(server, Tls.STARTTLS if starttls else Tls.TLS)

    assert "CA file" in caught.value.hint
    assert not any(b"LOGIN" in line for line in server.heard)


@pytest.mark.parametrize("host", ["mail.example.org", "127.0.0.2"])
def test_a_certificate_for_another_name_is_refused(authority: Authority, host: str) -> None:
    """The name is verified, always."""
    with (
        ScriptedServer(HELLO, [WELCOME], context=authority.server_context(host)) as server,
        pytest.raises(MailServerDown, match="another name"),
    ):
        connect_to(server, Tls.TLS, authority.ca_file)


def test_an_expired_certificate_is_refused(authority: Authority) -> None:
    """Expiry has a sentence of its own."""
    with (
        ScriptedServer(HELLO, [WELCOME], context=authority.server_context(expired=True)) as server,
        pytest.raises(MailServerDown, match="expired"),
    ):
        connect_to(server, Tls.TLS, authority.ca_file)


def test_tls_to_a_plain_port_says_so() -> None:
    """Talking TLS to a server that does not gives a hint about ports."""
    with ScriptedServer(HELLO) as server, pytest.raises(MailServerDown, match="no TLS connection") as caught:
        connect_to(server, Tls.TLS)

    assert "993" in caught.value.hint


def test_a_ca_file_that_is_none_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    """An unreadable CA file is not taken for no CA file."""
    (tmp_path / "ca.pem").write_text("no certificate")
    with ScriptedServer(HELLO) as server, pytest.raises(InvalidSettings, match="CA file"):
        connect_to(server, Tls.TLS, tmp_path / "ca.pem")


def test_starttls_asks_for_capabilities_anew(authority: Authority) -> None:
    """What was said before TLS counts for nothing."""
    steps = [
        ("STARTTLS", b"A1 OK go\r\n"),
        ("^A2 CAPABILITY", b"* CAPABILITY IMAP4rev1\r\nA2 OK\r\n"),
        ("^A3 LOGIN", b"A3 OK [CAPABILITY IMAP4rev1 MOVE] welcome\r\n"),
    ]
    with ScriptedServer(TLS_HELLO, steps, context=authority.server_context(), starttls=True) as server:
        assert {"MOVE"} == connect_to(server, Tls.STARTTLS, authority.ca_file)


def test_answers_injected_ahead_of_tls_are_refused(authority: Authority) -> None:
    """Octets behind the OK of STARTTLS came from whoever sits in between (CVE-2021-33515)."""
    with (
        ScriptedServer(TLS_HELLO, [("STARTTLS", b"A1 OK go\r\n* PREAUTH hello\r\n")]) as server,
        pytest.raises(BadAnswer, match="before TLS"),
    ):
        connect_to(server, Tls.STARTTLS, authority.ca_file)


@pytest.mark.parametrize("greeting", [HELLO, b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome\r\n"])
def test_starttls_is_never_given_up(greeting: bytes) -> None:
    """A server, or somebody in between, that leaves out STARTTLS gets no password."""
    with ScriptedServer(greeting) as server, pytest.raises(MailServerDown, match="no STARTTLS"):
        connect_to(server, Tls.STARTTLS)

    assert [] == server.heard


# -- real


def test_a_wrong_password_is_refused_by_dovecot(dovecot: DovecotUser) -> None:
    """A real refusal is LoginRefused with a hint."""
    with pytest.raises(LoginRefused) as caught:
        open_account(account(dovecot.host, dovecot.port, dovecot.user), "wrong").__enter__()

    assert "password" in caught.value.hint


@pytest.mark.parametrize("password", ['qu"ote\\', "pässwörd", "x" * 300])
def test_dovecot_understands_every_password(dovecot: DovecotUser, password: str) -> None:
    """Quotes, other scripts and length make no difference."""
    user = dovecot.server.add_user(f"odd-{len(password)}-{dovecot.user}", password)
    with open_account(account(user.host, user.port, user.user), password) as session:
        assert session.can_move


@pytest.mark.parametrize("tls", [Tls.TLS, Tls.STARTTLS])
def test_dovecot_speaks_tls_with_us(authority: Authority, tls: Tls) -> None:
    """Both ways into TLS work against a real server, which refuses everything before it."""
    require_dovecot()
    authority.server_context()
    options = DovecotOptions(
        tls_cert=authority.folder / "server.pem", tls_key=authority.folder / "server.key", tls_required=True
    )
    with DovecotServer(options=options) as server:
        user = server.add_user("bob@example.org")
        port = server.tls_port if tls is Tls.TLS else server.port
        with open_account(account(user.host, port, user.user, tls, str(authority.ca_file)), user.password) as session:
            assert session.examine("INBOX").messages == 0
