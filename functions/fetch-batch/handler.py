"""fetch-batch: copy new mail of an account's mailboxes into the store (nothing -> fetched)."""

from flask.typing import ResponseReturnValue

from shared.batch import Batch
from shared.pipeline.fetch_batch import fetch_batch
from shared.web import create_app, json_body, reply
from shared.wiring import wiring

app = create_app("fetch-batch")


@app.post("/")
def handle() -> ResponseReturnValue:
    """Answer one call."""
    batch = Batch.from_json(json_body())
    root = wiring()
    return reply(fetch_batch(batch, store=root.store, open_mailbox=root.open_mailbox, limits=root.limits))
