"""How much one call may do and how long it may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a call; wiring fills them from settings. Times in seconds, sizes in mails.

    `windows_days`: how far back a mailbox is read, window after window; empty: all at once.
    `rules_decide`: what they can, before anybody else. `asks_llm`: about what is left, `llm_slots` calls at once.
    """

    chunk_mails: int = 1000
    fetch_mails: int = 5000
    windows_days: tuple[int, ...] = ()
    apply_mails: int = 20_000
    claim_timeout_s: float = 300.0
    imap_timeout_s: float = 90.0
    deadline_s: float = 150.0
    anomaly_share: float = 0.30
    anomaly_mails: int = 50
    rules_decide: bool = True
    asks_llm: bool = False
    llm_mails: int = 100
    llm_slots: int = 1
    llm_timeout_s: float = 150.0

    @property
    def mailbox_lease_s(self) -> float:
        """How long a lease on a mailbox lasts unless renewed: a command is only sent if its timeout fits in."""
        return max(self.claim_timeout_s, 2.5 * self.imap_timeout_s)

    @property
    def slot_lease_s(self) -> float:
        """How long a slot of the language model is ours unless renewed: longer than any call may take."""
        return max(self.claim_timeout_s, 2 * self.llm_timeout_s)
