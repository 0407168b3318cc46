"""`rules diff` and `reclassify` on 20,000 stored mails under 450 rules, as commands: from process start to exit.

`python -m scripts.bench.stored_20k` measures it alone, on an embedded PostgreSQL of its own; no mail server is needed.
"""

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from rich.console import Console

from scripts.bench.errors import BenchError
from scripts.bench.figures import Row, Run, row_of
from scripts.bench.rules_500 import MAILS, NOW, RULES, mails, rule_set
from scripts.bench.show import show
from shared.embedded.postgres import embedded_postgres
from shared.records import Checkpoint, NewEmail, Tls
from shared.rules.decide import decide
from shared.rules.load import load_rules
from shared.store import PostgresStore, migrate, open_store

ROUNDS = 3
CHUNK = 2_000
MAILBOXES = {"a": 20, "b": 21}
"""How many mailboxes each of the two sets files into: nearly all that one decides the other decides otherwise."""
LINES_OF_A_RULE = 3


def measure(rounds: int = ROUNDS) -> list[Row]:
    """Let the rules change `rounds` times, look at the difference, and give back what they decide otherwise."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        texts = {name: _header_rules(count) for name, count in MAILBOXES.items()}
        for name, text in texts.items():
            (home / f"{name}.yml").write_text(text, encoding="utf-8")
        with embedded_postgres(home) as url:
            migrate(url)
            environment = os.environ | {"DATABASE_URL": url, "AGENT_HOME": folder}
            with open_store(url, parse=load_rules) as store:
                _fill(store)
                _agent(environment, "rules", "push", str(home / "a.yml"))
                _decide(store)
                order = [("b", "a")[number % 2] for number in range(rounds)]
                runs = [_round(environment, store, home / f"{name}.yml") for name in order]
    return [row_of(name, [pair[number] for pair in runs], "-", counted=runs[0][0]) for number, name in enumerate(NAMES)]


NAMES = ("diff_20k", "reclassify_20k")


def _round(environment: dict[str, str], store: PostgresStore, rules: Path) -> tuple[Run, Run]:
    compared = _agent(environment, "rules", "diff", str(rules))
    _agent(environment, "rules", "push", str(rules))
    given_back = _agent(environment, "reclassify", "--yes")
    if not _decide(store):
        raise BenchError("nothing was given back to the rules")
    return compared, given_back


def _agent(environment: dict[str, str], *words: str) -> Run:
    """Run a command as a person does."""
    command = [sys.executable, "-m", "shared.cli", *words]
    started = perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = perf_counter() - started
    if done.returncode:
        raise BenchError(f"{' '.join(words[:2])} failed: {done.stderr.strip()}")
    return Run(seconds=seconds)


def _header_rules(mailboxes: int) -> str:
    """Return the rules of rules_500 that need no text; each moves."""
    head, *rules = rule_set(RULES).text.split("- name: ")
    kept = [rule.splitlines() for rule in rules if "body:" not in rule]
    moved = [
        "\n".join([f"- name: {lines[0]}", *lines[1 : LINES_OF_A_RULE - 1], f"  then: {{move: M{number % mailboxes}}}"])
        for number, lines in enumerate(kept)
    ]
    return head + "\n".join(moved) + "\n"


def _fill(store: PostgresStore) -> None:
    account = store.accounts.create(name="bench", host="127.0.0.1", port=1, tls=Tls.NONE, username="u", secret=b"-")
    noted = store.emails.checkpoint(account.id, "INBOX")
    arriving = [
        NewEmail(
            uid=mail.id + 1,
            flags=mail.flags,
            internaldate=mail.internaldate,
            size=mail.size,
            identity_hash=uuid.UUID(int=mail.id),
            message_id=mail.headers["message-id"][0],
            headers=mail.headers,
        )
        for mail in mails(MAILS)
    ]
    for start in range(0, MAILS, CHUNK):
        read = Checkpoint(
            mailbox_id=noted.mailbox_id, mailbox="INBOX", uidvalidity=1, uid_low=1, uid_high=start + CHUNK
        )
        store.emails.add(account.id, arriving[start : start + CHUNK], read)


def _decide(store: PostgresStore) -> int:
    """Decide what is fetched, as the next sync does; return how many."""
    number, rules = store.rule_sets.active()
    [account] = store.accounts.list()
    counts: dict[str, int] = dict(
        store.emails.classify(account.id, MAILS, lambda mail: decide(rules, mail, NOW), number)
    )
    return counts["claimed"]


def _print(rows: Sequence[Row]) -> None:
    show(Console(width=None if sys.stdout.isatty() else 120), rows)


if __name__ == "__main__":
    _print(measure())
