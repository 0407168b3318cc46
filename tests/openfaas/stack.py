"""The whole stack of a server: functions on faasd, PostgreSQL, a mail server; and what a person does with it."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGQUIT
from typing import Any

import requests

from shared.batch import Batch
from shared.chain.answers import Summary
from shared.chain.client import FunctionsClient
from shared.chain.sync import Sync
from shared.errors import EmailAgentError
from shared.records import Mode, Tls
from shared.rules.load import load_rules
from shared.security.secret_files import POSTGRES_URL, SecretFiles
from shared.security.signing import SIGNATURE_HEADER, sign
from shared.security.vault import Vault
from shared.store import PostgresStore, migrate, open_store
from tests.fixtures.dovecot import PASSWORD, DovecotOptions, DovecotServer, DovecotUser
from tests.fixtures.messages import bulk_mailbox, bulk_target
from tests.openfaas.database import Database
from tests.openfaas.faasd import GATEWAY, HOST_SEEN_BY_FUNCTIONS, Faasd
from tests.openfaas.images import ROOT

RULES = ROOT / "scripts" / "bench" / "rules" / "header_rules.yml"
TARGETS = {"from": "Shop", "list": "Lists", "subject": "Invoices", "": "INBOX"}
FILED = sorted(set(TARGETS.values()) - {"INBOX"})
SHORT = {"CLAIM_TIMEOUT_S": "12", "IMAP_TIMEOUT": "6"}
"""So that a test need not wait minutes until the work of a killed function is free again."""
SETTINGS = [word for name, value in SHORT.items() for word in ("--env", f"{name}={value}")]
UNTIL_DONE_S = 120.0
NUMBERS = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Person:
    """An account and its mailbox on the real mail server."""

    account: str
    user: DovecotUser
    mails: list[bytes]

    def deliver(self) -> None:
        """Put the mails into INBOX."""
        for raw in self.mails:
            self.user.deliver("INBOX", raw)

    def where(self) -> Counter[str]:
        """Count the message files on disk by mailbox."""
        return Counter({mailbox: len(mails) for mailbox, mails in self.user.census().items() if mails})

    def files(self) -> Counter[str]:
        """Count the message files on disk by the SHA-256 of their bytes."""
        return Counter(digest for mails in self.user.census().values() for digest, _ in mails)

    def filed(self) -> int:
        """Count the files outside INBOX, without reading them."""
        folders = [self.user.maildir(mailbox) / part for mailbox in FILED for part in ("cur", "new")]
        return sum(len(list(folder.iterdir())) for folder in folders if folder.is_dir())


@dataclass(kw_only=True)
class Stack:
    """Everything, switched on."""

    faasd: Faasd
    folder: Path
    dovecot: DovecotServer = field(default_factory=lambda: DovecotServer(options=DovecotOptions(extra="listen = *")))
    database: Database = field(init=False)
    secrets: SecretFiles = field(init=False)

    def __post_init__(self) -> None:
        self.database = Database(folder=self.folder / "pg")
        self.secrets = SecretFiles(folder=self.folder / "secrets")

    def install(self) -> None:
        """Make the database and the secrets, as a person does once."""
        self.database.create()
        self.database.start()
        self.dovecot.start()
        self.secrets.create_missing()
        (self.secrets.folder / POSTGRES_URL).write_text(self.database.url_for_functions + "\n")
        for path in sorted(self.secrets.folder.iterdir()):
            self.faasd.cli("secret", "create", path.name, "--from-file", str(path), "--trim")
        migrate(self.database.url())
        with self.store() as store:
            rules = load_rules(RULES.read_text(encoding="utf-8"), RULES.name)
            store.rule_sets.push(rules.text, rules.digest)

    def close(self) -> None:
        """Stop what does not end with the machine."""
        self.database.stop()
        self.dovecot.__exit__()

    def reboot(self) -> None:
        """Lose power, and come back with what is on the disks; nothing is deployed anew."""
        self.faasd.machine.power_cut()
        self.database.stop(SIGQUIT)
        self.dovecot.stop(SIGKILL)
        self.faasd.machine.boot()
        self.faasd.start()
        self.database.start()
        self.dovecot.start()

    @contextmanager
    def store(self) -> Iterator[PostgresStore]:
        """Open the store, as the command line does."""
        with open_store(self.database.url()) as store:
            yield store

    def person(self, mails: int, *, port: int | None = None) -> Person:
        """Add an account in `apply`, with everything approved, and mail that half of the rules are about."""
        number = next(NUMBERS)
        user = self.dovecot.add_user(f"person{number}@example.org")
        with self.store() as store:
            account = store.accounts.create(
                name=f"account-{number}",
                host=HOST_SEEN_BY_FUNCTIONS,
                port=port or user.port,
                tls=Tls.NONE,
                username=user.user,
                secret=Vault(self.secrets.fernet_keys()).seal(PASSWORD),
                max_actions_per_hour=1_000_000,
                plaintext_allowed=True,
            )
            store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=mails)
        person = Person(account=account.name, user=user, mails=bulk_mailbox(mails))
        person.deliver()
        return person

    def functions(self) -> FunctionsClient:
        """Return what the trigger and the command line call the functions with."""
        return FunctionsClient(gateway_url=GATEWAY, key=self.secrets.signing_key())

    def sync(self, person: Person) -> Summary:
        """Sync once, as `scripts/agent sync` does."""
        return Sync(functions=self.functions(), batch=Batch(account=person.account)).run()

    def sync_until_done(self, person: Person) -> Summary:
        """Sync again and again, as the trigger does, until one has nothing left to do."""
        deadline = time.monotonic() + UNTIL_DONE_S
        while True:
            try:
                summary = self.sync(person)
                if summary.outcome == "done" and person.where() == expected_places(len(person.mails)):
                    return summary
            except EmailAgentError:
                pass  # the next one goes on
            assert time.monotonic() < deadline, person.where()
            time.sleep(1)

    def post(self, function: str, document: dict[str, Any], **headers: str) -> requests.Response:
        """Call a function over HTTP with its right signature."""
        body = json.dumps(document).encode()
        headers = {SIGNATURE_HEADER: sign(self.secrets.signing_key(), body)} | headers
        return requests.post(f"{GATEWAY}/function/{function}", data=body, headers=headers, timeout=210)


def expected_places(mails: int) -> Counter[str]:
    """Count by mailbox where the rules file a bulk mailbox."""
    return Counter(TARGETS[bulk_target(number)] for number in range(1, mails + 1))
