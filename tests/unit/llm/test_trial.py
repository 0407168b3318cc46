"""A trial of a model: what a mail could write of its tokens, and what a mail costs."""

import pytest

from shared.llm.trial import Speed, is_writable
from tests.fixtures.control_tokens import CONTROL_TOKENS, OF_EVERY_MODEL


def test_no_known_control_token_can_be_written() -> None:
    """Of the models that we know of, no mail can write a control token."""

    assert [] == [token for token in (*OF_EVERY_MODEL, *CONTROL_TOKENS) if is_writable(token)]


@pytest.mark.parametrize(
    ("token", "found"), [("sop", True), ("USER:", False), ("a b", True), ("  ", False), ("", False)]
)
def test_a_token_of_plain_letters_can_be_written(token: str, found: bool) -> None:
    """Some models' control tokens have no brackets: a trial finds them; what is but white space says nothing."""

    assert found is is_writable(token)


def test_mails_per_hour() -> None:
    """What the next mail takes says how many there are in an hour."""
    speed = Speed(
        prompt_tokens=600, prompt_tokens_per_s=23, answer_tokens=3, answer_tokens_per_s=5, first_s=30.0, next_s=8.0
    )

    assert 450.0 == speed.mails_per_hour
