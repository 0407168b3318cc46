"""The mailbox of the benchmark."""

import hashlib
import re
from pathlib import Path

import scripts.bench
from scripts.bench.mailbox import INBOX, TARGETS, build, delivered, filed
from shared.rules.load import load_rules

BENCH = Path(scripts.bench.__file__).parent
SMALLEST_HEADER, LARGEST_HEADER = 600, 900


def test_half_of_the_mails_move_into_three_mailboxes() -> None:
    """Of 5,000 mails 2,500 move, about as many into each target."""
    contents = filed(build(5000))

    assert 2500 == contents[INBOX].total()
    assert [833, 833, 834] == sorted(contents[target].total() for target in TARGETS)


def test_the_same_bytes_each_time() -> None:
    """A longer mailbox begins with the mails of a shorter one, byte for byte."""
    digest = hashlib.sha256(b"".join(mail.raw for mail in build(60))).hexdigest()

    assert digest == hashlib.sha256(b"".join(mail.raw for mail in build(120)[:60])).hexdigest()


def test_headers_are_as_long_as_those_of_real_mail() -> None:
    """Each header has 600 to 900 bytes."""
    sizes = [mail.raw.index(b"\n\n") for mail in build(600)]

    assert SMALLEST_HEADER <= min(sizes)
    assert max(sizes) <= LARGEST_HEADER


def test_no_two_mails_are_equal() -> None:
    """Each mail's digest is its own, so that a census can tell a lost mail from a doubled one."""
    contents = delivered(build(600))

    assert {1} == set(contents[INBOX].values())


def test_rules_and_lua_name_the_same_mailboxes() -> None:
    """Each rule file loads, and moves into the mailboxes of its Lua file, in the same order."""
    for rules in ("header_rules", "regex_rule"):
        loaded = load_rules((BENCH / "rules" / f"{rules}.yml").read_text(encoding="utf-8"), rules)
        lua = (BENCH / "imapfilter" / f"{rules}.lua").read_text(encoding="utf-8")

        targets = [action.target for rule in loaded.rules for action in rule.actions]

        assert list(TARGETS) == targets == re.findall(r"move_messages\(account\.(\w+)\)", lua)
