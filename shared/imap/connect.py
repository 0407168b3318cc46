"""From nothing to an authenticated connection: TCP, TLS, capabilities, login."""

import base64
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import BadAnswer, InvalidSettings, LoginRefused, MailServerDown, StaleClaim
from shared.imap.answers import capabilities
from shared.imap.faults import network_faults, slow_down
from shared.imap.names import quote
from shared.imap.wire import CONDITION, Answer, Part, Wire
from shared.records import Account, Tls

KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 3}  # seconds, seconds, probes
PRINTABLE_ASCII = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which terms to talk: the longest wait for the server, and until when, on `clock`, commands may be sent."""

    timeout_s: float
    lease_until: float
    clock: Callable[[], float]


def connect(account: Account, password: str, terms: Terms) -> tuple[Wire, frozenset[str]]:
    """Return an authenticated connection and its capabilities."""
    wire = _dial(account, terms)
    try:
        offered, authenticated = _greeting(wire)
        if account.tls is Tls.STARTTLS:
            offered = _start_tls(wire, account, offered, authenticated)
        if not authenticated:
            offered = _login(wire, account, password, offered or _ask_capabilities(wire))
        offered = offered or _ask_capabilities(wire)
    except BaseException:
        wire.close()
        raise
    wire.literal_plus = "LITERAL+" in offered
    return wire, offered


def _dial(account: Account, terms: Terms) -> Wire:
    where = f"{account.host}:{account.port}"
    if terms.clock() + terms.timeout_s > terms.lease_until:
        raise StaleClaim("the lease ends before the mail server could answer; nothing was sent")
    with network_faults(where):
        connection = socket.create_connection((account.host, account.port), timeout=terms.timeout_s)
    try:
        _tune(connection)
        if account.tls is Tls.NONE and not account.plaintext_allowed and not is_loopback(connection.getpeername()[0]):
            raise InvalidSettings(
                f"{where} is reached without TLS, and is not this machine",
                hint="set tls to tls or starttls, or write plaintext_allowed into the account",
            )
        if account.tls is Tls.TLS:
            with network_faults(where):
                connection = _secure(connection, account)
    except BaseException:
        connection.close()
        raise
    return Wire(connection, where, timeout_s=terms.timeout_s, lease_until=terms.lease_until, clock=terms.clock)


def _tune(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        if hasattr(socket, option):  # not on every system
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def is_loopback(address: str) -> bool:
    """Whether an address of a connected peer is this machine's own loopback."""
    return ipaddress.ip_address(address.partition("%")[0].removeprefix("::ffff:")).is_loopback


def _secure(connection: socket.socket, account: Account) -> ssl.SSLSocket:
    try:
        context = ssl.create_default_context(cafile=account.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise InvalidSettings("the account's CA file cannot be read as PEM certificates") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context.wrap_socket(connection, server_hostname=account.host)


def _greeting(wire: Wire) -> tuple[frozenset[str] | None, bool]:
    response = wire.response()
    match = CONDITION.fullmatch(response.line)
    if match is None or match[1] != b"*" or match[2].upper() not in (b"OK", b"PREAUTH"):
        wire.fail(BadAnswer(f"{wire.where} does not greet as an IMAP server", hint="check port and TLS mode"))
    return capabilities(match[3] or b""), match[2].upper() == b"PREAUTH"


def _ask_capabilities(wire: Wire) -> frozenset[str]:
    wire.send((b"CAPABILITY",))
    answer = wire.answer().expect_ok("CAPABILITY")
    offered = _told(answer)
    if offered is None:
        wire.fail(BadAnswer(f"{wire.where} does not say what it is capable of"))
    return offered


def _told(answer: Answer) -> frozenset[str] | None:
    told = capabilities(answer.code)
    for response in answer.untagged:
        told = capabilities(response.line[2:]) or told
    return told


def _start_tls(wire: Wire, account: Account, offered: frozenset[str] | None, authenticated: bool) -> frozenset[str]:
    """Go over to TLS; what was said before it counts for nothing (RFC 9051 section 6.2.1)."""
    if authenticated or "STARTTLS" not in (offered or _ask_capabilities(wire)):
        wire.fail(MailServerDown(f"{wire.where} offers no STARTTLS", hint="use tls: tls with port 993, if it has that"))
    wire.send((b"STARTTLS",))
    wire.answer().expect_ok("STARTTLS")
    wire.upgrade(lambda connection: _secure(connection, account))
    return _ask_capabilities(wire)


def _login(wire: Wire, account: Account, password: str, offered: frozenset[str]) -> frozenset[str] | None:
    if "\x00" in password + account.username:
        raise LoginRefused("user name or password hold a NUL, which no mail server accepts")
    plain_ascii = PRINTABLE_ASCII.fullmatch(password) and PRINTABLE_ASCII.fullmatch(account.username)
    wire.secrets = _forms(account.username, password)
    if "AUTH=PLAIN" in offered and ("LOGINDISABLED" in offered or not plain_ascii):
        answer = _authenticate_plain(wire, account.username, password, offered)
    elif "LOGINDISABLED" in offered:
        wire.fail(LoginRefused(f"{wire.where} allows no login on this connection", hint="set tls to tls or starttls"))
    else:
        wire.literal_plus = "LITERAL+" in offered
        answer = _send_login(wire, account.username, password)
    if answer.state != b"OK":
        wire.fail(_login_refusal(wire, account, answer))
    wire.secrets = ()
    return _told(answer)


def _forms(username: str, password: str) -> tuple[bytes, ...]:
    """Return a password as it goes over the wire, in lower case: in clear, quoted, and as SASL PLAIN has it."""
    plain = password.encode()
    quoted = plain.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return tuple(form.lower() for form in (plain, quoted, _sasl_plain(username, password)) if form)


def _send_login(wire: Wire, username: str, password: str) -> Answer:
    credentials: list[Part] = [quote(username.encode()), quote(password.encode())]
    tags = wire.send((b"LOGIN", *credentials))
    return _answer_to(wire, tags[0])


def _authenticate_plain(wire: Wire, username: str, password: str, offered: frozenset[str]) -> Answer:
    secret = _sasl_plain(username, password)
    if "SASL-IR" in offered:  # RFC 4959
        tags = wire.send((b"AUTHENTICATE", b"PLAIN", secret))
        return _answer_to(wire, tags[0])
    tags = wire.send((b"AUTHENTICATE", b"PLAIN"))
    response = wire.response()
    if not response.line.startswith(b"+"):
        refused = wire.tagged(response, [])
        return refused if refused is not None else _answer_to(wire, tags[0])
    wire.write(secret + b"\r\n")
    return _answer_to(wire, tags[0])


def _sasl_plain(username: str, password: str) -> bytes:
    return base64.b64encode(f"\0{username}\0{password}".encode())


def _answer_to(wire: Wire, tag: bytes) -> Answer:
    answer = wire.answer()
    while answer.tag != tag:
        answer = wire.answer()
    return answer


def _login_refusal(wire: Wire, account: Account, answer: Answer) -> LoginRefused | MailServerDown:
    code = wire.said(answer.code).partition(" ")[0].upper()
    slow = None if code == "AUTHENTICATIONFAILED" else slow_down(answer.code, answer.text)
    if slow is not None:
        return slow
    reason = answer.text or code or "no reason given"
    return LoginRefused(
        f"{wire.where} refuses the login of account {account.name!r}: {reason}",
        hint="check user name and password; many providers want an app password here",
    )
