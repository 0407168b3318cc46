"""A worker in a process of its own, to be killed: `python -m tests.faults.worker '{"url": …, "point": …}'`.

Points in the action log kill or stop this process itself, right after the commit; points on the wire are the proxy's.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from shared.imap.mailbox import open_mailbox
from shared.records import ActionStep
from shared.rules.load import load_rules
from shared.status import ActionState
from shared.store import open_store
from tests.fixtures.agent import LIMITS, Agent, StoreClock

A = ActionState


def sends(*states: ActionState) -> Callable[[Sequence[ActionStep]], bool]:
    """Whether a commit contains a step of a move into one of these states."""
    return lambda steps: any(step.became in states and step.target_mailbox for step in steps)


def becomes(state: ActionState) -> Callable[[Sequence[ActionStep]], bool]:
    return lambda steps: any(step.became is state for step in steps)


POINTS: dict[str, tuple[str, Callable[..., bool]]] = {
    "planned": ("claim", lambda *_: True),
    "sent": ("advance", sends(A.SENT, A.COPY_SENT)),
    "copied": ("advance", becomes(A.COPIED)),
    "expunge_sent": ("advance", becomes(A.EXPUNGE_SENT)),
    "done": ("finish", becomes(A.DONE)),
    "done_source_left": ("finish", becomes(A.DONE_SOURCE_LEFT)),
    "done_source_left, sent": ("advance", becomes(A.DONE_SOURCE_LEFT)),
}


class MortalActions:
    """The action log; at the given point, after the commit, this process gets a signal."""

    def __init__(self, actions: Any, point: str, sig: int) -> None:
        self._actions = actions
        self._method, self._meets = POINTS.get(point, ("", lambda *_: False))
        self._signal = sig

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._actions, name)
        if name != self._method:
            return method

        def mortal(lease: Any, steps: Any = (), *args: Any, **kwargs: Any) -> Any:
            result = method(lease, steps, *args, **kwargs)
            if self._meets(steps):
                os.kill(os.getpid(), self._signal)
            return result

        return mortal


class MortalStore:
    def __init__(self, store: Any, point: str, sig: int) -> None:
        self._store = store
        self.actions = MortalActions(store.actions, point, sig)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def main() -> None:
    order = json.loads(sys.argv[1])
    sig = signal.SIGSTOP if order.get("stop") else signal.SIGKILL
    with open_store(
        order["url"], takeover_grace_s=LIMITS.imap_timeout_s, claim_timeout_s=LIMITS.claim_timeout_s, parse=load_rules
    ) as store:

        def connect(account: Any, lease_until: float) -> Any:
            return open_mailbox(account, order["password"], timeout_s=LIMITS.imap_timeout_s, lease_until=lease_until)

        agent = Agent(
            store=MortalStore(store, order["point"], sig),
            open_mailbox=connect,
            clock=StoreClock(),
            account=order["account"],
        )
        agent.sync()


if __name__ == "__main__":
    main()
