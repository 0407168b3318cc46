"""The Dovecot fixture: what it writes and counts on disk is what IMAP shows."""

import hashlib
import imaplib
from datetime import UTC, datetime

import pytest

from tests.fixtures.dovecot import DovecotOptions, DovecotServer, DovecotUser, require_dovecot
from tests.fixtures.messages import mail

pytestmark = pytest.mark.dovecot


def session(user: DovecotUser) -> imaplib.IMAP4:
    client = imaplib.IMAP4(user.host, user.port, timeout=10)
    client.login(user.user, user.password)
    return client


def test_delivered_mail_is_served(dovecot: DovecotUser) -> None:
    """Bytes, flags, internal date and order of delivery arrive as they were given."""
    mails = [mail(number) for number in range(3)]
    for raw in mails:
        dovecot.deliver("INBOX", raw, flags="S", internaldate=datetime(2026, 3, 1, 12, 0, tzinfo=UTC))

    with session(dovecot) as client:
        client.select(readonly=True)
        answer = client.uid("FETCH", "1:*", "(INTERNALDATE FLAGS BODY.PEEK[])")[1]

    assert mails == [part[1] for part in answer if isinstance(part, tuple)]
    assert b"01-Mar-2026" in answer[0][0]
    assert b"\\Seen" in answer[0][0]


def test_census_counts_files(dovecot: DovecotUser) -> None:
    """Moves, flags and keywords made over IMAP show in the census, and names are decoded."""
    raw = mail(1)
    dovecot.deliver("INBOX", raw, flags=None)
    dovecot.deliver("Année/Été", mail(2))

    with session(dovecot) as client:
        client.select()
        client.uid("STORE", "1", "+FLAGS", r"(\Flagged $Phishing)")
        client.uid("MOVE", "1", "Archive")

    census = dovecot.census()
    digest = hashlib.sha256(raw).hexdigest()
    assert ([], [(digest, ("F", "$Phishing"))]) == (census["INBOX"], census["Archive"])
    assert 1 == len(census["Année/Été"])


def test_bump_renumbers_a_mailbox(dovecot: DovecotUser) -> None:
    """After a bump UIDVALIDITY is higher and UIDs begin at 1 again, so that an old UID names another mail."""
    for number in range(3):
        dovecot.deliver("INBOX", mail(number))
    with session(dovecot) as client:
        client.select()
        client.uid("MOVE", "1", "Archive")
        before = int(client.response("UIDVALIDITY")[1][0])

    dovecot.bump_uidvalidity()

    with session(dovecot) as client:
        client.select()
        after = int(client.response("UIDVALIDITY")[1][0])
        uids = client.uid("SEARCH", "ALL")[1][0]
    assert after > before
    assert b"1 2" == uids


def test_users_do_not_share_mail(dovecot: DovecotUser) -> None:
    """A second user of the same server begins with an empty INBOX."""
    dovecot.deliver("INBOX", mail(1))

    other = dovecot.server.add_user(f"other-{dovecot.user}", "another password")

    with session(other) as client:
        assert ("OK", [b"0"]) == client.select()


def test_namespace_with_prefix_and_dots() -> None:
    """A server may keep all mailboxes below "INBOX." and have none of special use."""
    require_dovecot()
    with DovecotServer(options=DovecotOptions(prefix="INBOX.", separator=".", special_use=False)) as server:
        user = server.add_user("ada@example.org")
        user.deliver("INBOX.Work.2026", mail(1))
        with session(user) as client:
            namespace = client.namespace()[1][0]
            selected = client.select("INBOX.Work.2026")
            listed = [line for line in client.list()[1] if isinstance(line, bytes)]

    assert b'(("INBOX." "."))' in namespace
    assert ("OK", [b"1"]) == selected
    assert not any(b"Archive" in line for line in listed)


def test_mail_outlives_a_restart() -> None:
    """A killed server can be started again on the same port with the same mail."""
    require_dovecot()
    with DovecotServer() as server:
        user = server.add_user("ada@example.org")
        user.deliver("INBOX", mail(1))
        server.stop()
        server.start()
        with session(user) as client:
            assert ("OK", [b"1"]) == client.select()
