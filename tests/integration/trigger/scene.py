"""Letters to file on Dovecot, the functions as they run, and triggers in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.records import Account
from shared.store import PostgresStore
from shared.store.schedule import Post
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.maildir import Census
from tests.fixtures.messages import date_of, mail
from tests.integration.bad_input.gateway import Gateway
from tests.integration.trigger.between import Between

ROOT = Path(__file__).parents[3]
TICK_S = 0.5
CALM_TICK_S = 2.0
"""For two triggers: on a busy machine the leader must not lose its lease by being slow."""
END_TIMEOUT_S = 60
NOTICE_S = 0.3
"""How long a process that got a signal is given to notice."""
LETTERS = 60
RULES = """
version: 1
categories:
  letters: {description: Letters to read, then: [{move: News}]}
rules:
  - name: letters
    when: {from: {domain: news.example}}
    category: letters
"""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The functions as they run, and the database behind them."""

    gateway: Gateway
    secrets: Path
    url: str


@dataclass
class Scene:
    """One account on the real stack."""

    user: DovecotUser
    stack: Stack
    between: Between
    folder: Path
    account: Account = field(init=False)
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    calls_before_signal: int = 0
    tick_s: float = TICK_S

    @property
    def store(self) -> PostgresStore:
        """The store behind the functions."""
        return self.stack.gateway.store

    def seed(self) -> Census:
        """Deliver letters to file and one mail to leave; return what is there."""
        for number in range(1, LETTERS + 1):
            self.user.deliver("INBOX", mail(number, sender="Letters <letters@news.example>"), "", date_of(number))
        self.user.deliver("INBOX", mail(999, sender="A friend <friend@friends.example>"), "", date_of(99))
        self.store.rule_sets.push(RULES, "letters")
        self.store.accounts.pause()  # or a trigger that runs already may see it before it is approved
        self.account = self.stack.gateway.account(self.user, approve=10_000)
        self.store.accounts.resume()
        return self.user.census()

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a trigger."""
        return self.start_command("trigger", "--tick", str(self.tick_s), *words)

    def start_command(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a command of the command line."""
        command = [sys.executable, "-m", "shared.cli", *words]
        ours = {
            "DATABASE_URL": self.stack.url,
            "SECRETS_DIR": str(self.stack.secrets),
            "AGENT_HOME": str(self.folder),
            "AGENT_GATEWAY_URL": self.between.url,
            "IMAP_TIMEOUT": "2",
            "CLAIM_TIMEOUT_S": "5",
        }
        with (self.folder / f"trigger-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | ours, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def end(self) -> None:
        """End what is still running, forget the account, and wait until nobody leads."""
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
            process.wait(END_TIMEOUT_S)
        for account in self.store.accounts.list():
            self.store.accounts.delete(account.name)
        assert wait(lambda: not self.is_led)

    @property
    def is_led(self) -> bool:
        """Whether a trigger leads, or was killed a moment ago."""
        leader = self.store.schedule.leader()
        return leader is not None and leader.is_alive

    def told(self, process: "subprocess.Popen[bytes]") -> list[dict[str, Any]]:
        """What a trigger wrote."""
        lines = (self.folder / f"trigger-{self.processes.index(process)}.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def signal_on(self, function: str, when: Any, process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
        """Send a signal in the middle of a call, and let it be noticed before the call goes on."""

        def send() -> None:
            process.send_signal(number)
            time.sleep(NOTICE_S)
            self.calls_before_signal = len(self.between.calls)

        self.between.on(function, when, send)

    def post(self) -> Post:
        """A trigger's place that nobody has taken."""
        return Post(holder="nobody", lease_s=1.0, interval_s=600.0)

    @property
    def calls_after_signal(self) -> list[str]:
        """The functions that were called after the signal was noticed."""
        return self.between.calls[self.calls_before_signal :]

    def is_free(self) -> bool:
        """Whether another run may begin at once."""
        run = uuid.uuid4()
        opened = self.store.runs.open(self.account.id, run, dry_run=False)
        self.store.runs.step_aside(run)
        return not opened.finished

    def places(self) -> dict[str, int]:
        return {name: len(mails) for name, mails in self.user.census().items() if mails}


def hashes(census: Census) -> Counter[str]:
    """How often each mail is there, in whatever mailbox."""
    return Counter(sha for mails in census.values() for sha, _ in mails)


def wait(is_so: Callable[[], bool], seconds: float = END_TIMEOUT_S) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()
