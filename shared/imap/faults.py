"""Foreign exceptions and refusals as the errors of email-agent: without passwords, mail or raw data in them."""

import math
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from imapclient.exceptions import ProtocolError

from shared.errors import BadAnswer, DeadlineExceeded, EmailAgentError, MailServerDown, Throttled

MAX_DETAIL = 160
MAX_BACKOFF_S = 86_400

VERDICT_CODES = frozenset({b"OVERQUOTA", b"LIMIT"})  # RFC 5530; of a mail or a mailbox they are a final answer
SLOW_DOWN_CODES = frozenset({b"THROTTLED", b"UNAVAILABLE", b"INUSE"})
DOVECOT_TIMING = re.compile(r" \([0-9.+ ]+ secs\)")
BACKOFF = re.compile(r"Suggested Backoff Time: (\d{1,12}) milliseconds", re.I)
SLOW_DOWN_WORDS = re.compile(
    r"throttled|too many (simultaneous )?(connections|commands|requests)|maximum number of connections"
    r"|bandwidth limits|authenticated but not connected",
    re.I,
)

NAME_MISMATCH = {62, 64}  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
UNKNOWN_ISSUER = {2, 18, 19, 20, 21}
NOT_YET_VALID, EXPIRED = 9, 10


@contextmanager
def network_faults(where: str) -> Iterator[None]:
    """Map what sockets and TLS raise while talking to `where`."""
    try:
        yield
    except TimeoutError as error:
        raise DeadlineExceeded(f"{where} did not answer in time") from error
    except (socket.gaierror, UnicodeError) as error:
        later = getattr(error, "errno", None) == socket.EAI_AGAIN
        what = "the host name cannot be looked up at the moment" if later else "there is no such host"
        raise MailServerDown(f"{where}: {what}", hint="check the host name of the account") from error
    except ssl.SSLError as error:
        raise _tls_fault(where, error) from error
    except ConnectionRefusedError as error:
        raise MailServerDown(f"{where} refuses the connection", hint="check host and port of the account") from error
    except OSError as error:
        raise MailServerDown(f"{where}: the connection broke ({type(error).__name__})") from error


def _tls_fault(where: str, error: ssl.SSLError) -> MailServerDown:
    code = getattr(error, "verify_code", None)
    if code in NAME_MISMATCH:
        return MailServerDown(
            f"{where}: the certificate is for another name", hint="use the host name that the certificate carries"
        )
    if code in UNKNOWN_ISSUER:
        return MailServerDown(
            f"{where}: the certificate is signed by an unknown authority",
            hint="give the authority's certificate as the account's CA file",
        )
    if code == EXPIRED:
        return MailServerDown(f"{where}: the certificate has expired", hint="renew it on the mail server")
    if code == NOT_YET_VALID:
        return MailServerDown(f"{where}: the certificate is not valid yet", hint="check the clocks")
    if isinstance(error, ssl.SSLCertVerificationError):
        return MailServerDown(f"{where}: the certificate cannot be verified", hint="see the server's certificate")
    return MailServerDown(
        f"{where}: no TLS connection is possible ({error.reason or type(error).__name__})",
        hint="check port and TLS mode: 993 goes with tls, 143 with starttls",
    )


@contextmanager
def parsing_faults() -> Iterator[None]:
    """Map what the general parser raises on an answer that is no IMAP."""
    try:
        yield
    except (ValueError, IndexError, TypeError, KeyError, RecursionError, ProtocolError) as error:
        raise BadAnswer("the mail server sent an answer that is no IMAP") from error


def printable(text: bytes) -> str:
    """Return a server's own words, capped and without control characters."""
    shown = text[: 4 * MAX_DETAIL].decode("utf-8", "replace")
    shown = "".join(character if character.isprintable() else " " for character in shown)
    shown = DOVECOT_TIMING.sub("", shown)
    return shown if len(shown) <= MAX_DETAIL else shown[: MAX_DETAIL - 1] + "…"


def slow_down(code: bytes, text: str, *, verdict: bool = False) -> Throttled | None:
    """Return the error to raise if a refusal means "not now, not so fast".

    With `verdict`, a full mailbox or a limit is a refusal of what was asked, and no reason to wait.
    """
    name = code.upper().split(b" ")[0]
    backoff = BACKOFF.search(text)
    waiting = name in SLOW_DOWN_CODES or (name in VERDICT_CODES and not verdict)
    if not waiting and backoff is None and not SLOW_DOWN_WORDS.search(text):
        return None
    error = Throttled(f"the mail server asks us to slow down: {text}" if text else "")
    if backoff is not None:
        error.retry_after_s = min(MAX_BACKOFF_S, max(1, math.ceil(int(backoff[1]) / 1000)))
    return error


def refusal(code: bytes, text: str, what: str) -> EmailAgentError:
    """Return the error for a tagged NO to a command that should not be refused."""
    return slow_down(code, text) or BadAnswer(f"the mail server refused {what}: {text or 'no reason given'}")
