"""classify-rules: decide fetched mail by the active rules (fetched -> classified | uncertain | failed)."""

from datetime import UTC, datetime

from flask.typing import ResponseReturnValue

from shared.batch import Batch
from shared.pipeline.classify_rules import classify_rules
from shared.web import create_app, json_body, reply
from shared.wiring import wiring

app = create_app("classify-rules")


@app.post("/")
def handle() -> ResponseReturnValue:
    """Answer one call."""
    batch = Batch.from_json(json_body())
    root = wiring()
    return reply(classify_rules(batch, store=root.store, limits=root.limits, now=lambda: datetime.now(UTC)))
