"""The demo's mailbox is what the demo promises: varied, hostile in places, and always the same."""

import re
from collections import Counter
from email import message_from_bytes

import pytest

from scripts.demo.build import DEMO_HEADER, DemoMail, build_mailbox
from scripts.demo.entries import read_entries
from scripts.demo.hostile import hostile_mails

APPLIED_KINDS = frozenset(("newsletters", "receipts", "code", "social", "calendar", "travel", "security"))


@pytest.fixture(scope="module")
def mailbox() -> list[DemoMail]:
    return build_mailbox()


def test_there_are_enough_mails_and_senders(mailbox: list[DemoMail]) -> None:
    """At least 320 mails come from at least 60 addresses."""

    assert len(mailbox) >= 320
    assert len({mail.address for mail in mailbox}) >= 60


def test_bodies_differ_beyond_numbers(mailbox: list[DemoMail]) -> None:
    """At least 150 written bodies remain different when every number is masked and case and space are ignored."""
    written = (mail.body for mail in mailbox if not mail.kind.startswith("hostile/"))

    masked = {" ".join(re.sub(r"\d+", "#", body).lower().split()) for body in written}

    assert len(masked) >= 150


def test_four_languages_are_well_represented(mailbox: list[DemoMail]) -> None:
    """English, French, German and Spanish have at least 30 mails each."""
    languages = Counter(mail.language for mail in mailbox)

    assert {"en", "fr", "de", "es"} <= {language for language, mails in languages.items() if mails >= 30}


def test_shares_leave_room_for_the_promise(mailbox: list[DemoMail]) -> None:
    """About seven in ten mails are of a kind that rules file, and strangers are few but there."""
    kinds = Counter(mail.kind for mail in mailbox)

    assert sum(kinds[kind] for kind in APPLIED_KINDS) / len(mailbox) == pytest.approx(0.7, abs=0.05)
    assert kinds["strangers"] / len(mailbox) == pytest.approx(0.05, abs=0.02)


def test_hostile_kinds_are_many_and_different() -> None:
    """At least ten kinds of hostile mail exist, no two with the same bytes."""
    mails = list(hostile_mails())

    assert len(mails) >= 10
    assert len(mails) == len({mail.name for mail in mails}) == len({mail.raw for mail in mails})


def test_the_mailbox_is_the_same_every_time(mailbox: list[DemoMail]) -> None:
    """Two builds are equal in every byte, date and flag."""

    assert mailbox == build_mailbox()


def test_each_mail_begins_with_its_own_demo_id(mailbox: list[DemoMail]) -> None:
    """The first header line is a unique X-Demo-Id."""
    firsts = [mail.raw.partition(b"\r\n")[0] for mail in mailbox]

    assert [DEMO_HEADER + mail.demo_id.encode() for mail in mailbox] == firsts
    assert len(mailbox) == len(set(firsts))


def test_only_the_identical_twins_share_a_digest(mailbox: list[DemoMail]) -> None:
    """After the X-Demo-Id line exactly two mails are equal, and they arrived at the same time."""
    digests = Counter(mail.digest for mail in mailbox)

    twins = [mail for mail in mailbox if digests[mail.digest] > 1]

    assert ["hostile/identical-twin"] * 2 == [mail.kind for mail in twins]
    assert 1 == len({mail.internal_date for mail in twins})


def test_every_line_ends_with_crlf(mailbox: list[DemoMail]) -> None:
    """No mail holds a bare LF, so that an IMAP server has no reason to change it."""

    assert [] == [mail.demo_id for mail in mailbox if b"\n" in mail.raw.replace(b"\r\n", b"")]


def test_addresses_are_reserved_names(mailbox: list[DemoMail]) -> None:
    """Every address in the mailbox ends in .example (RFC 2606)."""
    domains = {match for mail in mailbox for match in re.findall(rb"@([\w.-]+)", mail.raw)}

    assert [] == sorted(
        domain for domain in domains if not domain.endswith((b".example", b".example.")) and b"." in domain
    )


def test_written_mail_reads_back_as_written(mailbox: list[DemoMail]) -> None:
    """Each text that is sent as text comes back from its charset and transfer encoding as it was written."""
    for mail in mailbox:
        message = message_from_bytes(mail.raw)
        part = next((part for part in message.walk() if part.get_content_type() == "text/plain"), None)
        if part is None or mail.kind.startswith("hostile/"):
            continue
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)

        text = payload.decode(part.get_content_charset() or "ascii").replace("\r\n", "\n").rstrip("\n")

        assert mail.body == text


def test_the_corpus_shows_many_forms() -> None:
    """Old charsets, both transfer encodings, HTML in both ways, attachments and calendar parts all occur."""
    entries = list(read_entries())

    assert {"utf-8", "iso-8859-1", "iso-8859-15", "windows-1252", "iso-2022-jp"} == {entry.charset for entry in entries}
    assert {"base64", "quoted-printable"} <= {entry.encoding for entry in entries}
    assert {"", "yes", "only"} == {entry.html for entry in entries}
    assert any(entry.attach for entry in entries)
    assert any(entry.calendar for entry in entries)


def test_receipts_say_so_in_their_subject(mailbox: list[DemoMail]) -> None:
    """Every receipt comes from a shop's domain and has one of the agreed words in its subject."""
    domain = re.compile(r"@(billing|orders|shop-[a-z]+)\.example$")
    word = re.compile("invoice|receipt|facture|rechnung|recibo|factura", re.IGNORECASE)
    receipts = [entry for entry in read_entries() if entry.kind == "receipts"]

    assert [] == [
        entry.subject for entry in receipts if not (domain.search(entry.address) and word.search(entry.subject))
    ]
