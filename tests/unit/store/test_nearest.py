"""The hint for who names an account that is not there."""

import pytest

from shared.store.nearest import account_meant


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("wrok", ["home", "work"], "did you mean 'work'?"),
        ("x", ["home", "work"], "known: home, work"),
        ("x", [], "there is none yet: scripts/agent accounts add"),
    ],
)
def test_hint_names_what_was_meant(name: str, known: list[str], expected: str) -> None:
    """The nearest name, else all of them, else how to make one."""
    assert expected == account_meant(name, known)


def test_hint_is_bounded() -> None:
    """A thousand accounts are not all shown."""
    hint = account_meant("x", [f"account-{number}" for number in range(1000)])

    assert hint.endswith("account-9 and 990 more")
