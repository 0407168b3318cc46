"""One visit to an account's mailboxes: the lease that allows it, the connection, the run it belongs to."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from shared.clock import now
from shared.errors import Conflict, DatabaseDown, EmailAgentError
from shared.pipeline.limits import Limits
from shared.pipeline.ports import MailSession, OpenMailbox, Store
from shared.records import Account, Lease, Run


@dataclass(slots=True, kw_only=True)
class Visit:
    """What every step at a mailbox needs. At most one visit per account at a time: the lease sees to it."""

    account: Account
    run: Run
    store: Store
    session: MailSession
    lease: Lease
    limits: Limits
    deadline: float

    @property
    def run_id(self) -> uuid.UUID:
        """The run this visit belongs to."""
        return self.run.id

    @property
    def in_time(self) -> bool:
        """Whether another command can be started and answered before this call's deadline."""
        return now() + self.limits.imap_timeout_s < self.deadline

    @property
    def is_stopped(self) -> bool:
        """Whether its owner paused everything, or changed the account's mode, since this call began."""
        accounts = self.store.accounts
        return accounts.paused() or accounts.get(self.account.name).mode is not self.account.mode

    def renew(self) -> None:
        """Prolong the lease when half of it is used; StaleClaim if somebody took over."""
        if self.lease.expires_at - now() < self.limits.mailbox_lease_s / 2:
            self.lease = self.store.leases.renew(self.lease, self.limits.mailbox_lease_s)
            self.session.extend(self.lease.expires_at)


@contextmanager
def failures_noted(store: Store, account: Account, run: Run) -> Iterator[None]:
    """Note a failed call on its account, and let other runs go first until this one is called again."""
    try:
        yield
    except EmailAgentError as error:
        with suppress(DatabaseDown):
            if not isinstance(error, Conflict):
                store.accounts.record_failure(account.id, f"{type(error).__name__}: {error.detail}")
            store.runs.step_aside(run.id)
        raise


@contextmanager
def visit(
    account: Account, run: Run, *, store: Store, open_mailbox: OpenMailbox, limits: Limits, started: float
) -> Iterator[Visit]:
    """Take the account's mailbox lease and connect.

    A worker that dies, or whose connection breaks while a command is unanswered, leaves its claims; then the lease is
    not given back but runs out, so that nobody acts before the server must have finished with our command.
    """
    with (
        store.leases.hold(f"mailbox:{account.id}", str(run.id), limits.mailbox_lease_s) as lease,
        open_mailbox(account, lease.expires_at) as session,
    ):
        # The deadline leaves room for one command: a call shorter than that still makes progress.
        deadline = started + max(limits.deadline_s, 2 * limits.imap_timeout_s)
        yield Visit(
            account=account, run=run, store=store, session=session, lease=lease, limits=limits, deadline=deadline
        )
