"""containerd, faasd's provider and the gateway in a machine, and faas-cli beside them."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests

from functions.gateway import NAMES
from tests.openfaas.images import TAG
from tests.openfaas.machine import Machine, environment, wait_until

GATEWAY = "http://127.0.0.1:8080"
PROVIDER = "http://127.0.0.1:8081"
PROMETHEUS = "http://127.0.0.1:9090"
HOST_SEEN_BY_FUNCTIONS = "10.62.0.1"
FUNCTION_NAMESPACE = "openfaas-fn"
PROVIDER_FOLDER = "/var/lib/faasd-provider"
READY_TIMEOUT_S = 60.0
CONTAINERD = """\
version = 2
root = "{root}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
"""


@dataclass(kw_only=True)
class Faasd:
    """What `faasd install` sets up, without systemd; timeouts as in config/faasd and config/systemd."""

    machine: Machine
    tree: Path

    def start(self) -> None:
        """Start everything after the machine was booted."""
        disk = self.machine.disk
        (disk / "containerd.toml").write_text(CONTAINERD.format(root=disk / "containerd"))
        credentials = self._credentials()
        self.machine.spawn("/lib/systemd/systemd-journald")
        log = self.machine.spawn("containerd", "--config", str(disk / "containerd.toml"), "--log-level", "warn")
        wait_until(self._containerd_answers, "containerd does not answer", log=log)
        log = self.machine.spawn(sys.executable, str(Path(__file__).with_name("prometheus.py")))
        wait_until(lambda: answers(PROMETHEUS), "the stand-in for Prometheus does not answer", log=log)
        self.machine.spawn(
            *("env", "--chdir", PROVIDER_FOLDER, "faasd", "provider", "--pull-policy=IfNotPresent"),
            secret_mount_path=str(credentials),
            hosts_dir=PROVIDER_FOLDER,
            service_timeout="190s",
        )
        log = self.machine.spawn(
            "gateway",
            functions_provider_url=f"{PROVIDER}/",
            basic_auth="true",
            secret_mount_path=str(credentials),
            function_namespace=FUNCTION_NAMESPACE,
            scale_from_zero="true",
            faas_prometheus_host="127.0.0.1",
            upstream_timeout="195s",
            read_timeout="200s",
            write_timeout="200s",
        )
        wait_until(lambda: answers(f"{GATEWAY}/healthz"), "the gateway does not answer", log=log)
        self.cli("login", "--password-stdin", input=(credentials / "basic-auth-password").read_text())

    def import_image(self, archive: Path) -> None:
        """Give containerd an image."""
        self.ctr("images", "import", str(archive))

    def ctr(self, *words: str) -> str:
        """Run containerd's own client."""
        return self.machine.run("ctr", "--namespace", FUNCTION_NAMESPACE, *words)

    def first_process(self, function: str) -> str:
        """Return the process id, inside the machine, of a function's watchdog."""
        return self._running()[function]

    def is_running(self, function: str) -> bool:
        """Tell whether a function has a process at all."""
        return function in self._running()

    def server_process(self, function: str) -> str:
        """Return the process id, inside the machine, of the gunicorn below a function's watchdog."""
        return self.machine.run("pgrep", "--parent", self.first_process(function)).split()[0]

    def cli(self, *words: str, input: str = "", **variables: str) -> str:
        """Run faas-cli beside stack.yml and return what it prints."""
        done = self.cli_done(*words, input=input, **variables)
        if done.returncode:
            raise AssertionError(f"faas-cli {words[0]}: exit {done.returncode}\n{done.stderr}{done.stdout}")
        return done.stdout

    def cli_done(self, *words: str, input: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """Run faas-cli and return how it ended."""
        return subprocess.run(
            ["faas-cli", *words],
            cwd=self.tree,
            env={**environment(), **self.cli_variables(), **variables},
            input=input,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def cli_variables(self) -> dict[str, str]:
        """What a shell sets before it runs faas-cli."""
        config = str(self.tree / ".openfaas")
        return {"OPENFAAS_URL": GATEWAY, "OPENFAAS_CONFIG": config, "REGISTRY": "localhost", "TAG": TAG}

    def deploy(self, *words: str, **variables: str) -> None:
        """Deploy by stack.yml, and wait for each function itself: faas-cli returns before they answer."""
        self.cli("deploy", "-f", "stack.yml", *words, **variables)
        self.wait_until_ready()

    def wait_until_ready(self, names: Iterable[str] = NAMES) -> None:
        """Wait until each function says that it reaches what it needs."""
        for name in names:
            url = f"{GATEWAY}/function/{name}/_/ready"
            wait_until(partial(answers, url), f"{name} is not ready", timeout_s=READY_TIMEOUT_S)

    def log_lines(self, function: str) -> list[str]:
        """Return what a function has printed, as the journal has it."""
        identifier = f"--identifier={FUNCTION_NAMESPACE}:{function}"
        output = self.machine.run("journalctl", identifier, "--no-pager", "--output=json", "--all")
        return [str(json.loads(line)["MESSAGE"]) for line in output.splitlines()]

    def _running(self) -> dict[str, str]:
        tasks = (line.split() for line in self.ctr("tasks", "list").splitlines())
        return {name: pid for name, pid, state in tasks if state == "RUNNING"}

    def _containerd_answers(self) -> bool:
        return "Server:" in self.machine.run("ctr", "version", check=False)

    def _credentials(self) -> Path:
        folder = self.machine.disk / "credentials"
        if not folder.exists():
            folder.mkdir(mode=0o700)
            (folder / "basic-auth-user").write_text("admin")
            (folder / "basic-auth-password").write_text(secrets.token_hex(16))
        return folder


def answers(url: str) -> bool:
    """Tell whether a GET is answered with 200."""
    try:
        return requests.get(url, timeout=10).status_code == 200
    except requests.RequestException:
        return False
