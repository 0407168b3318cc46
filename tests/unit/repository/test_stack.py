"""What is said in several files about how functions run is the same in all, and timeouts nest."""

import re
from pathlib import Path
from typing import Any

import yaml

from functions.gateway import NAMES
from shared.chain.client import FunctionsClient
from shared.settings import Work

ROOT = Path(__file__).resolve().parents[3]
STACK: dict[str, Any] = yaml.safe_load((ROOT / "stack.yml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "functions" / "Dockerfile").read_text(encoding="utf-8")


def seconds(text: str) -> float:
    """Read a duration such as 180s."""
    return float(text.removesuffix("s"))


def said(name: str, path: str) -> float:
    """Find a duration in a file where it is written name=180s."""
    found = re.findall(rf"\b{name}=(\d+s)", (ROOT / path).read_text(encoding="utf-8"))
    assert 1 == len(set(found)), (name, path)
    return seconds(found[0])


def test_all_functions_are_deployed() -> None:
    """stack.yml names each function, built from its folder by the one image recipe."""
    functions = STACK["functions"]

    assert sorted(NAMES) == sorted(functions)
    for name in NAMES:
        assert f"./functions/{name}" == functions[name]["handler"]
        assert Path("../Dockerfile") == (ROOT / "functions" / name / "Dockerfile").readlink()


def test_what_is_copied_is_there() -> None:
    """Every path that goes into the build folders exists."""

    assert [] == [path for path in STACK["configuration"]["copy"] if not (ROOT / path).exists()]


def test_image_and_stack_agree() -> None:
    """What stack.yml tells the watchdog is what the image says by itself."""
    environment = STACK["x-function"]["environment"]

    assert [] == [f"{name}={value}" for name, value in environment.items() if f"{name}={value}" not in DOCKERFILE]


def test_timeouts_nest() -> None:
    """Function, watchdog, provider, gateway and caller give up in this order."""
    watchdog = STACK["x-function"]["environment"]
    compose = "config/faasd/docker-compose.yaml"
    order = [
        Work().deadline_s,
        seconds(watchdog["exec_timeout"]),
        seconds(watchdog["write_timeout"]),
        said("service_timeout", "config/systemd/faasd-provider.service"),
        said("upstream_timeout", compose),
        said("write_timeout", compose),
        FunctionsClient(gateway_url="http://127.0.0.1:1", key=b"").answer_timeout_s,
    ]

    assert sorted(set(order)) == order
    assert watchdog["read_timeout"] == watchdog["write_timeout"]


def test_calls_at_once() -> None:
    """The watchdog lets in as many calls as the function takes."""

    assert str(Work().max_inflight) == STACK["x-function"]["environment"]["max_inflight"]
