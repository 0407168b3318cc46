"""classify-llm: ask the local LLM about uncertain mail. Not built yet: mail stays `uncertain`, the answer says so."""

from shared.batch import Batch
from shared.pipeline.limits import Limits
from shared.pipeline.ports import Store


def classify_llm(batch: Batch, *, store: Store, limits: Limits) -> Batch:
    """Leave every mail as it is; counts say how many wait (`uncertain`), the outcome that no model is there."""
    account = store.accounts.get(batch.account)
    waiting = store.emails.waiting(account.id)
    return batch.answer("classify-llm", {"uncertain": waiting["uncertain"]}, outcome="no model")
