"""config/nginx.conf on a real nginx, and the units as systemd reads them."""

import http.client
import re
import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT
from tests.deploy.nginx import Answer, ask, everything, free_port, nginx

CONFIG = ROOT / "config" / "nginx.conf"
UNITS = sorted((ROOT / "config" / "systemd").glob("*.service"))


@dataclass(frozen=True)
class Front:
    """An nginx on loopback, and what trusts its certificate."""

    http: int
    https: int
    trust: ssl.SSLContext

    def ask(self, path: str, method: str = "GET", *, tls: bool = True) -> Answer:
        """Ask once, over a connection of its own."""
        if tls:
            secure = http.client.HTTPSConnection("localhost", self.https, timeout=10, context=self.trust)
            return ask(secure, path, method)
        return ask(http.client.HTTPConnection("localhost", self.http, timeout=10), path, method)


def _certificate(folder: Path) -> None:
    subject = ["-subj", "/CN=email-agent", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", folder / "key.pem"]
    command = ["openssl", "req", "-x509", *key, "-days", "2", *subject, "-out", folder / "cert.pem"]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The real configuration on free ports of loopback, with a certificate of its own."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    _certificate(folder)
    ports = {"80": free_port(), "443": free_port()}
    with everything() as behind:
        site = CONFIG.read_text().replace("127.0.0.1:8080", f"127.0.0.1:{behind}")
        for port, free in ports.items():
            site = site.replace(f"listen {port} ", f"listen 127.0.0.1:{free} ")
            site = re.sub(rf"listen \[::\]:{port} .*", "", site)
        site = site.replace("/etc/email-agent/tls", str(folder))
        with nginx(folder, site, ports["443"]):
            yield Front(ports["80"], ports["443"], ssl.create_default_context(cafile=str(folder / "cert.pem")))


@pytest.mark.parametrize("tls", [False, True])
def test_health_is_public(front: Front, *, tls: bool) -> None:
    """Both ports tell whether the agent is alive, and nothing of how it was asked."""
    answer = front.ask("/health", tls=tls)

    assert (200, b"/function/fetch-batch/_/health") == (answer.status, answer.body)
    assert "X-Call-Id" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/function/fetch-batch", "/system/functions", "/health/", "/ui/"])
def test_nothing_else_is_public(front: Front, path: str) -> None:
    """Whatever else is asked is not there, or merely sent to https."""
    assert 404 == front.ask(path).status
    assert 301 == front.ask(path, tls=False).status


def test_health_is_only_asked(front: Front) -> None:
    """A POST is refused."""
    assert 403 == front.ask("/health", "POST").status


def test_browsers_are_told_to_stay_on_https(front: Front) -> None:
    """Each answer over TLS carries HSTS."""
    assert "max-age=63072000" == front.ask("/health").headers["Strict-Transport-Security"]


def test_old_tls_is_refused(front: Front) -> None:
    """TLS 1.2 is the oldest that is spoken."""
    versions = (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)

    assert [False, True, True] == [_speaks(front, version) for version in versions]


def _speaks(front: Front, version: ssl.TLSVersion) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # so that it is not the client who refuses
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the old version, which is what is asked about
        context.minimum_version = context.maximum_version = version
    try:
        with socket.create_connection(("127.0.0.1", front.https), timeout=10) as raw, context.wrap_socket(raw):
            return True
    except (ssl.SSLError, ConnectionError):
        return False


def test_a_flood_is_cut_off(front: Front) -> None:
    """Of a hundred questions in a row some are refused."""
    statuses = {front.ask("/health").status for _ in range(100)}

    assert {200, 503} == statuses


def test_units_are_what_systemd_understands(tmp_path: Path) -> None:
    """systemd finds no unknown word and no wrong value in a unit; the programs themselves are on another machine."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    for unit in UNITS:
        (tmp_path / unit.name).write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text()))
    (tmp_path / "containerd.service").write_text("[Service]\nExecStart=/bin/true\n")

    command = ["systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "" == "\n".join(line for line in done.stderr.splitlines() if any(unit.name in line for unit in UNITS))
