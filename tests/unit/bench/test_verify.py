"""The verification of a run, before its time counts."""

from collections import Counter

import pytest

from scripts.bench.mailbox import build, delivered, filed
from scripts.bench.verify import Found, WrongResultError, check

MAILS = build(12)


def census() -> Found:
    return {name: list(mails.elements()) for name, mails in filed(MAILS).items()}


def fault(found: Found) -> str:
    with pytest.raises(WrongResultError) as raised:
        check(found, filed(MAILS))
    return str(raised.value)


def test_a_mailbox_that_was_filed_as_asked_passes() -> None:
    """Every mail in its place, once, with its flags; mailboxes that are empty do not matter."""
    check({**census(), "Junk": []}, filed(MAILS))


def test_a_lost_mail_is_named() -> None:
    """A mail that is in no mailbox is lost."""
    found = census()
    found["Shop"].pop()

    assert "1 mails lost; Shop: 1 missing, 0 that do not belong there or changed flags" == fault(found)


def test_a_doubled_mail_is_named() -> None:
    """A mail that is in two mailboxes is doubled."""
    found = census()
    found["INBOX"].append(found["Shop"][0])

    assert fault(found).startswith("1 mails doubled or changed; INBOX: 0 missing, 1 that")


def test_a_mail_in_the_wrong_mailbox_is_named() -> None:
    """Nothing is lost, but a mail is not where the rules put it."""
    found = census()
    found["INBOX"].append(found["Shop"].pop())

    assert ["INBOX: 0 missing, 1", "Shop: 1 missing, 0"] == [
        part.split(" that")[0] for part in fault(found).split("; ")
    ]


def test_a_changed_flag_is_a_wrong_result() -> None:
    """Reading must not mark mail as seen."""
    found = census()
    found["INBOX"] = [(digest, ("S",)) for digest, _ in found["INBOX"]]

    assert fault(found).startswith("INBOX: ")


def test_a_mailbox_that_was_not_touched_is_delivered_mail() -> None:
    """What is delivered and what is filed hold the same files."""
    files = [
        Counter(digest for mails in state.values() for digest, _ in mails) for state in (filed(MAILS), delivered(MAILS))
    ]

    assert files[0] == files[1]
