"""Count the seeded mail on the IMAP server: an outsider, standard library only, nothing of the program it judges.

Run by itself: python -I census.py --host H --port P --user U --password-file F --seeded seeded.json --undecided N
"""

import argparse
import hashlib
import imaplib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

TIMEOUT_S = 60
MIN_APPLIED = 0.60
UNCERTAIN_RANGE = (0.03, 0.15)
INBOX = "INBOX"
SHOWN_IDS = 10
DEMO_HEADER = b"X-Demo-Id: "
RECENT = "\\Recent"  # set by the server for each session, says nothing about the mail
LIST_LINE = re.compile(rb'\((?P<attributes>[^)]*)\) (?:"[^"]*"|NIL) (?P<name>.+)')
FLAGS_ITEM = re.compile(rb"FLAGS \(([^)]*)\)")


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """A mail as it was put into the mailbox."""

    id: str
    sha256: str
    flags: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A message as it lies on the server now."""

    id: str
    sha256: str
    flags: frozenset[str]
    mailbox: str


@dataclass(frozen=True, kw_only=True)
class Census:
    """Where the seeded mail is now."""

    mails: int
    applied: int
    uncertain: int
    kept: int
    lost: int
    duplicated: int
    foreign: int
    mailboxes: dict[str, int] = field(default_factory=dict)
    lost_ids: tuple[str, ...] = ()
    duplicated_ids: tuple[str, ...] = ()

    def line(self) -> str:
        """Write the counts as the demo's last line."""
        names = ("mails", "applied", "uncertain", "kept", "lost", "duplicated")
        return "demo: " + json.dumps({name: getattr(self, name) for name in names})

    def faults(self) -> list[str]:
        """Say in one sentence each what is not as it must be."""
        least, most = UNCERTAIN_RANGE
        checks = (
            (self.lost == 0, f"{self.lost} mails are lost or changed: {_some(self.lost_ids)}"),
            (self.duplicated == 0, f"{self.duplicated} mails exist twice: {_some(self.duplicated_ids)}"),
            (self.foreign == 0, f"{self.foreign} messages on the server were never seeded"),
            (self.kept >= 0, "the program calls more mails undecided than lie unchanged in INBOX"),
            (self.applied >= MIN_APPLIED * self.mails, f"only {self.applied} of {self.mails} mails were filed"),
            (
                least * self.mails <= self.uncertain <= most * self.mails,
                f"{self.uncertain} of {self.mails} mails are uncertain, which is not {least:.0%} to {most:.0%}",
            ),
        )
        return [fault for is_fine, fault in checks if not is_fine]


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:SHOWN_IDS]) + (" …" if len(ids) > SHOWN_IDS else "")


def read_message(raw: bytes) -> tuple[str, str]:
    """Return a message's demo id (empty without one) and the SHA-256 of what follows that header line."""
    first, _, rest = raw.partition(b"\r\n")
    if not first.startswith(DEMO_HEADER):
        return "", hashlib.sha256(raw).hexdigest()
    return first[len(DEMO_HEADER) :].decode("ascii", "replace"), hashlib.sha256(rest).hexdigest()


def count(seeded: Sequence[Seeded], found: Iterable[Found], *, undecided: int) -> Census:
    """Compare what was seeded with what is there; a mail whose bytes changed counts as lost."""
    expected = {(mail.id, mail.sha256): mail for mail in seeded}
    places: dict[tuple[str, str], list[Found]] = defaultdict(list)
    mailboxes: dict[str, int] = defaultdict(int)
    for message in found:
        places[message.id, message.sha256].append(message)
        mailboxes[message.mailbox] += 1
    lost = [mail.id for key, mail in expected.items() if key not in places]
    duplicated = [mail.id for key, mail in expected.items() if len(places.get(key, ())) > 1]
    present = [(mail, places[key]) for key, mail in expected.items() if key in places]
    unchanged = sum(_is_untouched(mail, messages) for mail, messages in present)
    return Census(
        mails=len(seeded),
        applied=len(present) - unchanged,
        uncertain=undecided,
        kept=unchanged - undecided,
        lost=len(lost),
        duplicated=len(duplicated),
        foreign=sum(len(messages) for key, messages in places.items() if key not in expected),
        mailboxes=dict(sorted(mailboxes.items())),
        lost_ids=tuple(lost),
        duplicated_ids=tuple(duplicated),
    )


def _is_untouched(mail: Seeded, messages: list[Found]) -> bool:
    return all(message.mailbox.upper() == INBOX and message.flags == mail.flags for message in messages)


def read_server(server: imaplib.IMAP4) -> Iterable[Found]:
    """Yield every message of every mailbox, without touching a flag (EXAMINE, PEEK)."""
    for mailbox in _mailboxes(server):
        _, answer = server.select(mailbox.decode("ascii"), readonly=True)
        if int(answer[0] or 0) > 0:
            name = mailbox.decode("ascii", "replace").strip('"')
            yield from _messages(server, name)


def _mailboxes(server: imaplib.IMAP4) -> Iterable[bytes]:
    """Names as the server wrote them: modified UTF-7, quotes and all."""
    _, lines = server.list()
    for line in lines:
        match = LIST_LINE.match(line) if isinstance(line, bytes) else None
        if match is not None and b"\\noselect" not in match["attributes"].lower():
            yield match["name"]


def _messages(server: imaplib.IMAP4, mailbox: str) -> Iterable[Found]:
    _, answer = server.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")
    for at, item in enumerate(answer):
        if not isinstance(item, tuple):
            continue
        after = answer[at + 1] if at + 1 < len(answer) else b""
        match = FLAGS_ITEM.search(item[0]) or FLAGS_ITEM.search(after if isinstance(after, bytes) else b"")
        flags = frozenset(match[1].decode("ascii", "replace").split()) if match else frozenset()
        demo_id, sha256 = read_message(item[1])
        yield Found(id=demo_id, sha256=sha256, flags=flags - {RECENT}, mailbox=mailbox)


def read_seeded(path: Path) -> list[Seeded]:
    """Read the list of seeded mails: [{"id", "sha256", "flags"}]."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Seeded(id=row["id"], sha256=row["sha256"], flags=frozenset(row["flags"])) for row in rows]


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, print one JSON object and the faults, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    parser.add_argument("--seeded", type=Path, required=True)
    parser.add_argument("--undecided", type=int, required=True)
    options = parser.parse_args(arguments)
    with imaplib.IMAP4(options.host, options.port, timeout=TIMEOUT_S) as server:
        server.login(options.user, options.password_file.read_text(encoding="utf-8").strip())
        census = count(read_seeded(options.seeded), read_server(server), undecided=options.undecided)
    faults = census.faults()
    sys.stdout.write(json.dumps({**asdict(census), "line": census.line(), "faults": faults}) + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
