"""The same cases on Dovecot and on pymap."""

import datetime as dt

import pytest

from shared import clock
from shared.errors import NotFound
from shared.imap.mailbox import ImapSession
from shared.records import FetchedMail
from tests.conformance.imap.conftest import MailServer, account, message, open_account
from tests.fixtures.dovecot import DovecotOptions, DovecotServer, DovecotUser, require_dovecot

NAMES = ["Émile/Été", 'a "quoted" name', "back\\slash", "R&D", "日本語"]


def fetched(session: ImapSession, low: int, high: int, *extra: str) -> list[FetchedMail]:
    return [mail for mails in session.fetch([range(low, high + 1)], extra) for mail in mails]


def uids_of(session: ImapSession) -> list[int]:
    """Return the UIDs in INBOX: not every server begins with 1."""
    return session.search(1, session.examine("INBOX").uidnext)


def subjects(session: ImapSession, mailbox: str) -> list[str]:
    status = session.examine(mailbox)
    mails = fetched(session, 1, status.uidnext) if status.messages else []
    return [line[9:].decode() for mail in mails for line in mail.header.split(b"\r\n") if line.startswith(b"Subject: ")]


def test_mails_are_fetched_with_their_headers(server: MailServer) -> None:
    """Header fields, flags, size and date of each mail; nothing of its body."""
    server.deliver("one", "two")
    with server.open() as session:
        uids = uids_of(session)
        mails = fetched(session, uids[0], uids[-1] + 100)

    assert [b"one", b"two"] == [mail.header.partition(b"Subject: ")[2].partition(b"\r\n")[0] for mail in mails]
    assert not any(b"Hello" in mail.header or b"X-Spam" in mail.header for mail in mails)
    assert all(mail.header.endswith(b"\r\n\r\n") and mail.internaldate.tzinfo and mail.size > 100 for mail in mails)


def test_extra_headers_are_fetched_too(server: MailServer) -> None:
    """A field that a rule names comes in the same header."""
    server.deliver("one")
    with server.open() as session:
        (uid,) = uids_of(session)
        (mail,) = fetched(session, uid, uid, "X-Spam")

    assert b"X-Spam: no\r\n\r\n" == mail.header[-14:]
    assert 1 == mail.header.count(b"\r\n\r\n")


def test_uids_that_do_not_exist_are_absent(server: MailServer) -> None:
    """Asking for UIDs beyond the end returns no mail, not the last one."""
    server.deliver("one")
    with server.open() as session:
        uidnext = session.examine("INBOX").uidnext

        assert [[], []] == list(session.fetch([range(uidnext, uidnext + 5), [uidnext + 7]]))
        assert {} == session.flags([uidnext])


def test_flags_and_status_are_told_together(server: MailServer) -> None:
    """Sent in one burst, each says what it says by itself; what is not there is absent."""
    server.deliver("one", "two")
    with server.open() as session:
        session.create(["Bills"])
        uids = uids_of(session)
        session.select("INBOX")
        together = session.flags_and_status([*uids, uids[-1] + 99], ["Bills", "Missing"])

        assert (session.flags(uids), session.status(["Bills"])) == together


def test_reading_leaves_flags_alone(server: MailServer) -> None:
    """EXAMINE and PEEK set no flag, and a second session sees the mail as new as before."""
    server.deliver("one")
    with server.open() as session:
        uids = uids_of(session)
        fetched(session, uids[0], uids[0])
    with server.open() as session:
        session.examine("INBOX")

        assert [frozenset()] == [flags - {"\\Recent"} for flags in session.flags(uids).values()]


def test_examine_leaves_the_files_untouched(dovecot: DovecotUser) -> None:
    """On disk nothing moves from new/ to cur/: the mail stays recent."""
    path = dovecot.deliver("INBOX", b"Subject: x\r\n\r\nbody\r\n", flags=None)
    server = MailServer(
        name="dovecot", host=dovecot.host, port=dovecot.port, user=dovecot.user, password=dovecot.password, put=print
    )
    with server.open() as session:
        session.examine("INBOX")
        mails = fetched(session, 1, 1)

    assert [frozenset()] == [mail.flags for mail in mails]
    assert path.exists()


def test_flags_and_keywords_are_set_and_taken_back(server: MailServer) -> None:
    """STORE says what each mail has afterwards, whether or not anything changed."""
    server.deliver("one", "two")
    with server.open() as session:
        one, two = uids_of(session)
        accepts = session.select("INBOX").accepts_new_keywords
        added = session.store_flags([one, two, two + 99], add=frozenset({"\\Flagged", "$Bill"}))
        again = session.store_flags([one, two], add=frozenset({"\\Flagged"}))
        removed = session.store_flags([one], remove=frozenset({"\\Flagged"}))
    keyword = frozenset({"$Bill"}) if accepts else frozenset()

    assert {one: keyword | {"\\Flagged"}, two: keyword | {"\\Flagged"}} == added == again
    assert {one: keyword} == removed


def test_moves_tell_the_new_uids(server: MailServer) -> None:
    """Each MOVE is answered by itself; a missing target is refused and the others go through."""
    server.deliver("one", "two", "three", "four")
    with server.open() as session:
        session.create(["Bills", "Lists"])
        one, two, three, four = uids_of(session)
        session.select("INBOX")
        if not session.can_move:
            pytest.skip("no MOVE here")
        answers = list(session.move([([one, three], "Bills"), ([two], "Lists"), ([four], "Missing")]))
        bills = session.status(["Bills"])["Bills"]

        assert [2, 1, None] == [answer.uids and len(answer.uids) for answer in answers]
        assert [True, True, False] == [answer.error is None for answer in answers]
        assert bills.uidvalidity == answers[0].target_uidvalidity
        assert ["one", "three"] == subjects(session, "Bills")
        assert ["two"] == subjects(session, "Lists")
        assert ["four"] == subjects(session, "INBOX")


def test_copies_then_exactly_those_sources_go(server: MailServer) -> None:
    """UID EXPUNGE leaves alone what somebody else has marked deleted."""
    server.deliver("one", "two", "three")
    with server.open() as session:
        session.create(["Bills"])
        _, two, three = uids_of(session)
        session.select("INBOX")
        if not session.can_uidplus:
            pytest.skip("no UIDPLUS here")
        copied = session.copy([two], "Bills")
        session.store_flags([two, three], add=frozenset({"\\Deleted"}))
        session.expunge([two])

        assert {two} == (copied.uids or {}).keys()
        assert ["one", "three"] == subjects(session, "INBOX")
        assert ["two"] == subjects(session, "Bills")


def test_any_name_can_be_created_and_found_again(server: MailServer) -> None:
    """Names with other scripts, quotes, backslashes and ampersands go there and back."""
    with server.open() as session:
        delimiter = session.mailbox_name("a/b")[1:-1]
        names = [session.mailbox_name(name) for name in NAMES if delimiter != "\\" or "\\" not in name]
        refusals = session.create(names)
        again = session.create(names)
        listed = {mailbox.name for mailbox in session.list_mailboxes()}
        status = session.status([*names, "Missing"])

        assert {} == refusals == again
        assert set(names) <= listed
        assert names == list(status)
        assert all(session.examine(name).uidvalidity == status[name].uidvalidity for name in names)


def test_a_sparse_mailbox_is_searched(server: MailServer) -> None:
    """SEARCH returns exactly the UIDs that exist in the span."""
    server.deliver(*"abcdef")
    with server.open() as session:
        session.create(["Bills"])
        one, two, three, four, five, six = uids_of(session)
        session.select("INBOX")
        list(session.move([([two, three, five], "Bills")]))
        session.examine("INBOX")

        assert [one, four, six] == session.search(1, 400_000)
        assert [four] == session.search(two, five)
        assert [] == session.search(six + 1, six + 3)


def test_a_missing_mailbox_is_not_found(server: MailServer) -> None:
    """Opening what does not exist is NotFound, and the session goes on."""
    with server.open() as session:
        with pytest.raises(NotFound, match="Missing"):
            session.examine("Missing")
        session.examine("INBOX")


def test_inbox_is_the_same_in_any_case(server: MailServer) -> None:
    """`inbox` and `INBOX` are one mailbox."""
    server.deliver("one")
    with server.open() as session:
        found = session.status(["inbox", "INBOX"])

        assert 1 == session.examine("Inbox").messages
    assert {1} == {status.messages for status in found.values()}


def test_a_mail_that_dovecot_cannot_read_stops_no_other(dovecot: DovecotUser) -> None:
    """Dovecot ends the session over it: the session goes on with a new connection, and only that mail is unreadable."""
    paths = [dovecot.deliver("INBOX", message(f"mail{number}")) for number in range(1, 9)]
    paths[2].chmod(0)
    with open_account(account(dovecot.host, dovecot.port, dovecot.user), dovecot.password) as session:
        session.examine("INBOX")
        first, second = session.fetch([range(1, 6), range(6, 12)])
        session.extend(clock.now() + 60)

        assert 8 == session.examine("INBOX").messages
    assert {1: False, 2: False, 3: True, 4: False, 5: False} == {mail.uid: mail.unreadable for mail in first}
    assert {6: False, 7: False, 8: False} == {mail.uid: mail.unreadable for mail in second}


def test_special_uses_are_listed(dovecot: DovecotUser) -> None:
    """The archive is known by its attribute, not by its name."""
    server = MailServer(
        name="dovecot", host=dovecot.host, port=dovecot.port, user=dovecot.user, password=dovecot.password, put=print
    )
    with server.open() as session:
        uses = {use: mailbox.name for mailbox in session.list_mailboxes() for use in mailbox.attributes}

    assert ("Archive", "Trash", "Junk") == (uses["\\Archive"], uses["\\Trash"], uses["\\Junk"])


def test_another_delimiter_and_a_namespace_are_followed() -> None:
    """Where all mailboxes live below `INBOX.`, the user's path still finds its place."""
    require_dovecot()
    with DovecotServer(options=DovecotOptions(prefix="INBOX.", separator=".")) as dovecot:
        user = dovecot.add_user("bob@example.org")
        user.deliver("INBOX", message("one"))
        with open_account(account(user.host, user.port, user.user), user.password) as session:
            name = session.mailbox_name("Finance/Invoices")
            refusals = session.create([name])
            session.select("INBOX")
            (answer,) = session.move([([1], name)])
            listed = {mailbox.name: mailbox.delimiter for mailbox in session.list_mailboxes()}

    assert ("INBOX.Finance.Invoices", {}, {1: 1}) == (name, refusals, answer.uids)
    assert "." == listed[name]
    assert "INBOX.Archive" in listed


def test_a_window_begins_where_the_first_mail_of_it_is(server: MailServer) -> None:
    """SEARCH SINCE names the lowest UID received on a day or later, up to a UID; None where there is none."""
    server.deliver(*"abc")
    today = dt.datetime.now(dt.UTC).date()
    with server.open() as session:
        one, two, three = uids_of(session)
        session.examine("INBOX")

        assert one == session.first_since(three, today - dt.timedelta(days=2))
        assert one == session.first_since(two, today - dt.timedelta(days=365))
        assert session.first_since(three, today + dt.timedelta(days=2)) is None
