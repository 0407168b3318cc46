"""What a person reads about mail that waits for the language model, or was decided by it."""

import pytest

from shared.cli.report import left_to_ask
from shared.cli.why import why
from shared.status import Status
from tests.unit.cli.test_why import history

DOWN = {"state": "down", "detail": "no language model answers at http://h:1", "hint": "start Ollama", "waiting": 26}


@pytest.mark.parametrize(
    ("llm", "expected"),
    [
        (None, []),
        (
            DOWN,
            ["26 mails wait for the language model: no language model answers at http://h:1 (start Ollama)"],
        ),
        (DOWN | {"waiting": 1, "hint": ""}, [
            "1 mail waits for the language model: no language model answers at http://h:1",
        ]),
        ({"state": "waiting", "detail": "no time", "waiting": 2910}, [
            "2,910 mails wait for the language model: the next sync goes on, or scripts/agent sync --llm all",
        ]),
    ],
)  # fmt: skip
def test_who_waits_and_why(llm: dict[str, object] | None, expected: list[str]) -> None:
    """One sentence, with what can be done; none where nobody waits."""
    assert expected == left_to_ask(llm)


def test_what_the_model_decided_is_told() -> None:
    """Which model, how sure, and what it was shown: never the mail itself."""
    told = why(history(decided_by="llm", reason="tiny is 93% sure"), None, ())

    assert ["The language model decided: it is bills.", "The model tiny is 93% sure."] == told[:2]
    assert "It was shown" in told[2]


def test_what_it_was_not_sure_of_is_told() -> None:
    """Its guess, and that a person is waited for."""
    reason = "tiny says bills, but is only 52% sure"
    told = why(history(Status.REVIEW, decided_by="llm", reason=reason), None, ())

    assert f"It waits for a person (scripts/agent review decide): {reason}." == told[0]
