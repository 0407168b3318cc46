"""config/.env.oracle-arm: every name of the design is in it, and each has an effect, or is refused by its name."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from shared.errors import InvalidSettings
from shared.pipeline.limits import Limits
from shared.security.secret_files import SecretFiles
from shared.settings import REFUSED, Settings
from shared.wiring import Wiring
from tests.integration.settings.world import Probe, World

ROOT = Path(__file__).parents[3]
TEMPLATE = ROOT / "config" / ".env.oracle-arm"
DESIGN = {
    "ARM_OPTIMIZED": "true",
    "PLATFORM": "arm64",
    "MAX_CONCURRENT_CLASSIFICATIONS": "4",
    "OLLAMA_TIMEOUT": "150",
    "CLASSIFICATION_TIMEOUT": "150",
    "IMAP_TIMEOUT": "90",
    "EMAIL_SYNC_BATCH_SIZE": "1000",
    "CLASSIFICATION_BATCH_SIZE": "100",
    "MAX_EMAILS_PER_SYNC": "2000",
    "CLASSIFICATION_STRATEGY": "hybrid",
    "RULES_FIRST": "true",
    "AI_ONLY_FOR_UNCERTAIN": "true",
    "ENABLE_PROGRESSIVE_SYNC": "true",
    "INITIAL_SYNC_DAYS": "30",
    "PROGRESSIVE_SYNC_DAYS": "90,180,365,all",
    "EMAIL_SYNC_INTERVAL_MINUTES": "10",
    "OLLAMA_NUM_PARALLEL": "2",
}
"""The names of the design with its author's values; they wanted progressive sync from 20,000 mails on."""
OURS = {"OLLAMA_HOST", "OLLAMA_MODEL"}
NOT_FOR_FUNCTIONS = {"PLATFORM", "ARM_OPTIMIZED", "EMAIL_SYNC_INTERVAL_MINUTES", "MAX_EMAILS_PER_SYNC", "OLLAMA_HOST"}
"""Read by the trigger and the doctor; where the model is differs inside a container."""
OF_BEFORE = ("CELERY_WORKERS", "CELERY_WORKER_CONCURRENCY")

EFFECTS: dict[str, tuple[Probe, object, str, object]] = {
    "ARM_OPTIMIZED": (World.tuning, True, "false", False),
    "PLATFORM": (World.platform, [True], "amd64", [False]),
    "MAX_CONCURRENT_CLASSIFICATIONS": (World.calls_at_once, 4, "1", 1),
    "OLLAMA_TIMEOUT": (World.longest_answer_s, 150, "20", 20),
    "CLASSIFICATION_TIMEOUT": (World.slow_answers_in_one_call, True, "0.25", False),
    "IMAP_TIMEOUT": (World.silence, None, "0.2", "DeadlineExceeded"),
    "EMAIL_SYNC_BATCH_SIZE": (World.chunks, [2], "1", [1, 1]),
    "CLASSIFICATION_BATCH_SIZE": (World.asked_in_one_call, 3, "1", 1),
    "MAX_EMAILS_PER_SYNC": (World.limit_of_a_scheduled_sync, 2000, "7", 7),
    "CLASSIFICATION_STRATEGY": (World.deciders, (2, 3), "rules", (2, 0)),
    "RULES_FIRST": (World.deciders, (2, 3), "false", "RULES_FIRST"),
    "AI_ONLY_FOR_UNCERTAIN": (World.deciders, (2, 3), "false", "AI_ONLY_FOR_UNCERTAIN"),
    "ENABLE_PROGRESSIVE_SYNC": (lambda world: world.mails_after(1), 2, "false", 5),
    "INITIAL_SYNC_DAYS": (lambda world: world.mails_after(1), 2, "70", 3),
    "PROGRESSIVE_SYNC_DAYS": (lambda world: world.mails_after(2), 3, "200,all", 4),
    "EMAIL_SYNC_INTERVAL_MINUTES": (World.syncs_per_day, 144, "60", 24),
    "OLLAMA_NUM_PARALLEL": (World.models_asked_at_once, 2, "1", 1),
    "OLLAMA_HOST": (World.model_server, None, "http://127.0.0.1:9", None),
    "OLLAMA_MODEL": (World.model_server, None, "tiny", None),
}
"""Of each name: what shows it, what that is with the template, another value, and what it is then."""


def template() -> dict[str, str]:
    lines = [line for line in TEMPLATE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


Observe = Callable[..., object]


@pytest.fixture
def observe(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Observe]:
    """Start the program with the template and some changes, and look; a refusal is the name that it refuses."""
    SecretFiles(folder=tmp_path).create_missing()
    for name, value in {**template(), "SECRETS_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    roots: list[Wiring] = []

    def look(probe: Probe, **changes: str) -> object:
        for name, value in changes.items():
            monkeypatch.setenv(name, value)
        try:
            roots.append(Wiring(Settings.from_environment(), database_url=database_url))
        except InvalidSettings as error:
            return error.detail.split("=")[0].split()[0]
        return probe(World(root=roots[-1]))

    yield look
    for root in roots:
        root.close()


def test_template_has_the_design() -> None:
    """Each name of the design is there, with its author's value, and no name that nobody reads."""

    assert DESIGN == {name: value for name, value in template().items() if name not in OURS}


def test_every_name_has_its_proof() -> None:
    """No name of the template is without a test of its effect."""

    assert set(template()) == set(EFFECTS)


def test_template_starts_the_program(tmp_path: Path) -> None:
    """Sourced by a shell, as its first lines say, it gives the program these bounds."""
    show = "import dataclasses, json; from shared.settings import Settings; from shared.wiring import Wiring; "
    show += "print(json.dumps(dataclasses.asdict(Wiring(Settings.from_environment()).limits)))"
    command = f"set -a; . {TEMPLATE}; set +a; exec {sys.executable} -c '{show}'"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=True)
    expected = Limits(
        chunk_mails=1000, windows_days=(30, 90, 180, 365), imap_timeout_s=90, deadline_s=150,
        rules_decide=True, asks_llm=True, llm_mails=100, llm_slots=2, llm_timeout_s=150,
    )  # fmt: skip

    found = json.loads(done.stdout)

    assert expected == Limits(**found | {"windows_days": tuple(found["windows_days"])})


@pytest.mark.parametrize("name", [name for name, effect in EFFECTS.items() if effect[1] is not None])
def test_value_of_the_template_has_its_effect(name: str, observe: Observe) -> None:
    """With the template as it is, the program does what the value says."""
    probe, expected, _, _ = EFFECTS[name]

    assert expected == observe(probe)


@pytest.mark.parametrize("name", [name for name, effect in EFFECTS.items() if effect[3] is not None])
def test_another_value_has_another_effect(name: str, observe: Observe) -> None:
    """With another value of this name alone, the program does something else, or refuses to start and names it."""
    probe, _, other, expected = EFFECTS[name]

    assert expected == observe(probe, **{name: other})


def test_model_is_looked_for_where_it_is_said_to_be(observe: Observe) -> None:
    """Server and model are those of the settings."""

    assert ("http://127.0.0.1:9", "tiny") == observe(
        World.model_server, OLLAMA_HOST="http://127.0.0.1:9", OLLAMA_MODEL="tiny"
    )


@pytest.mark.parametrize("name", OF_BEFORE)
def test_name_of_another_design_is_refused(name: str, observe: Observe) -> None:
    """What the author's first design had and this one has not is refused by its name, with what to use instead."""

    assert name == observe(World.platform, **{name: "4"})
    assert "MAX_CONCURRENT_CLASSIFICATIONS" in REFUSED[name]


def known_names() -> set[str]:
    """The names of all settings."""
    groups = [field.type for field in dataclasses.fields(Settings) if isinstance(field.type, type)]
    return {str(field.validation_alias) for group in groups for field in group.model_fields.values()}


def test_functions_have_the_same_settings() -> None:
    """config/common.yml gives the functions the values of the template, for each name that a function reads."""
    given = yaml.safe_load((ROOT / "config" / "common.yml").read_text(encoding="utf-8"))["environment"]
    wanted = {name: value for name, value in template().items() if name not in NOT_FOR_FUNCTIONS}

    assert wanted == {name: given.get(name) for name in wanted}
    assert set() == set(given) - known_names()


def test_kubernetes_has_known_settings() -> None:
    """The ConfigMap of config/kubernetes has no name that nobody reads."""
    given = yaml.safe_load((ROOT / "config" / "kubernetes" / "settings.yaml").read_text(encoding="utf-8"))["data"]

    assert set() == set(given) - known_names()
