"""config/kubernetes: what the manifests promise, and their gateway on a real nginx."""

import http.client
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from shared.settings import Settings
from tests.deploy.conftest import ROOT
from tests.deploy.nginx import ask, everything, free_port, nginx

FOLDER = ROOT / "config" / "kubernetes"
FUNCTIONS = ("fetch-batch", "classify-rules", "classify-llm", "apply-actions")


def _documents() -> list[dict[str, Any]]:
    files = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    return [document for file in files for document in yaml.safe_load_all((FOLDER / file).read_text())]


def _of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in _documents() if each["kind"] == kind}


def test_every_file_belongs() -> None:
    """kustomization.yaml names each manifest there is, and no other."""
    files = {file.name for file in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}

    assert files == set(yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"])


def test_every_function_is_there() -> None:
    """Each function has a Deployment, a Service that finds it, and a disruption budget."""
    services = _of_kind("Service")
    found = {name: services[name]["spec"]["selector"] for name in FUNCTIONS}

    assert {name: {"app": name} for name in FUNCTIONS} == found
    assert {*FUNCTIONS, "gateway", "trigger"} == set(_of_kind("Deployment")) == set(_of_kind("PodDisruptionBudget"))


def test_pods_have_no_more_rights_than_they_need() -> None:
    """No pod runs as root, writes to its image, gains privileges or gets a token; memory is bounded."""
    for deployment in _of_kind("Deployment").values():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]

        assert (False, True) == (pod["automountServiceAccountToken"], pod["securityContext"]["runAsNonRoot"])
        assert {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        } == container["securityContext"]
        assert "memory" in container["resources"]["limits"]


def test_network_is_shut_but_for_what_is_named() -> None:
    """Everything is denied first, and only the functions that speak IMAP may reach a mail server."""
    policies = {name: each["spec"] for name, each in _of_kind("NetworkPolicy").items()}

    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} == policies["nothing"]
    (speakers,) = policies["mail-servers"]["podSelector"]["matchExpressions"]
    assert ["fetch-batch", "apply-actions"] == speakers["values"]


def test_settings_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program starts with the settings of the manifests."""
    for name, value in _of_kind("ConfigMap")["settings"]["data"].items():
        monkeypatch.setenv(name, value)

    assert 4 == Settings.from_environment().work.max_inflight


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The gateway's paths on a real nginx, all services being one server of ours."""
    site = _of_kind("ConfigMap")["gateway"]["data"]["default.conf"]
    port = free_port()
    with everything() as behind:
        site = re.sub(r"resolver .*;", "", site).replace("listen 8080", f"listen 127.0.0.1:{port}")
        site = site.replace("$name.email-agent.svc.cluster.local:8080", f"127.0.0.1:{behind}")
        with nginx(tmp_path_factory.mktemp("gateway"), site, port):
            yield port


@pytest.mark.parametrize(
    ("path", "status", "arrives"),
    [
        ("/function/fetch-batch", 200, b"/"),
        ("/function/fetch-batch/", 200, b"/"),
        ("/function/apply-actions/_/ready", 200, b"/_/ready"),
        ("/function/classify-llm/?x=1", 200, b"/?x=1"),
        ("/function/nobody", 404, None),
        ("/function/fetch-batchx", 404, None),
        ("/system/functions", 404, None),
        ("/healthz", 200, None),
    ],
)
def test_gateway_has_the_paths_of_openfaas(gateway: int, path: str, status: int, arrives: bytes | None) -> None:
    """A call of /function/<name> reaches that function without a redirect; nothing else reaches anything."""
    answer = ask(http.client.HTTPConnection("127.0.0.1", gateway, timeout=10), path, "GET")

    assert status == answer.status
    assert arrives is None or arrives == answer.body


def test_schemas() -> None:
    """The manifests are what Kubernetes' own schemas allow, with no unknown field."""
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for document in _documents():
        validate.validate(document, "1.34", strict=True)
