"""Identical fresh copies of one mailbox: mail files as hard links, Dovecot's own files copied, times kept."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from scripts.bench.mailbox import INBOX, TARGETS, Mail
from tests.fixtures.dovecot import DovecotServer
from tests.fixtures.maildir import give

INDEX = "dovecot.index"
"""Dovecot's index, log and cache of a mailbox: without them a header fetch is cold."""


@dataclass(kw_only=True)
class Maildirs:
    """The users of one Dovecot; each run gets a user of its own with a copy of a prepared maildir."""

    server: DovecotServer
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def prepare(self, mails: Sequence[Mail], name: str) -> Path:
        """Lay out a mailbox, let Dovecot number it, and return the folder of a snapshot without any index."""
        user = self.server.add_user(name).user
        for target in TARGETS:
            self.server.doveadm("mailbox", "create", "-u", user, "-s", target)
        folder = self.server.maildir(user) / "cur"
        for mail in mails:
            _write(folder, mail)
        for mailbox in (INBOX, *TARGETS):
            self.server.doveadm("mailbox", "status", "-u", user, "messages uidnext", mailbox)
        return self.snapshot(user, warm=False)

    def snapshot(self, user: str, *, warm: bool) -> Path:
        """Close the user's sessions and keep a copy of the maildir, with its indexes if `warm`."""
        self.server.kick(user)
        source = self.server.maildir(user)
        kept = self.server.root / "snapshots" / f"{user}-{'warm' if warm else 'cold'}"
        _copy(source, kept, keep_indexes=warm)
        return kept

    def restore(self, snapshot: Path) -> str:
        """Return a new user whose maildir equals the snapshot."""
        user = f"run{next(self.numbers)}"
        self.server.add_user(user)
        maildir = self.server.maildir(user)
        shutil.rmtree(maildir)
        _copy(snapshot, maildir, keep_indexes=True)
        return user

    def drop(self, user: str) -> None:
        """Forget a user whose run was verified."""
        self.server.kick(user)
        shutil.rmtree(self.server.maildir(user).parent)
        (self.server.root / "passwd" / user).unlink()


def settle_disk() -> None:
    """Write out what earlier work left in the page cache, so that no run pays for it."""
    subprocess.run(["sync"], check=True)


def _write(folder: Path, mail: Mail) -> None:
    """Write a mail under the name Dovecot's own delivery gives it: with its size, and its size with CRLF."""
    seconds = int(mail.date.timestamp())
    size, wire_size = len(mail.raw), len(mail.raw) + mail.raw.count(b"\n")
    path = (
        folder / f"{seconds}.M{mail.number % 1_000_000}P1.bench,S={size},W={wire_size}:2,{'S' if mail.is_seen else ''}"
    )
    path.write_bytes(mail.raw)
    os.utime(path, (seconds, seconds))
    give(path)


def _copy(source: Path, target: Path, *, keep_indexes: bool) -> None:
    target.mkdir(parents=True)
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        copy = target / entry.name
        if entry.is_dir():
            _copy(Path(entry.path), copy, keep_indexes=keep_indexes)
        elif target.name in ("cur", "new"):
            os.link(entry.path, copy)  # Dovecot renames and unlinks mail files, it never writes into one
        elif keep_indexes or not entry.name.startswith(INDEX):
            shutil.copy2(entry.path, copy)
            give(copy)
    give(target)
    shutil.copystat(source, target)
