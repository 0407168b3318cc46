"""In what order many mails are committed, sent and recorded."""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from shared.clock import now
from shared.pipeline.limits import Limits
from shared.pipeline.movable import Movable
from shared.pipeline.moving import MOVED_TOGETHER, move_all
from shared.pipeline.visit import Visit
from shared.records import (
    ActionKind,
    ActionStep,
    ClaimedEmail,
    CopyAnswer,
    EmailRef,
    Lease,
    LoggedAction,
    MailboxStatus,
    Mode,
)
from shared.status import ActionState

NEWS = MailboxStatus(name="News", uidvalidity=9, uidnext=1, messages=0)
LEASE = Lease(name="mailbox:1", token=uuid.UUID(int=1), expires_at=now() + 60, inherited=False)
LIMITS = Limits(claim_timeout_s=3600)
"""A lease of which more than half is always used up: it is renewed wherever that is asked for."""


@dataclass
class Ledger:
    """A store and a mail server that only note, in order, what is asked of them."""

    notes: list[str] = field(default_factory=list)
    can_move: bool = True

    def renew(self, lease: Lease, _seconds: float) -> Lease:
        self.notes.append("renew")
        return lease

    def extend(self, _lease_until: float) -> None: ...

    def advance(self, _lease: Lease, steps: Sequence[ActionStep]) -> None:
        self.notes.append(f"commit {len(steps)}")

    def finish(self, _lease: Lease, steps: Sequence[ActionStep], *_: Any) -> None:
        self.notes.append(f"record {len(steps)}")

    def move(self, moves: Iterable[tuple[Sequence[int], str]]) -> Iterator[CopyAnswer]:
        sent = []
        for uids, _target in moves:
            self.notes.append(f"send {len(uids)}")
            sent.append(uids)
        for uids in sent:
            self.notes.append("answer")
            yield CopyAnswer(target_uidvalidity=9, uids={uid: uid for uid in uids})


def movable(uid: int) -> Movable:
    move = LoggedAction(id=uid, email_id=uid, kind=ActionKind.MOVE, target="News", state=ActionState.PLANNED)
    source = EmailRef(mailbox="INBOX", uidvalidity=7, uid=uid)
    email = ClaimedEmail(id=uid, ref=source, identity_hash=uuid.UUID(int=uid), attempts=1, actions=(move,))
    return Movable(email=email, move=move, target=NEWS, flags=frozenset())


def test_each_part_is_committed_sent_and_recorded_under_a_lease_that_lives() -> None:
    """Committed before it is sent; the lease is looked after before each commit and after each answer."""
    ledger = Ledger()
    account = SimpleNamespace(name="work", mode=Mode.APPLY)
    accounts = SimpleNamespace(paused=lambda: False, get=lambda _name: account)
    at: Any = Visit(
        account=account,  # type: ignore[arg-type]
        run=SimpleNamespace(id=uuid.UUID(int=2)),  # type: ignore[arg-type]
        store=SimpleNamespace(leases=ledger, actions=ledger, accounts=accounts),  # type: ignore[arg-type]
        session=ledger,  # type: ignore[arg-type]
        lease=LEASE,
        limits=LIMITS,
        deadline=now() + 60,
    )
    flags = [ActionStep(action_id=1, was=ActionState.SENT, became=ActionState.DONE)]
    move_all(at, NEWS, [movable(uid) for uid in range(1, MOVED_TOGETHER + 2)], flags, Counter())

    assert [
        *("renew", f"commit {MOVED_TOGETHER + 1}", f"send {MOVED_TOGETHER}"),  # with the last step of the flags
        *("renew", "commit 1", "send 1"),
        *("answer", "renew", f"record {MOVED_TOGETHER}"),
        *("answer", "renew", "record 1"),
    ] == ledger.notes
