"""Parts on demand: the same cases on Dovecot, on pymap, and on the server in memory that other tests use."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import pytest

from shared.mail.parts import arrived_parts
from shared.records import ArrivedParts, Attachment, FetchedParts, PartsWish
from tests.conformance.imap.conftest import account, open_account
from tests.fakes.mail_server import FakeMailServer, FakeSession
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.messages import mail

BORDER = "b" * 30
INVITED = (
    f"--{BORDER}\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
    f"<p>Caf=E9 at <b>noon</b>\n--{BORDER}\n"
    'Content-Type: text/calendar; name="invite.ics"\nContent-Disposition: attachment; filename="invite.ics"\n'
    f"Content-Transfer-Encoding: base64\n\nQkVHSU46VkNBTEVOREFS\n--{BORDER}--\n"
)
INVITATION = mail(
    1,
    headers={"Content-Type": f"multipart/mixed; boundary={BORDER}", "Content-Transfer-Encoding": "", "X-Spam": "no"},
    body=INVITED,
)
PLAIN = mail(2)
EMPTY = mail(3, body="")
LONG = mail(4, body="a line of text\n" * 10_000)
ALL = frozenset({"text", "structure", "header:x-spam"})


class Session(Protocol):
    def parts(self, wishes: Mapping[int, frozenset[str]]) -> dict[int, FetchedParts]: ...
    def flags(self, uids: list[int]) -> dict[int, frozenset[str]]: ...


@pytest.fixture(params=["dovecot", "pymap", "fake"])
def session(request: pytest.FixtureRequest) -> Iterator[tuple[Session, list[int]]]:
    """A session with INBOX open for reading, and the UIDs of the four mails in it."""
    mails = [INVITATION, PLAIN, EMPTY, LONG]
    if request.param == "fake":
        server = FakeMailServer()
        for number, one in enumerate(mails):
            header, _, body = one.partition(b"\r\n\r\n")
            server.deliver("INBOX", f"mail {number}", header + b"\r\n\r\n", body=body)
        fake = FakeSession(server)
        fake.examine("INBOX")
        yield fake, fake.search(1, 100)
        return
    real = request.getfixturevalue("dovecot" if request.param == "dovecot" else "pymap_server")
    if isinstance(real, DovecotUser):
        for one in mails:
            real.deliver("INBOX", one)
    else:
        real.seed(mails)
    with open_account(account(real.host, real.port, real.user), real.password) as opened:
        uidnext = opened.examine("INBOX").uidnext
        yield opened, opened.search(1, uidnext)


def arrived(session: Session, uid: int, parts: frozenset[str]) -> ArrivedParts:
    wish = PartsWish(email_id=1, uid=uid, parts=parts)
    return arrived_parts(wish, session.parts({uid: parts}).get(uid))


def test_text_attachments_and_fields_come(session: tuple[Session, list[int]]) -> None:
    """A mail of several parts: what a person reads, what is attached, the field that was named."""
    opened, uids = session
    found = arrived(opened, uids[0], ALL)

    assert ("Café at noon", {"x-spam": ["no"]}, frozenset()) == (found.text, found.headers, found.unavailable)
    assert [("invite.ics", "text/calendar")] == [(one.name, one.type) for one in found.attachments or ()]
    assert all(12 <= one.bytes < 200 for one in found.attachments or ())  # pymap counts the header of the part, too


def test_what_is_not_there_is_known_to_be_absent(session: tuple[Session, list[int]]) -> None:
    """No attachment, no such field, no text: that is an answer."""
    opened, uids = session

    plain, empty = arrived(opened, uids[1], ALL), arrived(opened, uids[2], ALL)
    assert ("Hello,\n\nsee you soon.", (), {"x-spam": []}) == (plain.text, plain.attachments, plain.headers)
    assert (frozenset(), frozenset()) == (plain.unavailable, empty.unavailable)
    assert ("", ()) == (empty.text, empty.attachments)


def test_a_long_text_is_cut_and_says_so(session: tuple[Session, list[int]]) -> None:
    """Only the beginning comes."""
    opened, uids = session
    found = opened.parts({uids[3]: frozenset({"text"})})[uids[3]]

    assert (True, True) == (found.text_truncated, len(found.text or b"") < 100_000)
    assert (found.text or b"").startswith(b"a line of text\r\na line")
    assert (None, None) == (found.attachments, found.header)


def test_wishes_differ_from_mail_to_mail(session: tuple[Session, list[int]]) -> None:
    """Each mail gets what was wished of it; one that does not exist is absent."""
    opened, uids = session
    wishes = {uids[0]: frozenset({"structure"}), uids[1]: frozenset({"text"}), uids[3] + 9: frozenset({"text"})}
    found = opened.parts(wishes)

    assert {uids[0], uids[1]} == found.keys()
    assert (True, None) == (isinstance(found[uids[0]].attachments, tuple), found[uids[0]].text)
    assert (b"Hello,", None) == ((found[uids[1]].text or b"")[:6], found[uids[1]].attachments)
    assert isinstance((found[uids[0]].attachments or (None,))[0], Attachment)


def test_flags_stay(session: tuple[Session, list[int]]) -> None:
    """PEEK: nothing is seen by it."""
    opened, uids = session
    opened.parts(dict.fromkeys(uids, ALL))

    assert {frozenset()} == {flags - {"\\Recent"} for flags in opened.flags(uids).values()}
