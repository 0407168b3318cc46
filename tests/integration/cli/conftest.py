"""The command line on a real database, in this process."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.cli.app import main
from shared.records import Account
from shared.rules.decide import decide
from shared.security.secret_files import SecretFiles
from shared.settings import Settings
from shared.store import PostgresStore
from shared.wiring import Wiring, wired
from tests.integration.store.values import make_account, make_mail, read_to

Run = Callable[..., tuple[int, str, str]]


@dataclass
class Desk:
    """One account's store, the command line before it, and a folder for rule files."""

    store: PostgresStore
    account: Account
    run: Run
    folder: Path

    def rules(self, text: str, name: str = "rules.yml") -> str:
        """Write a rule file and return its path."""
        path = self.folder / name
        path.write_text(f"version: 1\n{text}")
        return str(path)

    def add(self, *subjects: str, first: int = 1, mailbox: str = "INBOX") -> None:
        """Store mails with these subjects, UIDs counting from `first`."""
        mails = [
            make_mail(uid, headers={"subject": [subject], "from": ["a@x.example"]})
            for uid, subject in enumerate(subjects, first)
        ]
        high = first + len(subjects)
        self.store.emails.add(self.account.id, mails, read_to(self.store, self.account, mailbox, high))

    def classify(self) -> None:
        """Decide what is fetched by the active rules, as the next sync does."""
        number, rule_set = self.store.rule_sets.active()
        now = dt.datetime.now(dt.UTC)
        self.store.emails.classify(self.account.id, 1_000, lambda mail: decide(rule_set, mail, now), number)


@pytest.fixture
def desk(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """An account with an empty mailbox, in apply."""
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "secrets"))
    SecretFiles(folder=tmp_path / "secrets").create_missing()

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(words)
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    with wired(Wiring(Settings.from_environment(), database_url=database_url)) as root:
        yield Desk(store=root.store, account=make_account(root.store), run=run, folder=tmp_path)
