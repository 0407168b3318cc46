"""Which mails of a run can be taken back: those a person has not touched since."""

from collections.abc import Sequence

from shared.pipeline.visit import Visit
from shared.records import ClaimedEmail, Flags, MailboxStatus
from shared.status import ActionState

READING = frozenset({"\\Seen", "\\Answered", "$Forwarded", "$MDNSent"})
"""Flags that come from reading a mail, not from filing it: they do not count as touching, and they stay."""


def untouched(at: Visit, status: MailboxStatus, emails: Sequence[ClaimedEmail]) -> list[ClaimedEmail]:
    """Return those that are still where we left them, as we left them."""
    here = [email for email in emails if email.ref and email.ref.uidvalidity == status.uidvalidity]
    flags = at.session.flags([email.ref.uid for email in here if email.ref])
    return [email for email in here if email.ref and _is_as_left(email, flags.get(email.ref.uid))]


def _is_as_left(email: ClaimedEmail, flags: Flags | None) -> bool:
    """A flag that we changed ourselves tells nothing: servers drop keywords, and an undo may have begun with it."""
    if email.move is not None and email.move.state is ActionState.COPIED:
        return True  # it is half back already: what is left to do looks for itself
    if flags is None:
        return False
    ours = {flag.casefold() for flag in READING | email.our_flags}
    now_set = {flag.casefold() for flag in flags}
    left_set = {flag.casefold() for flag in email.expected_flags or frozenset()}
    return not (now_set ^ left_set) - ours
