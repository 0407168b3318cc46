"""Values for the tests of the store: an account, mails, decisions, and a clock that only moves when told."""

import datetime as dt
import uuid
from dataclasses import dataclass, field, replace

from shared.records import (
    Account,
    ActionKind,
    ActionStep,
    Checkpoint,
    ClaimedEmail,
    EmailRef,
    Mode,
    NewEmail,
    Outcome,
    Tls,
)
from shared.rules.model import Action, Decision
from shared.status import ActionState, Filing, Status
from shared.store import PostgresStore

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@dataclass
class Clock:
    """A time that is moved by hand."""

    now: dt.datetime = field(default=NOON)

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += dt.timedelta(**delta)


def make_account(store: PostgresStore, name: str = "work", mode: Mode = Mode.APPLY) -> Account:
    return store.accounts.create(
        name=name, host="mail.example", port=993, tls=Tls.TLS, username="me", secret=b"encrypted", mode=mode
    )


def make_mail(uid: int, *, same_as: int | None = None, **fields: object) -> NewEmail:
    """Return a mail; `same_as` gives it the identity of another UID."""
    twin = uid if same_as is None else same_as
    values: dict[str, object] = {
        "uid": uid,
        "flags": frozenset({"\\Seen"}),
        "internaldate": NOON + dt.timedelta(minutes=twin),
        "size": 1000 + twin,
        "identity_hash": uuid.uuid5(uuid.NAMESPACE_OID, str(twin)),
        "message_id": f"<{twin}@example>",
        "headers": {"subject": [f"Mail {twin}"], "from": ["a@example"]},
    }
    return NewEmail(**(values | fields))  # type: ignore[arg-type]


def read_to(store: PostgresStore, account: Account, mailbox: str, high: int, uidvalidity: int = 7) -> Checkpoint:
    """Return the checkpoint of a mailbox that is read from UID 1 to `high`."""
    noted = store.emails.checkpoint(account.id, mailbox)
    return Checkpoint(
        mailbox_id=noted.mailbox_id, mailbox=mailbox, uidvalidity=uidvalidity, uid_low=1, uid_high=max(high, 1)
    )


def decided(*actions: Action, **fields: object) -> Decision:
    """Return a decision to do these actions."""
    values: dict[str, object] = {
        "status": Status.CLASSIFIED,
        "reason": "the subject says so",
        "decided_by": "rule:test",
        "category": "tests",
        "actions": actions,
        "trace": "tf-",
        "ms": 0.25,
    }
    return Decision(**(values | fields))  # type: ignore[arg-type]


def add_mails(store: PostgresStore, account: Account, uids: range, mailbox: str = "INBOX") -> None:
    """Store mails with these UIDs in a mailbox that is read to the last of them."""
    checkpoint = read_to(store, account, mailbox, uids[-1])
    store.emails.add(account.id, [make_mail(uid) for uid in uids], checkpoint)


def classify_all(store: PostgresStore, account: Account, *actions: Action) -> None:
    """Give every fetched mail of the account these actions."""
    rule_set_id = store.rule_sets.push("rules", "digest")
    store.emails.classify(account.id, 100_000, lambda mail: decided(*actions), rule_set_id)


def email_id(store: PostgresStore, uid: int) -> int:
    """Return the row of the mail made by `make_mail(uid)`."""
    return store.emails.get(f"<{uid}@example>").email.id


MOVE = Action(kind=ActionKind.MOVE, target="Done")
FLAG = Action(kind=ActionKind.FLAG, target="$Done")
MARK_READ = Action(kind=ActionKind.FLAG, target="\\Seen")
RUN = uuid.UUID(int=1)
TARGET_UIDVALIDITY = 9


def sent(mail: ClaimedEmail, flags: frozenset[str] = frozenset()) -> list[ActionStep]:
    """Return the step planned -> sent of each action of a claimed mail."""
    return [
        ActionStep(
            action_id=action.id,
            was=ActionState.PLANNED,
            became=ActionState.SENT,
            source=mail.ref,
            source_flags=flags,
            target_mailbox="Done" if action.kind is ActionKind.MOVE else None,
            target_uidvalidity=TARGET_UIDVALIDITY if action.kind is ActionKind.MOVE else None,
            target_uidnext=1 if action.kind is ActionKind.MOVE else None,
        )
        for action in mail.actions
    ]


def copied(mail: ClaimedEmail, uid: int) -> list[ActionStep]:
    """Return the steps of a copy, planned -> done_source_left, that takes the UID in Done."""
    [step] = [replace(step, became=ActionState.COPY_SENT) for step in sent(mail) if step.target_mailbox]
    number = step.action_id
    return [
        step,
        ActionStep(action_id=number, was=ActionState.COPY_SENT, became=ActionState.COPIED, target_uid=uid),
        ActionStep(action_id=number, was=ActionState.COPIED, became=ActionState.DONE_SOURCE_LEFT),
    ]


def done(mail: ClaimedEmail) -> list[ActionStep]:
    """Return the step sent -> done of each action of a claimed mail."""
    return [ActionStep(action_id=action.id, was=ActionState.SENT, became=ActionState.DONE) for action in mail.actions]


def applied(mail: ClaimedEmail, uid: int) -> Outcome:
    """Return the outcome of a mail that was moved."""
    ref = EmailRef(mailbox="Done", uidvalidity=TARGET_UIDVALIDITY, uid=uid)
    return Outcome(email_id=mail.id, became=Filing.APPLIED, why="moved", ref=ref)


def apply_all(
    store: PostgresStore, account: Account, run: uuid.UUID = RUN, flags: frozenset[str] = frozenset()
) -> None:
    """Carry out all that is pending in INBOX, UIDs in Done counting from 1."""
    with store.leases.hold("account", "test", 60) as lease:
        mails = store.actions.claim(account.id, "INBOX", 100_000, lease, run)
        store.actions.advance(lease, [step for mail in mails for step in sent(mail, flags)])
        steps = [step for mail in mails for step in done(mail)]
        outcomes = [applied(mail, uid) for uid, mail in enumerate(mails, 1)]
        store.actions.finish(lease, steps, outcomes, run)
