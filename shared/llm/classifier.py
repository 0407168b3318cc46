"""Ask the language model about one mail: the room's door for the pipeline."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from shared import clock
from shared.errors import InvalidSettings, PromptTooLong
from shared.llm.breaker import Breaker
from shared.llm.ollama import Answer, Ollama, OllamaSettings
from shared.llm.presence import Presence
from shared.llm.prompt import LABELS, SHORT, UNSURE_LABEL, Example, MailBlock, Menu, Question, mail_block, menu
from shared.llm.verdict import Choice, both
from shared.records import StoredEmail, Verdict
from shared.rules.rule_set import Category

MS_PER_S = 1000


class Chat(Protocol):
    """What can be asked a question."""

    def chat(self, question: Question, *, deadline: float) -> Answer:
        """Answer with one of the question's labels, before the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """A model behind its breaker. `model` is the name that verdicts carry."""

    server: Chat
    model: str
    examples: tuple[Example, ...] = ()
    breaker: Breaker = field(default_factory=Breaker)
    presence: Presence | None = None
    now: Callable[[], float] = clock.now

    @classmethod
    def at(cls, settings: OllamaSettings) -> "Classifier":
        """Return the classifier of a server; nothing is sent yet."""
        server, breaker = Ollama.at(settings), Breaker()
        presence = Presence(server=server, model=settings.model, breaker=breaker)
        return cls(server=server, model=settings.model, breaker=breaker, presence=presence)

    def check(self, *, deadline: float) -> None:
        """Return when the model is there and in memory; no mail is sent. Raise what Presence.check raises."""
        if self.presence is not None:
            self.presence.check(deadline=deadline)

    def classify(self, email: StoredEmail, categories: Iterable[Category], *, deadline: float) -> Verdict:
        """Return the model's verdict; a mail too dense for the server's context is asked about without its text.

        Raise what Ollama.chat raises, and LlmDown at once while the breaker is open.
        """
        started = self.now()
        choices = menu(tuple(categories), self.examples)
        block = mail_block(email)
        try:
            answers, category = self._ask(choices, block, deadline)
        except PromptTooLong:
            answers, category = self._ask(choices, mail_block(email, SHORT), deadline)
        choice = _together(answers)
        return Verdict(
            category=category,
            confidence=choice.confidence,
            margin=choice.margin,
            model=self.model,
            ms=(self.now() - started) * MS_PER_S,
            prompt_tokens=sum(answer.prompt_tokens for answer in answers),
            suspicions=block.suspicions,
        )

    def _ask(self, choices: Menu, block: MailBlock, deadline: float) -> tuple[list[Answer], str | None]:
        """Return the answers to one question, or to two where there are groups, and the category they lead to."""
        first = self._chat(choices.first_question(block), deadline)
        label = first.choice.label
        if not choices.has_two_levels:
            return [first], choices.labels_of(LABELS[0])[label]
        if label == UNSURE_LABEL:
            return [first], None
        second = self._chat(choices.second_question(block, label), deadline)
        return [first, second], choices.labels_of(label)[second.choice.label]

    def _chat(self, question: Question, deadline: float) -> Answer:
        with self.breaker.call():
            return self.server.chat(question, deadline=deadline)


def _together(answers: list[Answer]) -> Choice:
    choice = answers[0].choice
    for answer in answers[1:]:
        choice = both(choice, answer.choice)
    return choice


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedModel:
    """Stands for a model that may not be asked, because of its settings: mail waits, and it says why."""

    why: InvalidSettings

    def check(self, *, deadline: float) -> None:
        """Raise the reason."""
        raise self.why

    def classify(self, email: StoredEmail, categories: Iterable[Category], *, deadline: float) -> Verdict:
        """Raise the reason; nothing is sent."""
        raise self.why
