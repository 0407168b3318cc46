"""From an answer to a label: what is believed, and how sure the model was."""

import math
from typing import Any

import pytest

from shared.errors import BadAnswer
from shared.llm.answers import ChatAnswer
from shared.llm.verdict import Choice, both, chosen_label, likeliest_label

LABELS = ("A", "B", "U")


def answer(content: str, *positions: tuple[str, dict[str, float]]) -> ChatAnswer:
    """An answer whose tokens had these alternatives, as probabilities."""
    logprobs = [
        {
            "token": token,
            "logprob": math.log(shares.get(token, 1e-9)),
            "top_logprobs": [{"token": other, "logprob": math.log(share)} for other, share in shares.items()],
        }
        for token, shares in positions
    ]
    document: dict[str, Any] = {"message": {"content": content}, "done": True, "logprobs": logprobs or None}
    return ChatAnswer.model_validate(document)


def rounded(choice: Choice) -> tuple[str, float | None, float | None]:
    numbers = (choice.confidence, choice.margin)
    return (choice.label, *(None if number is None else round(number, 3) for number in numbers))  # type: ignore[return-value]


QUOTE = ('"', {"I": 0.6, "The": 0.3, "B": 0.05})
CERTAIN = {"A": 0.9, "B": 0.05, "U": 0.05}


def test_confidence_is_the_share_among_labels() -> None:
    """What the model would have said besides labels is left out of the confidence, and not out of the margin."""

    choice = chosen_label(answer('"A"', QUOTE, ("A", {"A": 0.3, "The": 0.5, "B": 0.1, "U": 0.1}), QUOTE), LABELS)

    assert ("A", 0.6, 0.2) == rounded(choice)


@pytest.mark.parametrize(
    "positions",
    [
        [('"', {"A": 0.9}), ("A", CERTAIN), ('"', {"B": 0.9})],
        [(" ", {"B": 0.9}), ("\n", {"B": 0.9}), ('"', {"A": 0.9}), ("A", CERTAIN)],
        [('"A', {'"A': 0.9, '"B': 0.05, '"U': 0.05}), ('"', {"B": 0.9})],
        [('"', {"B": 0.9}), ('A"', {'A"': 0.9, 'B"': 0.05, "U": 0.05})],
        [('"A"', {'"A"': 0.9, '"B"': 0.05, '"U"': 0.05})],
        [('"', {"B": 0.9}), ("▁A", {"▁A": 0.8, "A": 0.1, "B": 0.05, "U": 0.05})],
    ],
)
def test_the_letter_is_looked_for(positions: list[tuple[str, dict[str, float]]]) -> None:
    """Wherever the letter is in the list, and whatever clings to it: that place's distribution counts."""

    assert ("A", 0.9, 0.85) == rounded(chosen_label(answer('"A"', *positions), LABELS))


@pytest.mark.parametrize(
    "positions",
    [[], [('"', {"B": 0.9})], [("A", {})]],
)
def test_without_a_distribution_there_is_no_confidence(positions: list[tuple[str, dict[str, float]]]) -> None:
    """A label without probabilities is a label of unknown confidence, and not of a full one."""

    assert ("A", None, None) == rounded(chosen_label(answer('"A"', *positions), LABELS))


def test_a_lone_label_in_a_flat_list_is_not_sure() -> None:
    """Labels that are not listed may be as likely as the least likely token that is: they count as that."""

    flat = {"A": 0.06} | {f"word{number}": 0.04 for number in range(19)}

    assert ("A", round(0.06 / 0.14, 3), 0.02) == rounded(chosen_label(answer('"A"', QUOTE, ("A", flat)), LABELS))


def test_the_chosen_token_counts_though_it_is_not_among_the_top() -> None:
    """A grammar may force a letter that is not among the most likely tokens: its own is told beside them."""

    choice = chosen_label(answer('"A"', QUOTE, ("A", {"B": 0.5, "The": 0.4})), LABELS)

    assert choice.confidence is not None and choice.confidence < 0.01
    assert choice.margin is not None and choice.margin < 0


@pytest.mark.parametrize("content", ["", '""', '"C"', '"a"', "A B", '{"label": "A"}', "null", "[" * 100_000])
def test_an_unknown_label_is_refused(content: str) -> None:
    """What is not exactly one of the labels is no verdict, and none of it is repeated."""

    with pytest.raises(BadAnswer) as caught:
        chosen_label(answer(content, ("A", CERTAIN)), LABELS)

    assert "the language model answered none of the labels" == caught.value.detail


def test_one_token_is_weighed_not_read() -> None:
    """In the way of one token the label is the likeliest among labels, even where the token is another word."""

    choice = likeliest_label(answer("The", ("The", {"The": 0.5, " B": 0.2, "B": 0.1, "A": 0.1, "U": 0.1})), LABELS)

    assert ("B", 0.6, 0.2) == rounded(choice)


def test_one_token_without_probabilities_must_be_a_label() -> None:
    """Where the server tells no probabilities the token itself must be a label."""

    assert Choice(label="B") == likeliest_label(answer(" B"), LABELS)
    with pytest.raises(BadAnswer):
        likeliest_label(answer("The"), LABELS)


def test_one_token_without_any_label_is_refused() -> None:
    """A distribution in which no label is found says nothing."""

    with pytest.raises(BadAnswer):
        likeliest_label(answer("The", ("The", {"The": 0.9, "a": 0.1})), LABELS)


def test_a_probability_over_one_is_one() -> None:
    """A server that rounds, or lies, makes no confidence over 1."""
    document = {"token": "A", "logprob": 5.0, "top_logprobs": [{"token": " A", "logprob": 900.0}]}
    lying = ChatAnswer.model_validate({"message": {"content": '"A"'}, "done": True, "logprobs": [document]})

    choice = chosen_label(lying, LABELS)

    assert choice.confidence is not None and 0 <= choice.confidence <= 1


def test_probabilities_of_nothing_are_none() -> None:
    """Probabilities too small to be numbers give no confidence, and no division by zero."""
    document = {"token": "A", "logprob": -2000.0, "top_logprobs": [{"token": "B", "logprob": -1e6}]}
    tiny = ChatAnswer.model_validate({"message": {"content": '"A"'}, "done": True, "logprobs": [document]})

    assert Choice(label="A") == chosen_label(tiny, LABELS)


def test_two_answers_are_as_sure_as_both() -> None:
    """A category within a group is right only if both are."""

    assert ("B", 0.4, 0.1) == rounded(
        both(Choice(label="A", confidence=0.8, margin=0.6), Choice(label="B", confidence=0.5, margin=0.1))
    )
    assert Choice(label="B") == both(Choice(label="A"), Choice(label="B", confidence=0.5, margin=0.1))
