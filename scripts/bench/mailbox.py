"""The mailbox that is sorted: invented mail, the same bytes each time, half of which three rules move."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

INBOX, SHOP, LISTS, INVOICES = "INBOX", "Shop", "Lists", "Invoices"
TARGETS = (SHOP, LISTS, INVOICES)
PLACES = (SHOP, INBOX, LISTS, INBOX, INVOICES, INBOX)
"""Where the rules put a mail, by its number: half of all mails move."""

FIRST_DATE = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
DOMAINS = ("news.example", "bank.example", "friends.example")
OTHER_LISTS = ("announce.lists.example", "garden.lists.example")
SUBJECTS = ("Lunch on Friday", "Your question of last week", "Holiday pictures", "Minutes of the meeting", "the garden")
LINE = "A line of text that says nothing in particular, but is as long as lines are.\n"
MAX_BODY_LINES = 60
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Contents = Mapping[str, Counter[tuple[str, tuple[str, ...]]]]
"""What lies in each mailbox: how often each (SHA-256 of the file, flags) is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail as its file holds it (line ends LF), and the mailbox it belongs into."""

    number: int
    raw: bytes
    place: str

    @property
    def date(self) -> datetime:
        """When it arrived."""
        return FIRST_DATE + timedelta(minutes=self.number)

    @property
    def is_seen(self) -> bool:
        """Whether it was read already: two of three are."""
        return self.number % 3 != 0


def build(count: int) -> list[Mail]:
    """Build `count` mails; the first n of a longer mailbox are the mails of a shorter one."""
    return [Mail(number=number, raw=_raw(number), place=place_of(number)) for number in range(1, count + 1)]


def place_of(number: int) -> str:
    """Return the mailbox in which the rules put a mail."""
    return PLACES[number % len(PLACES)]


def delivered(mails: Sequence[Mail]) -> Contents:
    """Return what lies in each mailbox before anything was done."""
    return {INBOX: Counter(map(_as_counted, mails))}


def filed(mails: Sequence[Mail]) -> Contents:
    """Return what must lie in each mailbox once the rules were carried out."""
    return {name: Counter(_as_counted(mail) for mail in mails if mail.place == name) for name in (INBOX, *TARGETS)}


def _as_counted(mail: Mail) -> tuple[str, tuple[str, ...]]:
    return hashlib.sha256(mail.raw).hexdigest(), ("S",) if mail.is_seen else ()


def _raw(number: int) -> bytes:
    place = place_of(number)
    domain = "shop.example" if place == SHOP else DOMAINS[number % len(DOMAINS)]
    sender = f"sender{number % 97}@{domain}"
    date = _date(FIRST_DATE + timedelta(minutes=number))
    token = hashlib.sha256(str(number).encode()).hexdigest()
    fields = {
        "Return-Path": f"<bounce-{number}@{domain}>",
        "Delivered-To": "me@home.example",
        "Received": f"from mx{number % 7}.{domain} (mx{number % 7}.{domain} [192.0.2.{number % 250}])\n"
        f"\tby mail.home.example (Postfix) with ESMTPS id {token[:12].upper()}\n\tfor <me@home.example>; {date}",
        "Authentication-Results": f"mail.home.example; spf=pass smtp.mailfrom={domain}; dkim=pass header.d={domain}",
        "Message-ID": f"<{token[:24]}.{number}@{domain}>",
        "Date": date,
        "From": f"Sender {number % 97} <{sender}>",
        "To": "Me <me@home.example>",
        "Subject": _subject(number, place),
        **_list_fields(number, place),
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "7bit",
    }
    header = "".join(f"{name}: {value}\n" for name, value in fields.items())
    body = f"This is mail number {number}.\n" + LINE * (number * 7 % MAX_BODY_LINES)
    return f"{header}\n{body}".encode()


def _subject(number: int, place: str) -> str:
    if place == INVOICES:
        return f"[Invoice] AB-{number} is ready"
    return f"{'Re: ' if number % 4 == 0 else ''}{SUBJECTS[number % len(SUBJECTS)]} ({number})"


def _list_fields(number: int, place: str) -> dict[str, str]:
    if place == LISTS:
        name = "dev.lists.example"
    elif number % 5 == 0:
        name = OTHER_LISTS[number % len(OTHER_LISTS)]
    else:
        return {}
    leave = f"<mailto:leave@{name.partition('.')[2]}?subject=unsubscribe>"
    return {"List-Id": f"{name.partition('.')[0].title()} <{name}>", "List-Unsubscribe": leave, "Precedence": "list"}


def _date(moment: datetime) -> str:
    """Return the date as RFC 5322 writes it, whatever the locale."""
    return f"{DAYS[moment.weekday()]}, {moment.day:02} {MONTHS[moment.month - 1]} {moment:%Y %H:%M:%S} +0000"
