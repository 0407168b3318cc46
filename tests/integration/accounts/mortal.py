"""Rotations that are killed: `python -m tests.integration.accounts.mortal '{"url": …, "secrets": …, "password": …}'`.

Begins a rotation in a child again and again, and kills it before the first line of ours that it executes, then before
the second, and so on, until one gets to its end. After each death all passwords must open with the keys in the file,
and the next attempt must end with one key. Prints how many died, and what went wrong.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg

from shared.errors import EmailAgentError
from shared.security.rotation import add_key, drop_old_keys
from shared.security.secret_files import SecretFiles
from shared.security.vault import Vault
from shared.store import open_store

OURS = ("/shared/security/", "/shared/store/accounts.py", "/shared/store/database.py")
MOST_LINES = 3000
NEVER = -1


def main() -> None:
    order = json.loads(sys.argv[1])
    files = SecretFiles(folder=Path(order["secrets"]))
    faults: list[str] = []
    for number in range(1, MOST_LINES):
        ended = killed_at(number, lambda: rotate(files, order["url"]))
        faults += [f"line {number}: {fault}" for fault in faults_of(files, order["url"], order["password"])]
        if not ended:
            killed_at(NEVER, lambda: finish(files, order["url"]))
            faults += [f"line {number}: {len(files.fernet_keys())} keys"] if len(files.fernet_keys()) > 1 else []
        if ended:
            print(json.dumps({"died": number - 1, "faults": faults, "keys": len(files.fernet_keys())}))
            return
    raise RuntimeError("the rotation does not end")


def rotate(files: SecretFiles, url: str) -> None:
    with open_store(url, pool_size=1) as store:
        add_key(files)
        drop_old_keys(files, store.accounts)


def finish(files: SecretFiles, url: str) -> None:
    """Do what `--drop-old` does."""
    with open_store(url, pool_size=1) as store:
        drop_old_keys(files, store.accounts)


def killed_at(number: int, work: Callable[[], None]) -> bool:
    """Do the work in a child that dies before its nth line; return whether it came to its end."""
    child = os.fork()
    if child == 0:
        sys.settrace(dying_before(number))
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if status:
        raise RuntimeError(f"the rotation failed: {status}")
    return True


def dying_before(number: int) -> Callable[[FrameType, str, Any], Any]:
    left = number

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal left
        if not any(place in frame.f_code.co_filename for place in OURS):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


def faults_of(files: SecretFiles, url: str, password: str) -> list[str]:
    """What is wrong now: a password that does not open, a file that is not as private as it was."""
    with psycopg.connect(url) as connection:
        stored = connection.execute("SELECT name, secret FROM accounts").fetchall()
    faults = []
    for name, secret in stored:
        try:
            if Vault(files.fernet_keys()).open(secret) != password:
                faults.append(f"{name}: another password")
        except EmailAgentError as error:
            faults.append(f"{name}: {error.detail}")
    mode = (files.folder / "fernet-keys").stat().st_mode & 0o777
    return faults if mode == 0o600 else [*faults, f"mode {mode:o}"]


if __name__ == "__main__":
    main()
