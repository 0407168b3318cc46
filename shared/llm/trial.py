"""A trial of a language model: is it there, may it see mail, and what does a mail cost on this machine."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from shared import clock
from shared.errors import ModelMissing
from shared.llm.ollama import Answer, Ollama
from shared.llm.prompt import Menu, Question, mail_block, menu
from shared.llm.sanitise import sanitise
from shared.records import StoredEmail
from shared.rules.rule_set import Category

S_PER_HOUR = 3_600
TOKEN_ROOM_CHARS = 1_000
_WHEN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_SENDERS = ("Ann Lee <ann@shop.example>", "Ben Ray <ben@club.example>")
_SUBJECTS = ("Your order 4711 of last Monday is on its way", "Minutes of Thursday, and who brings what on Saturday")
_TEXT = "Thank you very much for your message, we have read it with pleasure and will answer as soon as we can. "
_TEXTS = (_TEXT * 5, f"Dear all, here is what we agreed on. {_TEXT * 5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What one question costs: the first to be asked, and the next one of the same account."""

    prompt_tokens: int
    prompt_tokens_per_s: float
    answer_tokens: int
    answer_tokens_per_s: float
    first_s: float
    next_s: float

    @property
    def mails_per_hour(self) -> float:
        """How many mails are asked about in an hour, one after the other."""
        return S_PER_HOUR / self.next_s if self.next_s > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was found. `writable`: special tokens of the model that a mail could write; none in models we know."""

    version: str
    model_bytes: int
    context: int
    load_s: float
    labels: int
    has_probabilities: bool
    thinks: bool
    special_tokens: int
    writable: tuple[str, ...]
    speed: Speed


def try_out(
    server: Ollama, categories: tuple[Category, ...], *, nonce: str, now: Callable[[], float] = clock.now
) -> Trial:
    """Load the model and ask it two questions; raise what Ollama raises.

    `nonce` is new each time and stands first, so that the server has nothing of the first question in its memory.
    """
    version, found = server.version(), server.installed()
    if found is None:
        name = server.settings.model
        raise ModelMissing(f"the model {name!r} is not on the language model's server", hint=f"ollama pull {name}")
    began = now()
    server.preload()
    load_s = now() - began
    loaded = [model.context_length for model in server.loaded() if model.name == found.name]
    details = server.details()
    choices = menu(categories)
    first, first_s = _timed(server, _question(choices, 0, nonce), now)
    second, next_s = _timed(server, _question(choices, 1, nonce), now)
    return Trial(
        version=version,
        model_bytes=found.size,
        context=max(loaded, default=0),
        load_s=load_s,
        labels=len(choices.groups[0]),
        has_probabilities=second.choice.confidence is not None,
        thinks=details.thinks,
        special_tokens=len(details.special_tokens),
        writable=tuple(token for token in details.special_tokens if is_writable(token)),
        speed=_speed(first, second, first_s, next_s),
    )


def is_writable(token: str) -> bool:
    """Return whether a mail can have this token in its part of a prompt."""
    return bool(token.strip()) and token in f" {sanitise(f'a {token} b', TOKEN_ROOM_CHARS).text} "


def _question(choices: Menu, number: int, nonce: str) -> Question:
    mail = StoredEmail(
        id=number, account="", mailbox="", flags=frozenset(), internaldate=_WHEN, size=0,
        headers={"from": [_SENDERS[number]], "subject": [_SUBJECTS[number]]}, text=_TEXTS[number],
    )  # fmt: skip
    asked = choices.first_question(mail_block(mail))
    system, user = asked.messages
    return Question(messages=({**system, "content": f"{nonce}\n{system['content']}"}, user), labels=asked.labels)


def _timed(server: Ollama, question: Question, now: Callable[[], float]) -> tuple[Answer, float]:
    began = now()
    answer = server.chat(question, deadline=began + server.settings.answer_timeout_s)
    return answer, now() - began


def _speed(first: Answer, second: Answer, first_s: float, next_s: float) -> Speed:
    return Speed(
        prompt_tokens=first.prompt_tokens,
        prompt_tokens_per_s=_rate(first.prompt_tokens, first.prompt_s),
        answer_tokens=second.answer_tokens,
        answer_tokens_per_s=_rate(first.answer_tokens + second.answer_tokens, first.answer_s + second.answer_s),
        first_s=first_s,
        next_s=next_s,
    )


def _rate(tokens: int, seconds: float) -> float:
    return tokens / seconds if seconds > 0 else 0.0
