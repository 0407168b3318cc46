"""500 rules of all kinds over 20,000 invented mails, one after the other on one core; no decision is kept.

It needs neither mail server nor database. About half of the mails are taken by some rule. The seconds are those of the
processor: nothing is waited for.
"""

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import replace
from time import process_time

from scripts.bench.figures import Row, Run, row_of
from shared.records import Attachment, StoredEmail
from shared.rules.decide import decide
from shared.rules.load import load_rules
from shared.rules.rule_set import RuleSet

SHARES = {"from": 35, "subject": 25, "matches": 15, "list-id": 10, "body": 10, "not": 5}
"""The mix of conditions in percent."""
MAILS, RULES, FEW = 20_000, 500, 50
DOMAINS, LISTS, WORDS, TEXT_WORDS = 3_000, 400, 3_000, 130
IN_LISTS, ACCENTED, QUOTED = 0.4, 0.3, 0.2
"""Shares of the mails: list mail; accented subjects and lines; bodies with a quotation mark beyond Latin-1."""
NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
_SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmn" for vowel in "aeio")
_ACCENTED = str.maketrans("aeou", "äéöü")


def measure(rounds: int) -> list[Row]:
    """Measure `rounds` passes over all mails with 500 rules and, alternating, with 50 of them."""
    emails = mails(MAILS)
    many, few = rule_set(RULES), rule_set(FEW)
    passes = [(_decide_all(many, emails), _decide_all(few, emails)) for _ in range(rounds + 1)][1:]
    few_row = _row(f"rules_{FEW}", [pair[1] for pair in passes])
    many_row = _row(f"rules_{RULES}", [pair[0] for pair in passes])
    ratio = round((many_row.median_s or 0) / (few_row.median_s or 1), 3)
    return [replace(many_row, ratio=ratio, against=few_row.name), few_row]


def _row(name: str, runs: Sequence[Run]) -> Row:
    return replace(row_of(name, runs, "-", counted=runs[0]), n=MAILS)


def _decide_all(rules: RuleSet, emails: Sequence[StoredEmail]) -> Run:
    started = process_time()
    for email in emails:
        decide(rules, email, NOW)
    return Run(seconds=process_time() - started)


def rule_set(count: int) -> RuleSet:
    """Return `count` rules in the mix of SHARES, shuffled; the same each time."""
    dice = random.Random(500)
    kinds = [kind for kind, share in SHARES.items() for _ in range(share * count // 100)]
    dice.shuffle(kinds)
    rules = "".join(
        f"- name: r{number}\n  when: {_WHEN[kind](dice)}\n  then: keep\n" for number, kind in enumerate(kinds)
    )
    return load_rules(f"version: 1\nrules:\n{rules}")


def _when_from(dice: random.Random) -> str:
    if dice.random() < 0.5:
        return f"{{from: {{domain: [{_domain(dice)}, {_domain(dice)}]}}}}"
    return f"{{from: [{', '.join(_address(dice) for _ in range(5))}]}}"


def _when_not(dice: random.Random) -> str:
    named = f"{{subject: {_word(dice)}, not: {{from: {_address(dice)}}}}}"
    return (
        f"{{any: [{named}, {{from: {{domain: {_domain(dice)}}}, not: [{{subject: {_word(dice)}}}, {{seen: true}}]}}]}}"
    )


_WHEN = {
    "from": _when_from,
    "subject": lambda dice: f"{{subject: {{contains: [{_word(dice)} {_word(dice)}, '[{_word(dice)}]']}}}}",
    "matches": lambda dice: f"{{subject: {{matches: '\\b{_word(dice)} +(n°|nr\\.?)? *[0-9]+'}}}}",
    "list-id": lambda dice: f"{{list-id: {{domain: l{dice.randrange(LISTS)}.lists.example}}}}",
    "body": lambda dice: f"{{body: {{contains: {_word(dice)} {_word(dice)} {_word(dice)}}}}}",
    "not": _when_not,
}


def mails(count: int) -> list[StoredEmail]:
    """Return `count` stored mails, everything of them fetched; the same each time."""
    dice = random.Random(20_000)
    return [_mail(number, dice) for number in range(count)]


def _mail(number: int, dice: random.Random) -> StoredEmail:
    headers = {
        "from": [f"{_word(dice).title()} {_word(dice).title()} <{_address(dice)}>"],
        "to": ["Me <me@home.example>"],
        "subject": [_text(dice, dice.randint(2, 9)) + f" {dice.randrange(900)}"],
        "message-id": [f"<{number}@mx.example>"],
    }
    if dice.random() < IN_LISTS:
        headers["list-id"] = [f"{_word(dice)} <l{_often_low(dice, LISTS)}.lists.example>"]
    return StoredEmail(
        id=number,
        account="bench",
        mailbox="INBOX",
        flags=frozenset({"\\Seen"} if number % 3 else ()),
        internaldate=NOW - dt.timedelta(minutes=number),
        size=4_000,
        headers=headers,
        text=_body(dice),
        attachments=(Attachment(name="a.pdf", type="application/pdf", bytes=4_000),) if number % 9 == 0 else (),
    )


def _body(dice: random.Random) -> str:
    lines = [_text(dice, 10) for _ in range(dice.randrange(2 * TEXT_WORDS // 10))]
    return "\n".join(["\u201cHello\u201d", *lines] if dice.random() < QUOTED else lines)


def _text(dice: random.Random, words: int) -> str:
    text = " ".join(_word(dice) for _ in range(words))
    return text.translate(_ACCENTED) if dice.random() < ACCENTED else text


def _often_low(dice: random.Random, below: int) -> int:
    """Return a number, low ones more often: a few senders write most of the mail."""
    return int(below * dice.random() ** 3)


def _word(dice: random.Random) -> str:
    number = _often_low(dice, WORDS)
    return "".join(_SYLLABLES[number // step % len(_SYLLABLES)] for step in (1, 32, 1024))


def _domain(dice: random.Random) -> str:
    return f"d{_often_low(dice, DOMAINS)}.example"


def _address(dice: random.Random) -> str:
    return f"{_word(dice)}@mail.{_domain(dice)}"
