"""What an account's mail waits for, as far as this installation does something about it."""

from collections.abc import Mapping

from shared.pipeline.limits import Limits
from shared.pipeline.ports import Store


def waiting(store: Store, account_id: int, limits: Limits) -> Mapping[str, int]:
    """Count as Emails.waiting does; nothing is `to_ask` where nobody is asked, or has a category to choose."""
    counts = store.emails.waiting(account_id)
    if counts["to_ask"] and not (limits.asks_llm and store.rule_sets.active()[1].categories):
        return {**counts, "to_ask": 0}
    return counts
