"""Keep syncs away while something is done to an account that none may see half done."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from shared.errors import LeaseHeld
from shared.records import Account
from shared.wiring import Wiring

HOLDER = "accounts"
LEASE_S = 300.0


@contextmanager
def without_syncs(root: Wiring, account: Account, *, nor_visits: bool = False) -> Iterator[None]:
    """Hold the account's sync lease, and with `nor_visits` that of its mailboxes; LeaseHeld while a sync is at work."""
    names = [f"sync:{account.id}", *([f"mailbox:{account.id}"] if nor_visits else [])]
    with ExitStack() as held:
        try:
            for name in names:
                held.enter_context(root.store.leases.hold(name, HOLDER, LEASE_S))
        except LeaseHeld as error:
            longest_s = root.settings.work.claim_timeout_s + root.settings.imap.timeout_s
            error.hint = (
                f"a sync or undo of {account.name!r} is at work; one that was killed lets go by itself after at"
                f" most {longest_s:.0f} s"
            )
            raise
        yield
