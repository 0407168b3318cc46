"""Which mails a refused FETCH really concerns: the others are read all the same."""

from collections.abc import Callable, Container, Iterable, Sequence

from shared.imap import uid_set
from shared.imap.faults import refusal, slow_down
from shared.imap.wire import Answer

MAX_UNREADABLE = 100
"""Mails of one chunk that a server may refuse one by one; beyond it the fault is not the mails'."""


def is_refused(answer: Answer) -> bool:
    """Whether a command got a tagged NO that concerns its mails; one that asks us to wait is raised."""
    if answer.state != b"OK" and (slow := slow_down(answer.code, answer.text)):
        raise slow
    return answer.state != b"OK"


def ask_in_halves(
    uids: Sequence[int], ask: Callable[[Sequence[bytes]], Iterable[Answer]], known: Container[int]
) -> list[int]:
    """Ask for `uids` in parts, the refused ones in ever smaller parts; return those that are refused alone.

    `ask` sends one command per UID set and yields their answers in order, after which `known` holds what came. The
    rounds are few: each halves the parts. An answer BYE means that the server broke off at the first mail that did not
    come. Raises when too many parts are refused at once.
    """
    alone: list[int] = []
    parts = _halves(uids)
    while parts:
        sets = [uid_range for part in parts for uid_range in uid_set.split(part)]
        refused = [
            (uid_set.expand(uid_range), answer)
            for uid_range, answer in zip(sets, ask(sets), strict=True)
            if is_refused(answer)
        ]
        if len(alone) + len(refused) > MAX_UNREADABLE:
            raise refusal(refused[-1][1].code, refused[-1][1].text, f"a FETCH of more than {MAX_UNREADABLE} mails")
        parts = []
        for part, answer in refused:
            left = [uid for uid in part if uid not in known]
            if len(part) == 1:
                alone += left
            else:
                parts += _halves(left, 1 if answer.state == b"BYE" else None)
    return alone


def _halves(uids: Sequence[int], middle: int | None = None) -> list[Sequence[int]]:
    middle = middle or (len(uids) + 1) // 2
    return [half for half in (uids[:middle], uids[middle:]) if half]
