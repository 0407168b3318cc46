"""Imported rules beside the real thing: what Dovecot's `sieve-test` does with a mail, our rules do, or less."""

import datetime as dt
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shared.mail.parse import parse_email
from shared.records import StoredEmail
from shared.rules.decide import decide
from shared.rules.imports.sieve import import_sieve
from shared.rules.load import load_rules

NOW = dt.datetime(2026, 11, 3, 12, 0, tzinfo=dt.UTC)
SCRIPT = r"""
require ["fileinto", "imap4flags", "subaddress", "regex"];
if header :contains "list-id" "dev.lists.example" { addflag "\\Seen"; fileinto "Dev"; stop; }
if allof (address :domain "from" "shop.example", not header :contains "subject" ["invoice", "Rechnung"]) {
    fileinto "Shop";
} elsif address :localpart :matches "from" "no*reply" {
    addflag "auto";
    if header :regex "subject" "^(re|aw):" { keep; } else { fileinto "Auto"; }
}
if address :detail "to" "news" { fileinto "News"; addflag "late"; }
if anyof (header :is "from" "bare@x.example", header :matches "subject" "*[???]*", size :over 4K) { discard; }
if exists ["x-campaign", "x-mailer"] { addflag "$Bulk"; }
if not address :all :contains ["to", "cc"] "home.example" { fileinto "Other"; }
"""
MAILS = (
    "From: a@x.example\nTo: me@home.example\nList-Id: Dev <dev.lists.example>\nSubject: x\n",
    "From: Shop <news@shop.example>\nTo: me@home.example\nSubject: Offer\n",
    "From: Shop <news@shop.example>\nTo: me@home.example\nSubject: Ihre Rechnung\n",
    "From: Shop <news@mail.shop.example>\nTo: me@home.example\nSubject: Offer\n",
    "From: no-reply@x.example\nTo: me@home.example\nSubject: hello\n",
    "From: No Reply <no-reply@x.example>\nTo: me@home.example\nSubject: Re: hello\n",
    "From: a@x.example\nTo: Me <me+news@home.example>\nSubject: hello\n",
    "From: bare@x.example\nTo: me@home.example\nSubject: hello\n",
    "From: Bare <bare@x.example>\nTo: me@home.example\nSubject: hello\n",
    "From: bare@x.example\nTo: you@elsewhere.example\nSubject: hello\n",
    "From: a@x.example\nTo: me@home.example\nSubject: about [abc] that\n",
    "From: a@x.example\nTo: me@home.example\nX-Campaign: 1\nX-Mailer: y\nSubject: hello\n",
    "From: a@x.example\nCc: b@HOME.example\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n",
    "From: a@x.example\nTo: me@home.example\nSubject: long\nX-Long: " + "a " * 2_500 + "\n",
)

pytestmark = pytest.mark.skipif(
    not shutil.which("sieve-test"), reason="needs sieve-test (Debian package dovecot-sieve)"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user sieve-test turns into may read."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def sieve_test(folder: Path) -> list[str]:
    """The command, with a configuration that needs no account of the system."""
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    lines = [f"mail_uid = {user.pw_uid}", f"mail_gid = {user.pw_gid}", f"mail_home = {folder}"]
    lines += [f"mail_location = maildir:{folder}/mail", "first_valid_uid = 1", "log_path = /dev/stderr"]
    (folder / "dovecot.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "script.sieve").write_text(SCRIPT, encoding="utf-8")
    return ["sieve-test", "-c", str(folder / "dovecot.conf"), str(folder / "script.sieve")]


def copies(said: str) -> list[tuple[str, frozenset[str]]]:
    """Where copies of a mail went, and their flags, from what sieve-test prints."""
    found = re.findall(r"store message in folder: (\S+)\n(?:\s+\+ add IMAP flags: ([^\n]*))?", said)
    return [(mailbox, frozenset(flags.lower().split())) for mailbox, flags in found]


def stored(octets: bytes, extra_headers: tuple[str, ...]) -> StoredEmail:
    headers = {name: [] for name in extra_headers} | dict(parse_email(octets).headers)
    size = len(octets.replace(b"\n", b"\r\n"))
    plain = StoredEmail(
        id=1, account="a", mailbox="INBOX", flags=frozenset(), internaldate=NOW, size=size, headers=headers
    )
    return replace(plain, text="", attachments=())


@pytest.mark.parametrize("number", range(len(MAILS)))
def test_a_mail_goes_where_sieve_first_files_it(number: int, sieve_test: list[str], folder: Path) -> None:
    """A mail goes where Sieve first files it, with the flags of that copy; what Sieve discards goes to Trash."""

    octets = MAILS[number].encode() + b"\nbody\n"
    (folder / "mail.eml").write_bytes(octets)
    said = subprocess.run([*sieve_test, str(folder / "mail.eml")], capture_output=True, text=True, check=True).stdout
    rules = load_rules(import_sieve(SCRIPT.encode(), "script.sieve").text)
    actions = decide(rules, stored(octets, rules.extra_headers), NOW).actions
    moved = next((one.target for one in actions if one.kind == "move"), "INBOX")
    flags = frozenset(one.target.lower() for one in actions if one.kind == "flag")

    assert [*copies(said), ("\\Trash", frozenset())][0] == (moved, flags)
