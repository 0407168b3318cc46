"""A language model in this process: the LanguageModel Protocol over a script, and a list of what it was asked."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from shared.records import StoredEmail, Verdict
from shared.rules.rule_set import Category

NAME = "tiny"


def verdict(category: str | None = "letters", confidence: float | None = 0.9, **fields: object) -> Verdict:
    """Return a verdict; the margin is as large as the confidence."""
    values: dict[str, object] = {"margin": confidence, "ms": 10.0, "prompt_tokens": 100, "model": NAME}
    return Verdict(category=category, confidence=confidence, **(values | fields))  # type: ignore[arg-type]


@dataclass
class FakeModel:
    """Says what `says` returns of a mail, or raises it; `trouble` is raised before any mail is asked about.

    `meanwhile` is what happens while it thinks.
    """

    says: Callable[[StoredEmail], Verdict | Exception] = lambda _email: verdict()
    trouble: Exception | None = None
    meanwhile: Callable[[], None] = lambda: None
    asked: list[StoredEmail] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    menus: list[tuple[str, ...]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, *, deadline: float) -> None:
        if self.trouble is not None:
            raise self.trouble

    def classify(self, email: StoredEmail, categories: Iterable[Category], *, deadline: float) -> Verdict:
        with self._lock:
            self.asked.append(email)
            self.deadlines.append(deadline)
            self.menus.append(tuple(category.name for category in categories))
        self.meanwhile()
        said = self.says(email)
        if isinstance(said, Exception):
            raise said
        return said

    @property
    def subjects(self) -> list[str]:
        """The subjects of the mails it was asked about, in order."""
        return [email.headers["subject"][0] for email in self.asked]
