"""Which targets are looked up beside the flags, and what is still asked for afterwards."""

import uuid
from collections.abc import Sequence

import pytest

from shared.pipeline.targets import find_targets, names_of
from shared.records import ActionKind, ClaimedEmail, EmailRef, LoggedAction, MailboxStatus
from shared.status import ActionState
from tests.fakes.mail_server import FakeMailServer, FakeSession

MOVE, FLAG, COPY = (ActionKind.MOVE, "News"), (ActionKind.FLAG, "\\Seen"), (ActionKind.COPY, "News")


def email(*actions: tuple[ActionKind, str], undoing: bool = False) -> ClaimedEmail:
    logged = [
        LoggedAction(id=number, email_id=1, kind=kind, target=target, state=ActionState.PLANNED)
        for number, (kind, target) in enumerate(actions)
    ]
    ref = EmailRef(mailbox="INBOX", uidvalidity=7, uid=1)
    return ClaimedEmail(
        id=1, ref=ref, identity_hash=uuid.UUID(int=1), attempts=1, actions=tuple(logged), undoing=undoing
    )


@pytest.mark.parametrize(
    ("emails", "expected"),
    [
        ([email(MOVE), email((ActionKind.MOVE, "Bills"))], ["Bills", "News"]),
        ([email(MOVE), email((ActionKind.MOVE, "\\Archive"))], ["News"]),
        ([email(MOVE), email(FLAG, MOVE)], []),
        ([email(MOVE), email(COPY)], []),
        ([email(MOVE, undoing=True)], []),
        ([], []),
    ],
)
def test_only_mere_moves_are_looked_up_ahead(emails: Sequence[ClaimedEmail], expected: list[str]) -> None:
    """Where something is done before the move, STATUS has to be asked for after it; roles have no name yet."""
    assert expected == names_of(FakeSession(FakeMailServer()), emails)


def test_what_was_told_is_not_asked_again() -> None:
    """STATUS goes to the targets that were not told; a missing one is created."""
    server = FakeMailServer()
    session = FakeSession(server)
    told = MailboxStatus(name="News", uidvalidity=1, uidnext=99, messages=0)
    targets = find_targets(session, {"News", "Bills"}, {"News": told})

    assert told == targets.found["News"]
    assert {"News", "Bills"} == targets.found.keys()
    assert "Bills" in server.mailboxes and "News" not in server.mailboxes
