"""A user on Dovecot, a proxy before it, and mail whose text and attachments matter."""

from collections.abc import Iterator

import pytest

from tests.faults.proxy import WireProxy
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail

INVITED = (
    "--b\nContent-Type: text/plain; charset=utf-8\n\nPlease come.\n"
    '--b\nContent-Type: text/calendar; name="invite.ics"; method=REQUEST\n'
    'Content-Disposition: attachment; filename="invite.ics"\nContent-Transfer-Encoding: base64\n\n'
    "QkVHSU46VkNBTEVOREFS\n--b--\n"
)


@pytest.fixture
def post(dovecot: DovecotUser) -> DovecotPost:
    """A fresh user on Dovecot."""
    return DovecotPost(user=dovecot)


@pytest.fixture
def proxy(dovecot: DovecotUser) -> Iterator[WireProxy]:
    """A proxy before Dovecot that counts and breaks."""
    with WireProxy(upstream=(dovecot.host, dovecot.port)) as between:
        yield between


def invitation(number: int) -> bytes:
    """Build a mail with a calendar file attached."""
    kind = {"Content-Type": "multipart/mixed; boundary=b", "Content-Transfer-Encoding": ""}
    return mail(number, subject=f"Meeting {number}", headers=kind, body=INVITED)
