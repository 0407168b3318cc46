"""Leases: named rights to work that end by themselves when their holder dies."""

import contextlib
import uuid
from collections.abc import Iterator

from shared import clock
from shared.errors import DatabaseDown, LeaseHeld, StaleClaim
from shared.records import Lease
from shared.store.database import Database


class Leases:
    """Rows of `leases`; `takeover_grace_s` is the longest time a command of a dead holder may still run."""

    def __init__(self, database: Database, *, takeover_grace_s: float) -> None:
        self._database = database
        self._grace_s = takeover_grace_s

    @contextlib.contextmanager
    def hold(self, name: str, holder: str, seconds: float) -> Iterator[Lease]:
        """Take a lease or raise LeaseHeld; it is given back on exit unless mails are still claimed under it."""
        lease = self._take(name, holder, seconds)
        try:
            yield lease
        finally:
            with contextlib.suppress(DatabaseDown):  # then it ends by itself
                self._release(lease)

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Prolong a lease and the claims under it; raise StaleClaim if it ended or is another's."""
        before = clock.now()
        with self._database.transaction() as transaction:
            renewed = transaction.value("renew_lease", name=lease.name, token=lease.token, seconds=seconds)
        if not renewed:
            raise StaleClaim
        return Lease(name=lease.name, token=lease.token, expires_at=before + seconds, inherited=lease.inherited)

    def _take(self, name: str, holder: str, seconds: float) -> Lease:
        token = uuid.uuid4()
        before = clock.now()  # the row expires later than we believe, never earlier
        with self._database.transaction(relaxed=True) as transaction:
            inherited = transaction.value(
                "take_lease", name=name, holder=holder, token=token, seconds=seconds, grace=self._grace_s
            )
        if inherited is None:
            raise LeaseHeld
        return Lease(name=name, token=token, expires_at=before + seconds, inherited=inherited)

    def _release(self, lease: Lease) -> None:
        with self._database.transaction(relaxed=True) as transaction:
            transaction.run("release_lease", name=lease.name, token=lease.token)
