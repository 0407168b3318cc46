"""The embedded IMAP server really is what the demo and the tests believe it to be."""

import imaplib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.fixtures.dovecot import free_port
from tests.fixtures.messages import mail
from tests.fixtures.pymap import PymapServer

ROOT = Path(__file__).parents[3]


def test_holds_what_was_seeded(pymap_server: PymapServer) -> None:
    """Three hundred mails go in at once and come out byte for byte."""
    mails = [mail(number) for number in range(300)]

    pymap_server.seed(mails)
    pymap_server.seed(mails[:1], "Archive", flags=r"\Seen", create=True)

    with imaplib.IMAP4(pymap_server.host, pymap_server.port) as client:
        client.login(pymap_server.user, pymap_server.password)
        counts = [client.select(name)[1][0] for name in ("Archive", "INBOX")]
        first = client.fetch("1", "(BODY.PEEK[])")[1][0]
    assert [b"1", b"300"] == counts
    assert isinstance(first, tuple)
    assert mails[0] == first[1]


def test_ends_with_its_parent(tmp_path: Path) -> None:
    """A parent that is killed leaves no server behind."""
    port = free_port()
    code = (
        "import os, pathlib, shared.embedded.imap as imap\n"
        f"print(imap.start_pymap({port}, pathlib.Path({str(tmp_path)!r})).pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )

    parent = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False, timeout=60)

    assert -signal.SIGKILL == parent.returncode
    assert is_gone(int(parent.stdout), within_s=10)


def is_gone(pid: int, *, within_s: float) -> bool:
    """Wait for a process that is not our child to end; one that nobody waits for may stay as a zombie."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False
