"""Load on a running stack, from outside: health checks, and idle syncs if an account is named.

Needs locust (pip install locust). AGENT_SIGNING_KEY_FILE is the file of the signing key, AGENT_ACCOUNT the account:
locust -f loadtests/locustfile.py --host http://127.0.0.1:8080
"""

import hashlib
import hmac
import json
import os
import time
from pathlib import Path

from locust import HttpUser, constant_throughput, task

KEY_FILE = os.environ.get("AGENT_SIGNING_KEY_FILE", "")
ACCOUNT = os.environ.get("AGENT_ACCOUNT", "")


class Caller(HttpUser):
    """Somebody who calls the functions as the trigger does."""

    wait_time = constant_throughput(1)

    @task(5)
    def health(self) -> None:
        """Ask whether the functions live."""
        self.client.get("/function/fetch-batch/_/health")

    @task(1)
    def fetch(self) -> None:
        """Sync an account; 409 means that another sync of it is at work, which is right."""
        if not (KEY_FILE and ACCOUNT):
            return
        body = json.dumps({"account": ACCOUNT, "issued_at": time.time(), "final": True}).encode()
        key = Path(KEY_FILE).read_bytes().strip()
        headers = {"X-Signature": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()}
        with self.client.post("/function/fetch-batch", data=body, headers=headers, catch_response=True) as answer:
            if answer.status_code in {200, 409}:
                answer.success()
