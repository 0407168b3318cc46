"""A worker that one mail kills: `python -m tests.integration.outage.poisoned '{"url": …, "at": "classify"}'`."""

import datetime as dt
import json
import os
import signal
import sys
from typing import Any

from shared.imap.mailbox import open_mailbox
from shared.pipeline import classify_rules
from shared.records import ActionStep, ClaimedEmail
from shared.rules.load import load_rules
from shared.store import open_store
from tests.fixtures.agent import LIMITS, Agent, StoreClock

POISON = "<120@mail.example>"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class PoisonedActions:
    """The action log of a worker that dies over one mail, once it is claimed or once its step is committed."""

    def __init__(self, store: Any, at: str) -> None:
        self._store = store
        self._actions = store.actions
        self._at = at
        self._deadly: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._actions, name)

    def claim(self, *args: Any) -> list[ClaimedEmail]:
        emails: list[ClaimedEmail] = self._actions.claim(*args)
        poison = self._store.emails.get(POISON).email.id
        self._deadly = {action.id for email in emails if email.id == poison for action in email.actions}
        if self._at == "claim" and self._deadly:
            die()
        return emails

    def advance(self, lease: Any, steps: list[ActionStep]) -> None:
        self._actions.advance(lease, steps)
        if self._at == "advance" and self._deadly & {step.action_id for step in steps}:
            die()


class PoisonedStore:
    def __init__(self, store: Any, actions: PoisonedActions) -> None:
        self._store = store
        self.actions = actions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def make_deadly(store: Any, at: str) -> PoisonedStore:
    """Let one mail kill this process where it is looked at."""
    decide = classify_rules.decide

    def deadly(rule_set: Any, email: Any, now: Any) -> Any:
        if at == "classify" and email.headers["message-id"] == [POISON]:
            die()
        return decide(rule_set, email, now)

    classify_rules.decide = deadly  # in this process only, which is about to die
    return PoisonedStore(store, PoisonedActions(store, at))


def main() -> None:
    order = json.loads(sys.argv[1])
    clock = StoreClock(offset=dt.timedelta(seconds=order["ahead_s"]))
    with open_store(
        order["url"], takeover_grace_s=LIMITS.imap_timeout_s, claim_timeout_s=LIMITS.claim_timeout_s,
        parse=load_rules, clock=clock,
    ) as store:  # fmt: skip

        def connect(account: Any, lease_until: float) -> Any:
            return open_mailbox(account, order["password"], timeout_s=LIMITS.imap_timeout_s, lease_until=lease_until)

        poisoned = make_deadly(store, order["at"])
        Agent(store=poisoned, open_mailbox=connect, clock=clock, account=order["account"]).sync()


if __name__ == "__main__":
    main()
