"""Our side: the stack as `scripts/agent up` starts it, resident, and one chain sync as the trigger calls it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from scripts.bench.errors import BenchError
from scripts.bench.figures import Run
from scripts.bench.ways import Way
from scripts.demo.agent import COMMAND, Agent, agent_environment
from scripts.demo.processes import child, free_port, wait_until
from shared.batch import Batch
from shared.chain.answers import Summary
from shared.chain.client import FunctionsClient
from shared.chain.sync import Sync
from shared.embedded.postgres import embedded_postgres
from shared.records import Account, Mode, Tls
from shared.rules.load import load_rules
from shared.security.secret_files import SecretFiles
from shared.security.vault import Vault
from shared.store import PostgresStore, open_store
from tests.fixtures.dovecot import PASSWORD

RULES = Path(__file__).parent / "rules"
HEADER, REGEX = "header_rules", "regex_rule"
"""The rule files there."""
READY_TIMEOUT_S = 60.0
MAX_ACTIONS_PER_HOUR = 1_000_000
"""The hourly cap is not what is measured."""
APPROVED_MOVES = 1_000_000
"""Half of a mailbox moves at once: without an approval the anomaly stop would hold that."""
KIB_IN_MB = 1024
PROC = Path("/proc")


class OursError(BenchError):
    """A sync of ours did not end as it should."""


@dataclass(kw_only=True)
class Ours:
    """Syncs accounts through the functions; accounts and approvals are made through the store, as their owner would."""

    store: PostgresStore
    functions: FunctionsClient
    vault: Vault
    pid: int
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def push_rules(self, rules: str) -> None:
        """Make one of the rule files beside this one the active rule set."""
        rule_set = load_rules((RULES / f"{rules}.yml").read_text(encoding="utf-8"), f"{rules}.yml")
        self.store.rule_sets.push(rule_set.text, rule_set.digest)

    def account(self, user: str, way: Way, mode: Mode = Mode.APPLY) -> Account:
        """Add an account of which nothing is known yet."""
        return self.store.accounts.create(
            name=f"bench-{next(self.numbers)}",
            host=way.host,
            port=way.port,
            tls=Tls.NONE,
            username=user,
            secret=self.vault.seal(PASSWORD),
            mode=mode,
            max_actions_per_hour=MAX_ACTIONS_PER_HOUR,
        )

    def forget(self, account: Account) -> None:
        """Delete an account with everything known of it."""
        self.store.accounts.delete(account.name)

    def read(self, user: str, way: Way) -> None:
        """Fetch and classify without touching the mailbox: fills the server's cache with what we ask for."""
        account = self.account(user, way, Mode.OBSERVE)
        self._chain(Batch(account=account.name))
        self.forget(account)

    def sort(self, account: Account, way: Way) -> Run:
        """Sync once with all moves approved; the time is that of the call, until the chain says it is done."""
        self._approve(account)
        return self._timed(Batch(account=account.name), way)

    def sync(self, account: Account, way: Way) -> Run:
        """Sync once more, with nothing approved: there is nothing to do."""
        return self._timed(Batch(account=account.name), way)

    def rss_mb(self) -> float:
        """Return the largest resident memory (VmHWM) that any worker process has had so far."""
        return max(_peak_mb(pid) for pid in workers(self.pid))

    def _approve(self, account: Account) -> None:
        """Approve by number what the next run moves, though nothing is read yet."""
        self.store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=APPROVED_MOVES)

    def _timed(self, batch: Batch, way: Way) -> Run:
        way.begin()
        started = time.perf_counter()
        self._chain(batch)
        return Run(seconds=time.perf_counter() - started, commands=way.commands(), rss_mb=self.rss_mb())

    def _chain(self, batch: Batch) -> Summary:
        summary = Sync(functions=self.functions, batch=batch).run()
        if summary.outcome != "done":
            raise OursError(f"a sync ended {summary.outcome}: {summary.as_json()}")
        return summary


@contextmanager
def stack(home: Path) -> Iterator[Ours]:
    """Start `scripts/agent up` in a home of its own; it ends with the context."""
    home.mkdir(mode=0o700)
    port = free_port()
    environment = agent_environment(home, port)
    log = home / "up.log"
    with ExitStack() as opened:
        process = opened.enter_context(child((*COMMAND, "up", "--port", str(port)), environment=environment, log=log))
        agent = Agent(environment=environment)
        wait_until(agent.is_ready, process=process, log=log, timeout_s=READY_TIMEOUT_S)
        secrets = SecretFiles(folder=home / "secrets")
        url = opened.enter_context(embedded_postgres(home))  # a guest: the server is that of `up`
        yield Ours(
            store=opened.enter_context(open_store(url)),
            functions=FunctionsClient(gateway_url=environment["AGENT_GATEWAY_URL"], key=secrets.signing_key()),
            vault=Vault(secrets.fernet_keys()),
            pid=process.pid,
        )


def workers(ancestor: int) -> list[int]:
    """Return the processes below `ancestor` that answer calls: Python processes without children of their own."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*/stat"):
        try:
            words = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        children.setdefault(int(words[1]), []).append(int(entry.parent.name))
    found, waiting = [], [ancestor]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        if pid not in children and b"gunicorn" in (PROC / str(pid) / "cmdline").read_bytes():
            found.append(pid)
    return found


def _peak_mb(pid: int) -> float:
    line = next(line for line in (PROC / str(pid) / "status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / KIB_IN_MB
