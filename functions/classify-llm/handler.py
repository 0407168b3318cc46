"""classify-llm: ask the language model about mail that no rule decides (uncertain -> classified | review)."""

from datetime import UTC, datetime

from flask.typing import ResponseReturnValue

from shared.batch import Batch
from shared.pipeline.classify_llm import classify_llm
from shared.web import create_app, json_body, reply
from shared.wiring import wiring

app = create_app("classify-llm")


@app.post("/")
def handle() -> ResponseReturnValue:
    """Answer one call."""
    batch = Batch.from_json(json_body())
    root, now = wiring(), lambda: datetime.now(UTC)
    return reply(classify_llm(batch, store=root.store, model=root.language_model, limits=root.limits, now=now))
