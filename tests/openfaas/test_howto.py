"""The commands of docs/howto/run-on-faasd.md, run as a person would run them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.gateway import NAMES
from tests.openfaas.images import ROOT
from tests.openfaas.stack import Stack, expected_places

PAGE = ROOT / "docs" / "howto" / "run-on-faasd.md"
BLOCK = re.compile(r"(?:<!-- ([a-z ]+) -->\n)?```sh\n(.*?)```", re.S)
SECRETS = {"function-signing-key", "fernet-keys", "postgres-url"}


def blocks() -> dict[str, str]:
    """Return the page's commands by the name in the comment before them; those without one come first."""
    return dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))


def run_block(stack: Stack, name: str, **variables: str) -> str:
    """Run commands of the page in the machine, in the folder of what was deployed."""
    words = [f"{key}={value}" for key, value in (stack.faasd.cli_variables() | variables).items()]
    script = "set -euo pipefail\n" + blocks()[""] + blocks()[name]
    return stack.faasd.machine.run("env", "--chdir", str(stack.faasd.tree), *words, "bash", "-c", script)


@pytest.fixture
def tree_with_secrets(stack: Stack) -> Path:
    """The folder of what was deployed, with the secrets where the page has them."""
    link = stack.faasd.tree / "var" / "secrets"
    if not link.exists():
        link.parent.mkdir()
        link.symlink_to(stack.secrets.folder)
    return stack.faasd.tree


def test_secrets(stack: Stack, tree_with_secrets: Path) -> None:
    """Secrets are made from files, and are listed."""
    for name in SECRETS:
        stack.faasd.cli("secret", "remove", name)

    assert SECRETS <= set(run_block(stack, "secrets").split())


def test_deploy(stack: Stack) -> None:
    """Each function says at the end that it is ready."""
    output = run_block(stack, "deploy")

    assert len(NAMES) == output.count('"ready":true') + output.count('"ready": true')


def test_every_day(stack: Stack) -> None:
    """What runs is listed, described with its image and its secrets, and its log is read."""
    stack.sync(stack.person(1))
    output = run_block(stack, "every day")

    assert [] == [name for name in (*NAMES, "localhost/email-agent/fetch-batch") if name not in output]
    assert [] == [name for name in SECRETS if name not in output]
    assert '"function": "fetch-batch"' in output


def test_invoke(stack: Stack, tree_with_secrets: Path) -> None:
    """The four piped into each other file the mail."""
    person = stack.person(30)

    answer = json.loads(run_block(stack, "invoke", ACCOUNT=person.account).splitlines()[-1])

    assert ("apply-actions", expected_places(30)) == (answer["stage"], person.where())


def test_kubernetes(stack: Stack) -> None:
    """The same stack.yml gives a resource for each function, with its image, secrets, settings and limits."""
    resources: list[dict[str, Any]] = [part for part in yaml.safe_load_all(run_block(stack, "kubernetes")) if part]
    found = {part["metadata"]["name"]: part["spec"] for part in resources}

    assert {"Function"} == {part["kind"] for part in resources}
    assert sorted(NAMES) == sorted(found)
    for name, spec in found.items():
        assert f"localhost/email-agent/{name}:test" == spec["image"]
        assert (SECRETS, "4", "1Gi") == (
            set(spec["secrets"]),
            spec["environment"]["max_inflight"],
            spec["limits"]["memory"],
        )
