"""A newcomer types what README.md and docs/quickstart.md say, on a copy of the repository, with a mailbox of their own.

Only what is the reader's own is put in its place: mail server, user name, password, and the id of a mail to explain.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.demo.build import build_mailbox
from tests.conformance.imap.authority import Authority
from tests.fixtures.dovecot import DovecotOptions, DovecotServer, DovecotUser, free_port, require_dovecot
from tests.fixtures.maildir import Census
from tests.fixtures.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
COMMENT = re.compile(r"\s+#\s.*$")
MAILS = 60
DEMO_S = 300
USER, PASSWORD = "me@example.org", "correct horse"
SERVER, MAIL = "imap.example.org", "some-id@example.org"
"""The reader's own, as the pages write it."""
FETCHING = ("git ", "cd ", "make ")
"""What brings the reader here, or is tested elsewhere."""
PROMPTS = {
    r"(?i:password[^\n]*): $": PASSWORD,
    r"also on all[^\n]*: $": "all",
    r"(?i:e-?mail address[^\n]*): $": USER,
    r"(?i:name of the account[^\n]*): $": "work",
    r"(?i:user ?name[^\n]*): $": USER,
}
"""What a person answers."""


def section(page: str, heading: str) -> str:
    """The part of a page under a heading, as far as the next one of its kind."""
    return page.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]


def lines_of(text: str) -> list[str]:
    """The commands of a text's shell blocks, in their order."""
    lines = "".join(BLOCK.findall(text)).replace("\\\n", "").splitlines()
    return [
        line for line in (COMMENT.sub("", line).strip() for line in lines) if line and not line.startswith(FETCHING)
    ]


def pages() -> Iterator[tuple[str, list[str]]]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    yield "README.md", lines_of(section(readme, "## On your own mailbox"))
    quickstart = ROOT / "docs" / "quickstart.md"
    if quickstart.exists():
        yield "docs/quickstart.md", lines_of(quickstart.read_text(encoding="utf-8"))


PAGES = dict(pages())


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is in the repository, and of nothing else; only .venv is lent, it costs a minute."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git repository")
    if not (ROOT / ".venv" / "bin" / "python").exists():
        pytest.skip("there is no .venv to lend: make test makes it")
    folder = tmp_path_factory.mktemp("clone")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[DovecotUser]:
    """Somebody's mailbox on a server with TLS."""
    require_dovecot()
    Authority(folder=tmp_path).server_context("localhost")
    options = DovecotOptions(tls_cert=tmp_path / "server.pem", tls_key=tmp_path / "server.key")
    with DovecotServer(options=options) as server:
        user = server.add_user(USER, PASSWORD)
        for mail in build_mailbox()[:MAILS]:
            user.deliver("INBOX", mail.raw, "S" if "\\Seen" in mail.flags else "", mail.internal_date)
        yield user


@dataclass
class Newcomer:
    """A person at two terminals: one for what stays, one for all the rest."""

    clone: Path
    environment: dict[str, str]
    mailbox: DovecotUser

    def do(self, lines: list[str]) -> list[tuple[str, str, Census]]:
        """Type line by line; return of each what was printed, and how the mailbox was left."""
        done = []
        first, *rest = lines
        assert first.startswith("scripts/agent up"), "the functions come first"
        with (
            Terminal(["bash", "-c", f"exec {first}"], self.environment, self.clone) as up,
            Terminal(["bash", "--norc", "--noprofile"], self.environment | {"PS1": ""}, self.clone) as shell,
        ):
            up.wait_for("ready: ")
            for line in rest:
                done.append((line, self._type(shell, self._own(line)), places(self.mailbox)))
        return done

    def _own(self, line: str) -> str:
        """Put the reader's own in its place."""
        if MAIL in line:
            line = line.replace(MAIL, moved_id(self.mailbox))
        return line.replace(SERVER, f"localhost --port {self.mailbox.server.tls_port}")

    def _type(self, shell: Terminal, line: str) -> str:
        shell.write(f'{line}; echo "exit=""$?"\n')
        while True:
            found = shell.wait_for("|".join([r"exit=(\d+)", *PROMPTS]))
            if found[1] is not None:
                assert "0" == found[1], shell.seen
                return shell.seen
            answer = next(answer for prompt, answer in PROMPTS.items() if re.search(prompt, shell.seen))
            shell.write(f"{answer}\n")


@pytest.fixture
def newcomer(clone: Path, mailbox: DovecotUser, tmp_path: Path) -> Iterator[Newcomer]:
    strangers = ("DATABASE_URL", "SECRETS_DIR", "AGENT_HOME", "PYTHONPATH")
    own = {name: value for name, value in os.environ.items() if name not in strangers}
    own |= {
        "AGENT_GATEWAY_URL": f"http://127.0.0.1:{free_port()}",
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
    }
    yield Newcomer(clone, own, mailbox)
    shutil.rmtree(clone / "var", ignore_errors=True)


def places(mailbox: DovecotUser) -> Census:
    return {name: mails for name, mails in mailbox.census().items() if mails}


def moved_id(mailbox: DovecotUser) -> str:
    """The Message-ID of a mail that was filed somewhere, without its brackets."""
    name = next(name for name in places(mailbox) if name != "INBOX")
    mail = next((mailbox.maildir(name) / "cur").iterdir()).read_bytes()
    found = re.search(rb"^Message-ID: <([^>]+)>", mail, re.M | re.I)
    assert found is not None
    return found[1].decode()


@pytest.mark.parametrize("page", PAGES)
def test_what_is_written_works(page: str, newcomer: Newcomer) -> None:
    """Nothing is touched before `apply`; then mail is filed, `explain` says why, and `undo` puts all of it back."""
    before = places(newcomer.mailbox)

    done = newcomer.do(PAGES[page])

    words = [line.removeprefix("scripts/agent ") for line, _, _ in done]
    apply = next(nth for nth, line in enumerate(words) if line.startswith("accounts mode") and "apply" in line)
    explain = next(nth for nth, line in enumerate(words) if line.startswith("explain"))
    undo = next(nth for nth, line in enumerate(words) if line.startswith("undo"))
    assert apply < explain < undo
    assert [before] * (apply + 1) == [left for _, _, left in done[: apply + 1]]
    assert 1 < len(done[explain][2])
    assert "decided" in done[explain][1]
    assert before == done[undo][2]


def test_the_first_command_is_the_demo_and_works(clone: Path) -> None:
    """Who comes here is shown something before being asked for anything, and nothing is lost in it."""
    first = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))[0].splitlines()[0]
    command = COMMENT.sub("", first).split()
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False, timeout=DEMO_S)

    assert ("make demo", 0) == (" ".join(command), done.returncode), done.stdout + done.stderr
    last = json.loads(done.stdout.splitlines()[-1].removeprefix("demo: "))
    assert (0, 0) == (last["lost"], last["duplicated"])
