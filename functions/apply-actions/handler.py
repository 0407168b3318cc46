"""apply-actions: file decided mail in its mailbox, or take that back (pending -> applying -> applied)."""

from flask.typing import ResponseReturnValue

from shared.batch import Batch
from shared.pipeline.apply_actions import apply_actions
from shared.web import create_app, json_body, reply
from shared.wiring import wiring

app = create_app("apply-actions")


@app.post("/")
def handle() -> ResponseReturnValue:
    """Answer one call."""
    batch = Batch.from_json(json_body())
    root = wiring()
    return reply(apply_actions(batch, store=root.store, open_mailbox=root.open_mailbox, limits=root.limits))
