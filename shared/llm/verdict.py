"""A model's answer -> a verdict: a label among those that were offered, and how sure the model was of it."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from shared.errors import BadAnswer
from shared.llm.answers import ChatAnswer, Position, Token

AROUND_A_LABEL = " \t\r\n\"'`.:▁"
"""A token may carry the quote or the blank before its letter: `"B`, ` B`, `B"`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The label that was chosen; `confidence` and `margin` as in Verdict."""

    label: str
    confidence: float | None = None
    margin: float | None = None


def chosen_label(answer: ChatAnswer, labels: Collection[str]) -> Choice:
    """Read an answer that a grammar held to one label; BadAnswer if it is none of them."""
    label = answer.message.content.strip(AROUND_A_LABEL)
    if label not in labels:
        raise BadAnswer("the language model answered none of the labels")
    return _weighed(label, _shares(answer.logprobs or (), labels, said=label))


def likeliest_label(answer: ChatAnswer, labels: Collection[str]) -> Choice:
    """Read the distribution of one free token: the label with most of it, whatever the token was."""
    shares = _shares(answer.logprobs or (), labels, said=None)
    if not shares:
        return chosen_label(answer, labels)
    return _weighed(max(shares, key=shares.__getitem__), shares)


def both(first: Choice, second: Choice) -> Choice:
    """Return the second of two choices, as sure as both together."""
    if first.confidence is None or second.confidence is None or first.margin is None or second.margin is None:
        return Choice(label=second.label)
    confidence = first.confidence * second.confidence
    return Choice(label=second.label, confidence=confidence, margin=min(first.margin, second.margin))


def _weighed(label: str, shares: dict[str, float]) -> Choice:
    total = sum(shares.values())
    if total <= 0:
        return Choice(label=label)
    mine = shares.get(label, 0.0)
    others = max((share for other, share in shares.items() if other != label), default=0.0)
    return Choice(label=label, confidence=mine / total, margin=mine - others)


def _shares(positions: Sequence[Position], labels: Collection[str], *, said: str | None) -> dict[str, float]:
    """Return the probability of each label where the label was said; empty where no distribution shows any.

    That place is looked for: a quote or a blank may be a token of its own before it. A label that is not listed may be
    as likely as the least likely token that is, and counts as that, so that a lone label in a flat list looks unsure.
    """
    place = next(_places(positions, labels, said), None)
    if place is None or not place.top_logprobs:
        return {}
    known = {token.token: token.logprob for token in (*place.top_logprobs, place)}
    shares: dict[str, float] = {}
    for text, logprob in known.items():
        label = text.strip(AROUND_A_LABEL)
        if label in labels:
            shares[label] = shares.get(label, 0.0) + math.exp(min(logprob, 0.0))
    least = math.exp(min(0.0, *known.values()))
    return {label: shares.get(label, least) for label in labels} if shares else {}


def _places(positions: Sequence[Position], labels: Collection[str], said: str | None) -> Iterator[Position]:
    for position in positions:
        seen: tuple[Token, ...] = (position,) if said else (position, *(position.top_logprobs or ()))
        texts = {token.token.strip(AROUND_A_LABEL) for token in seen}
        if said in texts if said else not texts.isdisjoint(labels):
            yield position
