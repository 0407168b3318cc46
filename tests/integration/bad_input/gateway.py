"""The functions as they run: `agent up` in a process of its own, on a database of its own, called over HTTP."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from shared.chain.client import FunctionsClient, Patience
from shared.records import Account, Mode, Tls
from shared.rules.load import load_rules
from shared.security.secret_files import SecretFiles
from shared.security.signing import SIGNATURE_HEADER, sign
from shared.security.vault import Vault
from shared.store import PostgresStore, open_store
from tests.fixtures.dovecot import DovecotUser, free_port

ROOT = Path(__file__).parents[3]
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30
ANSWER_TIMEOUT_S = 30


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """Where the functions answer, what signs calls to them, and the store behind them."""

    url: str
    key: bytes
    vault: Vault
    store: PostgresStore

    def account(self, user: DovecotUser, *, mode: Mode = Mode.APPLY, approve: int = 0) -> Account:
        """Configure an account of a user on Dovecot."""
        account = self.store.accounts.create(
            name=user.user, host=user.host, port=user.port, tls=Tls.NONE, username=user.user,
            secret=self.vault.seal(user.password), mode=mode,
        )  # fmt: skip
        if approve:
            self.store.accounts.set_mode(account.id, mode, approve="all", at_least=approve)
        return account

    def client(self, **patience: float) -> FunctionsClient:
        """Return the chain's own client."""
        return FunctionsClient(gateway_url=self.url, key=self.key, patience=Patience(**patience))

    def body(self, account: str, *, age_s: float = 0.0, **fields: Any) -> bytes:
        """Return a body as the chain would send it, made `age_s` ago."""
        document = {"account": account, "run": str(uuid.uuid4()), "issued_at": time.time() - age_s} | fields
        return json.dumps(document, default=str).encode()

    def post(self, function: str, body: bytes, *, signature: str | None = None) -> requests.Response:
        """Send a body, signed with the right key unless told otherwise."""
        chosen = sign(self.key, body) if signature is None else signature
        headers = {SIGNATURE_HEADER: chosen} if chosen else {}
        url = f"{self.url}/function/{function}"
        return requests.post(url, data=body, headers=headers, timeout=ANSWER_TIMEOUT_S)


@contextmanager
def running(folder: Path, database_url: str) -> Iterator[Gateway]:
    """Start `agent up`, wait until it is ready, and end it."""
    secrets = SecretFiles(folder=folder / "secrets")
    secrets.create_missing()
    port = free_port()
    environment = os.environ | {
        "AGENT_HOME": str(folder), "SECRETS_DIR": str(folder / "secrets"), "DATABASE_URL": database_url,
        "IMAP_TIMEOUT": "2", "CLAIM_TIMEOUT_S": "5",
    }  # fmt: skip
    command = [sys.executable, "-m", "shared.cli", "up", "--port", str(port)]
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}", folder / "up.log")
        with open_store(database_url, takeover_grace_s=2.0, claim_timeout_s=5.0, parse=load_rules) as store:
            vault = Vault(secrets.fernet_keys())
            yield Gateway(url=f"http://127.0.0.1:{port}", key=secrets.signing_key(), vault=vault, store=store)
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{url}/function/fetch-batch/_/ready", timeout=10).ok:
                return
        except requests.RequestException:
            pass  # not listening yet
        time.sleep(0.05)
    raise RuntimeError(f"the functions did not start:\n{log.read_text()}")
