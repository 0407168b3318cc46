"""Everything a benchmark stands on: one Dovecot, the ways to it, the mailboxes, the peer and our stack."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from scripts.bench.mailbox import Mail, build, delivered, filed
from scripts.bench.maildirs import Maildirs, settle_disk
from scripts.bench.ours import Ours, stack
from scripts.bench.peer import Peer
from scripts.bench.verify import check
from scripts.bench.ways import Way, through
from tests.faults.proxy import WireProxy
from tests.fixtures.dovecot import DovecotServer

ROUND_TRIP_S = 0.05

Side = Literal["ours", "peer"]


@dataclass(kw_only=True)
class Stage:
    """One session: both sides use the same server, the same ways to it and copies of the same mailbox."""

    server: DovecotServer
    maildirs: Maildirs
    straight: Way
    counting: Way
    far: Way
    home: Path
    peer: Peer
    ours: Ours
    mails: Sequence[Mail]
    snapshots: dict[str, Path] = field(default_factory=dict)

    def cold(self) -> Path:
        """Return the mailbox without any index of Dovecot's."""
        if "cold" not in self.snapshots:
            self.snapshots["cold"] = self.maildirs.prepare(self.mails, f"mails{len(self.mails)}")
        return self.snapshots["cold"]

    def warm(self, side: Side, rules: str) -> Path:
        """Return the mailbox as it is after this side has read it once: the cache holds what this side asks for."""
        key = f"{side}:{rules}"
        if key not in self.snapshots:
            user = self.maildirs.restore(self.cold())
            if side == "ours":
                self.ours.push_rules(rules)
                self.ours.read(user, self.straight)
            else:
                self.peer.search(user, self.straight, rules)
            check(self.server.census(user), delivered(self.mails))
            self.snapshots[key] = self.maildirs.snapshot(user, warm=True)
        return self.snapshots[key]

    def verify(self, user: str) -> None:
        """Count the user's mail on disk; WrongResultError if it is not as the rules ask for."""
        check(self.server.census(user), filed(self.mails))

    def fresh(self, side: Side, rules: str, *, warm: bool) -> str:
        """Return a user with an untouched copy of the mailbox, all of it written to disk."""
        user = self.maildirs.restore(self.warm(side, rules) if warm else self.cold())
        settle_disk()
        return user


@contextmanager
def stage(mails: int) -> Iterator[Stage]:
    """Start everything in a temporary folder, and end and remove it with the context."""
    with ExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = opened.enter_context(DovecotServer())
        upstream = (server.host, server.port)
        yield Stage(
            server=server,
            maildirs=Maildirs(server=server),
            straight=Way(host=server.host, port=server.port),
            counting=through(opened.enter_context(WireProxy(upstream=upstream, plain=True))),
            far=through(opened.enter_context(WireProxy(upstream=upstream, plain=True, latency_s=ROUND_TRIP_S))),
            home=home,
            peer=Peer(home=home),
            ours=opened.enter_context(stack(home / "stack")),
            mails=build(mails),
        )
