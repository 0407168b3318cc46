"""Accounts whose server cannot be reached or refuses us: told by name, counted on the account, no mail touched."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import EmailAgentError, LoginRefused, MailServerDown
from shared.records import Tls
from tests.conformance.imap.authority import Authority
from tests.fixtures.agent import Agent
from tests.fixtures.dovecot import DovecotOptions, DovecotServer, DovecotUser, free_port, require_dovecot
from tests.integration.bad_input.conftest import RULES, Scene, Somewhere

Failure = Callable[[Agent], EmailAgentError]


def test_a_wrong_password(scene: Scene, real_agent: Callable[..., Agent], failure: Failure) -> None:
    """The server's refusal of the login is told, the password is not."""
    user = scene.user
    agent = real_agent(Somewhere(host=user.host, port=user.port, user=user.user, password="wrong"), RULES)
    error = failure(agent)

    assert isinstance(error, LoginRefused)
    assert "wrong" not in error.detail
    scene.assert_nothing_happened()


def test_an_unknown_host(dovecot: DovecotUser, real_agent: Callable[..., Agent], failure: Failure) -> None:
    """A host name that does not resolve."""
    error = failure(real_agent(dovecot, RULES, host="mail.nowhere.invalid"))

    assert (MailServerDown, True) == (type(error), "no such host" in error.detail)


def test_a_refused_connection(dovecot: DovecotUser, real_agent: Callable[..., Agent], failure: Failure) -> None:
    """Nobody listens on that port."""
    error = failure(real_agent(Somewhere(host="127.0.0.1", port=free_port(), user="u", password="p"), RULES))

    assert (MailServerDown, True) == (type(error), "refuses the connection" in error.detail)


def test_tls_where_there_is_none(scene: Scene, failure: Failure) -> None:
    """Talking TLS to the plain port ends with a hint."""
    error = failure(scene.agent(tls=Tls.TLS))

    assert (MailServerDown, True) == (type(error), "993" in error.hint)
    scene.assert_nothing_happened()


@pytest.fixture
def secure(tmp_path: Path) -> tuple[Authority, DovecotServer]:
    """An authority, and a Dovecot whose certificate it has signed for 127.0.0.1."""
    require_dovecot()
    authority = Authority(folder=tmp_path)
    authority.server_context("127.0.0.1")
    options = DovecotOptions(tls_cert=tmp_path / "server.pem", tls_key=tmp_path / "server.key")
    return authority, DovecotServer(options=options)


def test_tls_with_an_unknown_authority_or_another_name(
    secure: tuple[Authority, DovecotServer], real_agent: Callable[..., Agent]
) -> None:
    """Without the CA file nothing is trusted; with it, only the name in the certificate."""
    authority, server = secure
    with server:
        user = server.add_user("somebody@example.org")
        ca_file = str(authority.ca_file)
        strange = real_agent(user, RULES, tls=Tls.TLS, port=server.tls_port)
        with pytest.raises(MailServerDown, match="unknown authority"):
            strange.sync()
        misnamed = real_agent(user, RULES, tls=Tls.TLS, port=server.tls_port, ca_file=ca_file, host=local_name())
        with pytest.raises(MailServerDown, match="for another name"):
            misnamed.sync()
        trusted = real_agent(user, RULES, tls=Tls.TLS, port=server.tls_port, ca_file=ca_file)

        assert "done" == trusted.sync().outcome


def local_name() -> str:
    """Return a name of this machine that leads to 127.0.0.1."""
    assert "127.0.0.1" == socket.gethostbyname("localhost")
    return "localhost"
