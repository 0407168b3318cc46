"""Make the demo's mailbox: the corpus and the hostile mail as raw bytes, the same at every call."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from scripts.demo.compose import compose
from scripts.demo.entries import Entry, read_entries
from scripts.demo.hostile import hostile_mails

DEMO_HEADER = b"X-Demo-Id: "
NEWEST = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
STEP = timedelta(hours=9, minutes=41)
SPREAD = 7  # coprime with the number of mails, so that kinds alternate in time
UNREAD_EVERY = 3


@dataclass(frozen=True, kw_only=True)
class DemoMail:
    """One mail as it is seeded, and what the census needs to find it again."""

    demo_id: str
    kind: str
    language: str
    address: str
    body: str
    raw: bytes
    internal_date: datetime
    flags: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over what follows the X-Demo-Id line."""
        return hashlib.sha256(self.raw.partition(b"\r\n")[2]).hexdigest()


@dataclass(frozen=True, kw_only=True)
class _Draft:
    kind: str
    language: str
    address: str
    body: str
    raw: bytes
    when: datetime


def build_mailbox() -> list[DemoMail]:
    """Make all mails, oldest first."""
    drafts = sorted([*_written(), *_hostile()], key=lambda draft: draft.when)
    return [_number(at, draft) for at, draft in enumerate(drafts, start=1)]


def _number(at: int, draft: _Draft) -> DemoMail:
    demo_id = f"demo-{at:04d}"
    seen = draft.kind != "security" and at % UNREAD_EVERY != 0
    return DemoMail(
        demo_id=demo_id,
        kind=draft.kind,
        language=draft.language,
        address=draft.address,
        body=draft.body,
        raw=DEMO_HEADER + demo_id.encode() + b"\r\n" + draft.raw,
        internal_date=draft.when,
        flags=("\\Seen",) if seen else (),
    )


def _written() -> Iterator[_Draft]:
    copies = [(entry, turn) for entry in read_entries() for turn in range(entry.times)]
    for at, (entry, turn) in enumerate(copies):
        when = NEWEST - STEP * (at * SPREAD % len(copies))
        filled = _fill(entry, at=at, turn=turn)
        message_id = f"<{at:04d}.{entry.kind}@{entry.address.partition('@')[2]}>"
        raw = compose(filled, when=when, message_id=message_id)
        yield _Draft(
            kind=entry.kind, language=entry.language, address=entry.address, body=filled.body, raw=raw, when=when
        )


def _fill(entry: Entry, *, at: int, turn: int) -> Entry:
    """Put numbers in the place of {n}, {m} and {amount}."""
    numbers = {
        "{n}": str(7 + at % 11 + turn),
        "{m}": str(12 + at * 5 % 40),
        "{amount}": f"{9 + at * 13 % 180}.{at % 90 + 10}",
    }

    def filled(text: str) -> str:
        for name, number in numbers.items():
            text = text.replace(name, number)
        return text

    return replace(entry, subject=filled(entry.subject), body=filled(entry.body))


def _hostile() -> Iterator[_Draft]:
    """The hostile mail and, among it, an identical twin: same bytes, same time."""
    mails = [(mail.name, mail.address, mail.raw) for mail in hostile_mails()]
    twin = ("identical-twin", "editor@tidewater.example", _twin())
    for at, (name, address, raw) in enumerate([*mails, twin, twin]):
        when = NEWEST - STEP * 5 * min(at, len(mails)) - timedelta(minutes=13)
        yield _Draft(kind=f"hostile/{name}", language="en", address=address, body=name, raw=raw, when=when)


def _twin() -> bytes:
    entry = next(entry for entry in read_entries() if entry.address == "editor@tidewater.example")
    filled = _fill(entry, at=99, turn=0)
    return compose(filled, when=NEWEST, message_id="<twin.newsletters@tidewater.example>")
