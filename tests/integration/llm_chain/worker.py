"""A worker in a process of its own, to be killed or stopped: `python -m tests.integration.llm_chain.worker '{…}'`.

It asks about one slice, and prints what came of it, or the name of its error.
"""

import datetime as dt
import json
import sys

from shared.batch import Batch
from shared.errors import EmailAgentError
from shared.llm.classifier import Classifier
from shared.llm.ollama import OllamaSettings
from shared.pipeline.classify_llm import classify_llm
from shared.pipeline.limits import Limits
from shared.rules.load import load_rules
from shared.store import open_store


def main() -> None:
    order = json.loads(sys.argv[1])
    limits = Limits(asks_llm=True, llm_timeout_s=60.0)
    model = Classifier.at(OllamaSettings(url=order["ollama"], model="tiny"))
    with open_store(order["url"], parse=load_rules) as store:
        try:
            batch = Batch(account=order["account"])
            done = classify_llm(batch, store=store, model=model, limits=limits, now=lambda: dt.datetime.now(dt.UTC))
            said = json.dumps(done.counts)
        except EmailAgentError as error:
            said = type(error).__name__
    sys.stdout.write(said)


if __name__ == "__main__":
    main()
