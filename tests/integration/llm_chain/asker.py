"""An agent with a language model, called as the chain calls it, without HTTP."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from shared.batch import Batch
from shared.chain.answers import Answer, Summary
from shared.chain.sync import Sync
from shared.pipeline.classify_llm import classify_llm
from shared.store.history import EmailHistory
from tests.fakes.language_model import FakeModel
from tests.fakes.mail_server import FakeMailServer
from tests.fixtures.agent import Agent

CATEGORIES = """
version: 1
categories:
  letters: {description: What people write, then: [{keyword: $Letter}, {move: Letters}]}
  bills: {description: What is to be paid, then: {move: Bills}}
  nothing: {description: What stays, then: keep}
"""
RULES = (
    CATEGORIES
    + """
rules:
  - name: star
    when: {subject: {contains: star}}
    then: flag
    continue: true
  - name: shop
    when: {from: {domain: shop.example}}
    then: [{move: Shop}]
"""
)
HEADER = "From: {sender}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@mail.example>\r\n\r\n"


@dataclass
class Asker:
    """One account's agent and its model; `calls` are the functions that were called, in order."""

    agent: Agent
    model: Any = field(default_factory=FakeModel)
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.agent.limits = replace(self.agent.limits, asks_llm=True, llm_timeout_s=10.0)

    def ask(self, batch: Batch | None = None) -> Batch:
        """Call classify-llm once; without a batch as a run of its own, which keeps nobody waiting."""
        agent, asked = self.agent, batch or self.agent.batch()
        try:
            return classify_llm(asked, store=agent.store, model=self.model, limits=agent.limits, now=_now)
        finally:
            if batch is None:
                agent.store.runs.step_aside(asked.run)

    def call(self, function: str, batch: Batch) -> Answer:
        """Be the functions of a chain."""
        self.calls.append(function)
        agent = self.agent
        doors: dict[str, Callable[[Batch], Batch]] = {
            "fetch-batch": agent.fetch, "classify-rules": agent.classify, "apply-actions": agent.apply,
            "classify-llm": self.ask,
        }  # fmt: skip
        return Answer.from_json(doors[function](batch).as_json())

    @property
    def order(self) -> list[str]:
        """The functions as they were called, without the rules: a fetch that takes long has them beside it."""
        return [function for function in self.calls if function != "classify-rules"]

    def sync(self, *, asks_for_s: float | None = None, **asked: Any) -> Summary:
        """Sync as a person does."""
        self.calls.clear()
        return Sync(functions=self, batch=self.agent.batch(**asked), asks_for_s=asks_for_s).run()

    def mail(self, subject: str) -> EmailHistory:
        """Return what is known of the mail with this subject."""
        return self.agent.store.emails.get(f"<{subject}@mail.example>")  # type: ignore[no-any-return]

    def read(self) -> None:
        """Fetch all mail and let the rules decide what they can; nobody asks the model."""
        batch = self.agent.batch()
        self.agent.fetch(batch)
        self.agent.classify(batch)
        self.agent.apply(replace(batch, final=True))

    def read_with_text(self) -> None:
        """Do that, and let the texts come that the model is to be shown."""
        self.read()
        self.ask()
        self.read()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def deliver(server: FakeMailServer, *subjects: str, sender: str = "a@friends.example", day: int = 1) -> None:
    """Deliver mails whose subject is their name, the first the oldest."""
    for number, subject in enumerate(subjects, day):
        header = HEADER.format(sender=sender, subject=subject).encode()
        server.deliver("INBOX", subject, header, day=number, body=f"This is {subject}.\r\n".encode())


def mailbox() -> FakeMailServer:
    """Return a server with the mailboxes that the categories name."""
    server = FakeMailServer()
    for name in ("Letters", "Bills", "Shop"):
        server.create(name)
    return server
