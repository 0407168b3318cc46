"""Who classifies, and where the language model is."""

import itertools

import pytest

from shared.errors import InvalidSettings
from shared.settings import LanguageModel, Settings

NAMES = (
    "CLASSIFICATION_STRATEGY", "RULES_FIRST", "AI_ONLY_FOR_UNCERTAIN", "CLASSIFICATION_BATCH_SIZE", "OLLAMA_HOST",
    "OLLAMA_MODEL", "OLLAMA_TIMEOUT", "OLLAMA_NUM_PARALLEL",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_defaults_are_the_documented_ones() -> None:
    """Rules first, then the model of the design, on this machine."""
    settings = Settings.from_environment()
    chosen, model = settings.classification, settings.language_model

    assert (True, True, 100) == (chosen.rules_decide, chosen.asks_llm, chosen.batch_mails)
    assert ("http://127.0.0.1:11434", "mistral:7b-instruct-q4_0", 150, 2) == (
        model.url, model.model, model.timeout_s, model.parallel,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("strategy", "rules_first", "only_uncertain"),
    list(itertools.product(["hybrid", "rules", "llm", ""], ["true", "false", ""], ["true", "false", ""])),
)
def test_every_combination_is_taken_or_refused(
    strategy: str, rules_first: str, only_uncertain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A switch that is set says what the strategy means; the opposite is refused by its name."""
    values = (strategy, rules_first, only_uncertain)
    for name, value in zip(NAMES, values, strict=False):
        monkeypatch.setenv(name, value)
    wrong = "true" if strategy == "llm" else "false"
    bad = [name for name, value in zip(NAMES[1:], values[1:], strict=False) if value == wrong]
    if bad:
        with pytest.raises(InvalidSettings, match=bad[0]):
            Settings.from_environment()
        return
    chosen = Settings.from_environment().classification

    assert (strategy != "llm", strategy != "rules") == (chosen.rules_decide, chosen.asks_llm)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("http://ollama:11434", "http://ollama:11434"),
        ("http://ollama:11434/", "http://ollama:11434"),
        ("https://ollama.example", "https://ollama.example"),
        ("ollama", "http://ollama:11434"),
        ("ollama:99", "http://ollama:99"),
        (":99", "http://127.0.0.1:99"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://0.0.0.0:1", "http://127.0.0.1:1"),
        ("[::1]:99", "http://[::1]:99"),
        ("[::1]", "http://[::1]:11434"),
        ("https://me:secret@ollama.example:8", "https://me:secret@ollama.example:8"),
    ],
)
def test_an_address_is_what_ollama_itself_takes(host: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that the server reads may be given to us as it is."""
    monkeypatch.setenv("OLLAMA_HOST", host)

    assert url == LanguageModel().url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OLLAMA_HOST", "http://a b"),
        ("OLLAMA_HOST", "ftp://ollama"),
        ("OLLAMA_HOST", "http://ollama/path"),
        ("OLLAMA_MODEL", "two words"),
        ("OLLAMA_TIMEOUT", "0"),
        ("OLLAMA_NUM_PARALLEL", "0"),
        ("CLASSIFICATION_BATCH_SIZE", "0"),
    ],
)
def test_bad_value_names_its_variable(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused at start."""
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidSettings, match=name):
        Settings.from_environment()


def test_a_password_in_the_address_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not reach a log through the settings' text."""
    monkeypatch.setenv("OLLAMA_HOST", "https://me:hush-hush@ollama.example")

    assert "hush-hush" not in repr(Settings.from_environment())
