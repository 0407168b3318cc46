"""config/nginx.conf on a real nginx, and the units as systemd reads them."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT

CONFIG = ROOT / "config" / "nginx.conf"
UNITS = sorted((ROOT / "config" / "systemd").glob("*.service"))
PATIENCE_S = 10.0


class Gateway(BaseHTTPRequestHandler):
    """Answers every path, so that what is refused was refused by nginx."""

    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Call-Id", "1")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Answer:
    """What nginx answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def _answer(connection: http.client.HTTPConnection, method: str, path: str) -> Answer:
    with closing(connection):
        connection.request(method, path)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


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
            return _answer(secure, method, path)
        return _answer(http.client.HTTPConnection("localhost", self.http, timeout=10), method, path)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _certificate(folder: Path) -> None:
    subject = ["-subj", "/CN=email-agent", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", folder / "key.pem"]
    command = ["openssl", "req", "-x509", *key, "-days", "2", *subject, "-out", folder / "cert.pem"]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The real configuration on free ports of loopback, with a certificate of its own."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if not nginx or not shutil.which("openssl"):
        pytest.skip("nginx or openssl is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    _certificate(folder)
    gateway = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    ports = {"80": _free_port(), "443": _free_port()}
    site = CONFIG.read_text().replace("127.0.0.1:8080", f"127.0.0.1:{gateway.server_address[1]}")
    for port, free in ports.items():
        site = site.replace(f"listen {port} ", f"listen 127.0.0.1:{free} ").replace(f"listen [::]:{port} ", "#")
        site = "\n".join(line for line in site.splitlines() if not line.strip().startswith("#"))
    site = site.replace("/etc/email-agent/tls", str(folder))
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    main.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{site}\n}}\n"
    )
    process = subprocess.Popen([nginx, "-c", main, "-p", folder], stderr=subprocess.DEVNULL)
    try:
        _wait_for(ports["443"])
        yield Front(ports["80"], ports["443"], ssl.create_default_context(cafile=str(folder / "cert.pem")))
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)
        gateway.shutdown()
        gateway.server_close()


def _wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx does not answer")


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
