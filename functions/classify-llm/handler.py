"""classify-llm: leave what the rules could not decide where it is (uncertain -> uncertain), until a model is there."""

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
    root = wiring()
    return reply(classify_llm(batch, store=root.store, limits=root.limits))
