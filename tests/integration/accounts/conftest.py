"""The accounts' commands on a real database, before a real Dovecot, with a name server of our own."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from shared.cli.app import main
from shared.security.secret_files import SecretFiles
from shared.settings import Settings
from shared.store import PostgresStore
from shared.wiring import wired
from tests.fakes.name_server import FakeNameServer
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.mailserver import DovecotPost
from tests.integration.accounts.desk import DeskWiring, Machines
from tests.integration.accounts.terminal import converse

ZONE = {
    ("_imaps._tcp.example.org.", "SRV"): ["0 0 993 mail.example.org."],
    ("_imaps._tcp.example.net.", "SRV"): ["0 0 993 imap.elsewhere.example."],
    ("example.com.", "MX"): ["10 aspmx.l.google.com."],
}
TIMEOUT_S = "2"


@dataclass
class Office:
    """The command line; `right` and `wrong` are password files, `dialled` the hosts that passwords went to."""

    run: Callable[..., tuple[int, str, str]]
    root: DeskWiring
    machines: Machines
    names: FakeNameServer
    user: DovecotUser
    folder: Path

    @property
    def store(self) -> PostgresStore:
        return self.root.store

    @property
    def post(self) -> DovecotPost:
        return DovecotPost(user=self.user)

    @property
    def dialled(self) -> list[str]:
        return self.machines.dialled

    def password(self, text: str = "") -> str:
        """Write a password to a file, by default the right one, and return its path."""
        path = self.folder / "password"
        path.write_text(f"{text or self.user.password}\n")
        return str(path)

    def add(self, *words: str, name: str = "work", password: str = "") -> tuple[int, str, str]:
        """Add an account without a terminal."""
        return self.run("accounts", "add", "--name", name, "--password-file", self.password(password), *words)

    def add_ours(self, *words: str, name: str = "work") -> tuple[int, str, str]:
        """Add an account of the user on Dovecot, by its server's name."""
        return self.add("--host", "mail.example.org", "--username", self.user.user, *words, name=name)

    def type(self, *words: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
        """Run a command on a terminal, in a process of its own."""
        order = json.dumps({name: value for name, value in asdict(self.machines).items() if name != "dialled"})
        command = [sys.executable, "-m", "tests.integration.accounts.desk", order, *words]
        return converse(command, answers, {"SECRETS_DIR": str(self.root.secrets.folder), "IMAP_TIMEOUT": TIMEOUT_S})


@pytest.fixture
def office(
    database_url: str,
    dovecot: DovecotUser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Office]:
    """No account yet."""
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.setenv("IMAP_TIMEOUT", TIMEOUT_S)
    SecretFiles(folder=tmp_path / "secrets").create_missing()

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(words)
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    with FakeNameServer(ZONE) as names:
        machines = Machines(database_url=database_url, dns_port=names.address.port, imap_port=dovecot.port)
        with wired(DeskWiring(Settings.from_environment(), machines)) as root:
            yield Office(run=run, root=root, machines=machines, names=names, user=dovecot, folder=tmp_path)
