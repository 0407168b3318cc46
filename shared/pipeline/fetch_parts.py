"""Parts on demand: fetch for exactly the mails that wait for it what their decision hangs on. Never writes there."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from shared.errors import NotFound, Throttled
from shared.mail.parts import arrived_parts
from shared.pipeline.visit import Visit
from shared.records import ArrivedParts, FetchedParts, PartsWish, WishedMailbox

RENUMBERED = "its mailbox was renumbered"


def fetch_parts(at: Visit, counts: Counter[str], limit: int) -> int:
    """Settle the wishes of at most `limit` mails: each part of them came, or is unavailable; return their number.

    Counts `parts` (mails of which something came) and `unavailable` (mails of which something cannot be had).
    """
    counts["unavailable"] += at.store.parts.tidy(at.account.id, at.run_id)
    left = limit
    for mailbox in at.store.parts.mailboxes(at.account.id):
        if left <= 0 or not at.in_time:
            break
        left -= _settle_mailbox(at, mailbox, counts, left)
    return limit - left


def _settle_mailbox(at: Visit, mailbox: WishedMailbox, counts: Counter[str], limit: int) -> int:
    try:
        status = at.session.examine(mailbox.name)
    except NotFound:  # gone, or only today
        at.store.parts.postpone(at.account.id, mailbox)
        return 0
    if status.uidvalidity != mailbox.uidvalidity:
        ended = at.store.parts.refuse(at.account.id, mailbox, RENUMBERED, at.run_id)
        counts["unavailable"] += ended
        return ended
    left = limit
    with ThreadPoolExecutor(max_workers=1) as writer:  # PostgreSQL stores what came while the next is fetched and read
        stored: Future[None] | None = None
        while left > 0 and at.in_time and (wishes := at.store.parts.take(at.account.id, mailbox, left)):
            arrived = _fetch(at, wishes)
            if stored:
                stored.result()
            stored = writer.submit(_put, at, arrived, counts)
            left -= len(wishes)
            at.renew()
        if stored:
            stored.result()
    return limit - left


def _fetch(at: Visit, wishes: Sequence[PartsWish]) -> list[ArrivedParts]:
    try:
        fetched = at.session.parts({wish.uid: wish.parts for wish in wishes})
    except Throttled:
        at.store.parts.give_back(at.account.id, wishes)
        raise
    return [_arrived(wish, fetched) for wish in wishes]


def _arrived(wish: PartsWish, fetched: dict[int, FetchedParts]) -> ArrivedParts:
    return arrived_parts(wish, fetched.get(wish.uid))


def _put(at: Visit, arrived: Sequence[ArrivedParts], counts: Counter[str]) -> None:
    at.store.parts.put(arrived, at.run_id)
    counts["parts"] += sum(one.unavailable != one.wish.parts for one in arrived)
    counts["unavailable"] += sum(bool(one.unavailable) for one in arrived)
