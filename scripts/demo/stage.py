"""The acts of the demo, one method each: what runs on the stage, what is asked of the program, what is counted."""

import json
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from scripts.demo.agent import COMMAND, ROOT, Agent, agent_environment
from scripts.demo.build import build_mailbox
from scripts.demo.processes import DemoError, child, free_port, listens, wait_until
from scripts.demo.seed import seed, write_seeded
from scripts.demo.show import Report, Show, reason

HOST = "127.0.0.1"
USER = "alex"
OTHER_SERVICES = ("admin", "managesieve", "swim")
ACCOUNT = "demo"
RULES = ROOT / "scripts" / "demo" / "rules.yml"
CENSUS = ROOT / "scripts" / "demo" / "census.py"
START_TIMEOUT_S = 120.0
CENSUS_TIMEOUT_S = 120
SHOWN_DECIDERS = 4


class Stage:
    """The running parts of one demo; whatever it starts is stopped by the given stack, last started first."""

    def __init__(self, *, home: Path, stack: ExitStack, show: Show) -> None:
        self.home = home
        self.stack = stack
        self.show = show
        self.password = secrets.token_hex(8)
        self.imap_port = free_port()
        self.http_port = free_port()
        self.agent = Agent(environment=agent_environment(home, self.http_port))
        self.mails = build_mailbox()
        self.seconds: dict[str, float] = {}
        self.synced: dict[str, Any] = {}

    def open_mailbox(self) -> None:
        """Start the IMAP server and put the mail into it."""
        with self._timed("mailbox") as say:
            (self.home / "password").write_text(self.password, encoding="utf-8")
            write_seeded(self.mails, self.home / "seeded.json")
            self._start_imap()
            seed(self.mails, host=HOST, port=self.imap_port, user=USER, password=self.password)
            senders = len({mail.address for mail in self.mails})
            say.append(f"{len(self.mails)} mails from {senders} senders on an IMAP server at {HOST}:{self.imap_port}")

    def _start_imap(self) -> None:
        log = self.home / "imap.log"
        file = self.home / "imap.args"  # a file, so that the password does not show in the list of processes
        words = ["--no-tls", f"--host={HOST}", f"--port={self.imap_port}"]
        words += [f"--no-service={name}" for name in OTHER_SERVICES]
        words += ["dict", f"--demo-user={USER}", f"--demo-password={self.password}"]
        file.write_text("\n".join(words), encoding="utf-8")
        command = [sys.executable, "-c", "from pymap.main import main; main()", f"@{file}"]
        process = self.stack.enter_context(child(command, environment=self.agent.environment, log=log))
        wait_until(lambda: listens(self.imap_port), process=process, log=log, timeout_s=START_TIMEOUT_S)

    def start_functions(self) -> None:
        """Start PostgreSQL and the four functions, as `scripts/agent up` does for anybody."""
        with self._timed("functions") as say:
            log = self.home / "up.log"
            command = [*COMMAND, "up", "--port", str(self.http_port)]
            process = self.stack.enter_context(child(command, environment=self.agent.environment, log=log))
            wait_until(self.agent.is_ready, process=process, log=log, timeout_s=START_TIMEOUT_S)
            say.append(f"PostgreSQL and the four functions are ready at http://{HOST}:{self.http_port}/function/")

    def add_account(self) -> None:
        """Add the mailbox; a new account only observes."""
        with self._timed("account") as say:
            where = ["--name", ACCOUNT, "--host", HOST, "--port", str(self.imap_port), "--tls", "none"]
            who = ["--username", USER, "--password-file", str(self.home / "password")]
            self.agent.run("accounts", "add", *where, *who, "--mode", "observe", "--mailbox", "INBOX")
            say.append("added; a new account observes until its owner says apply")

    def push_rules(self) -> None:
        """Hand over the demo's rules."""
        with self._timed("rules") as say:
            self.agent.run("rules", "push", str(RULES))
            say.append(f"{RULES.relative_to(ROOT)} checked, tested by its own examples, and active")

    def observe(self) -> None:
        """Sync once in observe mode and show what would be done."""
        with self._timed("observe") as say:
            answer = self.agent.ask("sync", ACCOUNT)
            counts = answer["counts"]
            deciders = Counter(answer["decided_by"]).most_common(SHOWN_DECIDERS)
            rules = ", ".join(f"{name.removeprefix('rule:')} {number}" for name, number in deciders)
            say.append(f"{counts['classified']} sorted ({rules} …), {counts['uncertain']} uncertain")

    def prove_untouched(self) -> None:
        """Let the outsider look: observing has moved and flagged nothing."""
        with self._timed("untouched") as say:
            census = self._census(undecided=0)
            if census["kept"] != len(self.mails):
                raise DemoError(f"observe mode touched the mailbox: {census['line']}")
            say.append("every mail is where it was, with the flags it had")

    def apply(self) -> None:
        """Say apply, approve what was shown, and sync."""
        self.agent.run("accounts", "mode", ACCOUNT, "apply", "--approve", "all")
        with self._timed("apply") as say:
            self.synced = self.agent.ask("sync", ACCOUNT)
            if self.synced["outcome"] != "done":
                raise DemoError(f"the sync ended {self.synced['outcome']}: {json.dumps(self.synced)}")
            say.append(f"{self.synced['counts']['applied']} mails filed, {self.synced['imap_commands']} IMAP commands")

    def sync_again(self) -> None:
        """Sync once more: nothing is new, so nothing may happen."""
        with self._timed("again") as say:
            answer = self.agent.ask("sync", ACCOUNT)
            if answer["counts"]["applied"]:
                raise DemoError(f"a second sync moved mail again: {json.dumps(answer)}")
            say.append(f"nothing new, nothing done, {answer['imap_commands']} IMAP commands")

    def explain(self) -> None:
        """Ask why one mail lies where it lies."""
        with self._timed("explain") as say:
            mail = next(mail for mail in self.mails if mail.kind == "newsletters")
            message_id = mail.raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode("ascii")
            say.append(f"{message_id} {reason(self.agent.ask('explain', message_id))}")

    def count(self) -> Report:
        """Let the outsider count, and compare with what the program says of itself."""
        with self._timed("census") as say:
            (account,) = self.agent.ask("status")["accounts"]
            said = account["counts"]
            census = self._census(undecided=said.get("uncertain", 0))
            census["faults"] += _contradictions(said, census)
            say.append(f"{census['mails']} mails looked up in {len(census['mailboxes'])} mailboxes")
        names = ("mails", "applied", "uncertain", "kept", "lost", "duplicated", "mailboxes", "line", "faults")
        return Report(
            **{name: census[name] for name in names},
            senders=len({mail.address for mail in self.mails}),
            languages=dict(Counter(mail.language for mail in self.mails)),
            mails_per_s=round(len(self.mails) / (self.seconds["observe"] + self.seconds["apply"]), 1),
            imap_commands=self.synced["imap_commands"],
            seconds=self.seconds,
        )

    def invitation(self) -> str:
        """Tell a person how to look into the mailbox with a mail client."""
        where = f"IMAP {HOST}:{self.imap_port}, no TLS, user {USER}, password {self.password}"
        return f"look with a mail client: {where} (Ctrl-C ends it)"

    def _census(self, *, undecided: int) -> dict[str, Any]:
        """Count in a Python of its own that cannot see our packages (-I)."""
        command = [sys.executable, "-I", str(CENSUS), "--host", HOST, "--port", str(self.imap_port), "--user", USER]
        command += ["--password-file", str(self.home / "password"), "--seeded", str(self.home / "seeded.json")]
        command += ["--undecided", str(undecided)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=CENSUS_TIMEOUT_S, check=False)
        if not done.stdout:
            raise DemoError(f"the census failed: {done.stderr.strip()}")
        census: dict[str, Any] = json.loads(done.stdout)
        return census

    @contextmanager
    def _timed(self, name: str) -> Iterator[list[str]]:
        """Time a step and show it with the words put into the list."""
        started = time.monotonic()
        words: list[str] = []
        yield words
        self.seconds[name] = round(time.monotonic() - started, 3)
        self.show.step(name, " ".join(words), self.seconds[name])


def _contradictions(said: dict[str, int], census: dict[str, Any]) -> list[str]:
    """Compare what the program says of itself with what lies on the server."""
    pairs = ((name, said.get(f"filing:{name}", 0), census[name]) for name in ("applied", "kept"))
    return [
        f"the program calls {told} mails {name}, the server shows {seen}" for name, told, seen in pairs if told != seen
    ]
