"""Adding an account: what is asked, whom the password goes to, and what is said of the server."""

import json

import pytest

from shared.records import Mode, Tls
from tests.fakes.name_server import silence
from tests.integration.accounts.conftest import Office

pytestmark = pytest.mark.dovecot


def test_the_address_finds_the_server(office: Office) -> None:
    """A server in the address's own domain is taken from its SRV record, and the login is tested there."""
    code, out, _ = office.add("--address", "user@example.org", "--username", office.user.user)

    (account,) = office.store.accounts.list()
    found = (account.host, account.port, account.tls, account.mode)
    assert (0, ("mail.example.org", 993, Tls.TLS, Mode.OBSERVE)) == (code, found)
    assert ["mail.example.org"] == office.dialled
    assert "UID MOVE" in out


def test_the_user_name_is_the_address(office: Office) -> None:
    """Without a user name the address is it, unless the provider says otherwise."""
    address = office.user.user
    office.names.zone = {("_imaps._tcp.example.org.", "SRV"): ["0 0 993 mail.example.org."]}

    office.add("--address", address)

    assert address == office.store.accounts.get("work").username


@pytest.mark.parametrize(
    ("address", "host"), [("me@example.net", "imap.elsewhere.example"), ("me@example.com", "imap.gmail.com")]
)
def test_a_foreign_server_gets_no_password(office: Office, address: str, host: str) -> None:
    """What only DNS names in another domain is not dialled unless the host is accepted by name."""
    office.user.server.add_user(address)

    refused = office.add("--address", address)
    other = office.add("--address", address, "--accept-host", "imap.other.example")
    assert (2, 2, []) == (refused[0], other[0], office.dialled)
    assert f"--accept-host {host}" in refused[2]

    accepted, _, _ = office.add("--address", address, "--accept-host", host)
    assert (0, [host]) == (accepted, office.dialled)


def test_dns_that_is_silent_needs_a_host(office: Office) -> None:
    """Where no name server answers it is exit code 4 and the way out is said; with --host nobody asks."""
    office.names.respond = silence

    code, _, err = office.add("--address", office.user.user)
    assert (4, True, []) == (code, "--host" in err, office.dialled)

    office.names.asked.clear()
    assert 0 == office.add_ours()[0]
    assert [] == office.names.asked


def test_a_domain_without_records_needs_a_host(office: Office) -> None:
    """A domain whose DNS says nothing is wrong usage for a script, which names the option."""
    code, _, err = office.add("--address", "me@nowhere.example")

    assert (2, True, []) == (code, "--host is missing" in err, office.dialled)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ([], "--name"),
        (["--name", "work"], "--address"),
        (["--name", "work", "--host", "mail.example.org"], "--username"),
        (["--name", "work", "--host", "mail.example.org", "--username", "me"], "--password-file"),
    ],
)
def test_a_script_is_told_what_is_missing(office: Office, words: list[str], option: str) -> None:
    """Without a terminal nothing is asked: the missing option is named, with exit code 2."""
    code, out, err = office.run("accounts", "add", *words)

    assert (2, "", True) == (code, out, option in err)
    assert [] == office.dialled


@pytest.mark.parametrize("name", [" work", "", "wo\nrk", "\x1b[31m", "x" * 201])
def test_a_name_can_be_typed_again(office: Office, name: str) -> None:
    """Names that a terminal or a script would stumble over are refused."""
    code, _, err = office.add_ours(name=name)

    assert (2, []) == (code, office.store.accounts.list())
    assert "\x1b" not in err


def test_the_same_mailbox_twice(office: Office) -> None:
    """Two accounts on one user of one server are refused, in any spelling, unless they are meant."""
    office.add_ours()

    again = office.add("--host", "MAIL.example.org", "--username", office.user.user.upper(), name="other")
    assert (1, 1, True) == (again[0], len(office.store.accounts.list()), "--again" in again[2])

    assert 0 == office.add_ours("--again", name="other")[0]
    assert 2 == len(office.store.accounts.list())


def test_a_refused_login_stores_nothing_and_tells_no_password(office: Office) -> None:
    """The server's words and the provider's advice are told; the password and the address's mail are not touched."""
    office.user.server.add_user("me@gmail.com")

    code, out, err = office.add("--address", "me@gmail.com", password="very secret words")

    assert (1, [], ["imap.gmail.com"]) == (code, office.store.accounts.list(), office.dialled)
    assert "https://myaccount.google.com/apppasswords" in err
    assert "very secret" not in out + err


def test_a_provider_without_imap_is_refused_at_once(office: Office) -> None:
    """Nothing is asked and nobody is dialled where no mail program gets in."""
    code, _, err = office.add("--address", "me@tuta.com")

    assert (3, True, []) == (code, "Tuta" in err, office.dialled)


def test_the_password_may_come_from_a_pipe_or_not_be_a_file_at_all(office: Office) -> None:
    """A password file that is huge, empty or no text is refused before anybody is dialled."""
    path = office.folder / "password"
    codes = []
    for content in (b"", b"\xff\xfe", b"x" * 5000):
        path.write_bytes(content)
        codes.append(
            office.run(
                *("accounts", "add", "--name", "work", "--host", "mail.example.org", "--username", "me"),
                *("--password-file", str(path)),
            )[0]
        )

    assert ([2, 2, 2], []) == (codes, office.dialled)


def test_what_the_server_can_do_is_said(office: Office) -> None:
    """`accounts test` tells capabilities, special mailboxes and keywords, and changes nothing in the mailboxes."""
    office.post.deliver_recent("new", b"Subject: new\r\n\r\n")
    office.add_ours()
    before = office.post.files()

    code, out, _ = office.run("accounts", "test", "work", "--json")

    found = json.loads(out)
    expected = {"can_move": True, "can_uidplus": True, "can_condstore": True, "takes_keywords": True, "messages": 1}
    assert (0, expected) == (code, {name: found[name] for name in expected})
    assert "Archive" == found["special_use"]["\\Archive"]
    assert before == office.post.files()


# -- at a terminal


def test_a_person_is_asked(office: Office) -> None:
    """Name, address and password are asked for, the password without showing it; the rest is found."""
    code, shown = office.type(
        *("accounts", "add", "--username", office.user.user, "--address", "user@example.org"),
        answers=[("Name of the account", "work"), ("Password", office.user.password)],
    )

    assert (0, "mail.example.org") == (code, office.store.accounts.get("work").host), shown
    assert office.user.password not in shown


def test_a_person_may_refuse_a_foreign_server(office: Office) -> None:
    """The question names server and source, comes before the password, and a no ends it."""
    code, shown = office.type(
        *("accounts", "add", "--name", "work", "--address", "me@example.net"),
        answers=[("Send it your password? [y/N]", "n")],
    )

    assert (130, []) == (code, office.store.accounts.list()), shown
    assert "SRV record _imaps._tcp.example.net names imap.elsewhere.example" in " ".join(shown.split())
    assert "Password:" not in shown


def test_a_person_may_accept_a_foreign_server(office: Office) -> None:
    """A yes goes on to the password, after the provider's advice."""
    office.user.server.add_user("me@example.com")

    code, shown = office.type(
        *("accounts", "add", "--name", "work", "--address", "me@example.com"),
        answers=[("Send it your password? [y/N]", "y"), ("Password", office.user.password)],
    )

    assert (0, "imap.gmail.com") == (code, office.store.accounts.get("work").host), shown
    assert shown.index("apppasswords") < shown.index("Password:")
    assert "labels" in shown


def test_a_person_may_name_the_server(office: Office) -> None:
    """Where neither table nor DNS knows, the customary name is offered and another can be typed."""
    office.user.server.add_user("me@nowhere.example")

    code, shown = office.type(
        *("accounts", "add", "--name", "work", "--address", "me@nowhere.example"),
        answers=[("[imap.nowhere.example]", "mx.nowhere.example"), ("Password", office.user.password)],
    )

    assert (0, "mx.nowhere.example") == (code, office.store.accounts.get("work").host), shown
