"""The order of the calls of a sync in which a language model is asked."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.batch import Batch
from shared.chain.answers import Answer
from shared.chain.sync import Sync

RUN = uuid.UUID(int=1)
F, R, L, A = "fetch-batch", "classify-rules", "classify-llm", "apply-actions"


@dataclass
class FakeFunctions:
    """Answers each function from its own script; the last line answers for ever."""

    fetch: list[dict[str, Any]]
    llm: list[dict[str, Any]]
    rules: list[dict[str, Any]] = field(default_factory=lambda: [{}])
    apply: list[dict[str, Any]] = field(default_factory=lambda: [{"outcome": "done"}])
    calls: list[tuple[str, Batch]] = field(default_factory=list)

    def call(self, function: str, batch: Batch) -> Answer:
        self.calls.append((function, batch))
        script = {F: self.fetch, R: self.rules, A: self.apply, L: self.llm}[function]
        line = script.pop(0) if len(script) > 1 else script[0]
        return Answer(account=batch.account, run=batch.run, stage=function, **line)

    @property
    def order(self) -> list[str]:
        return [function for function, _ in self.calls]


@dataclass
class Clock:
    """Each look takes a second."""

    now: float = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def sync(functions: FakeFunctions, *, asks_for_s: float | None = None, **asked: Any) -> Sync:
    batch = Batch(account="work", run=RUN, **asked)
    return Sync(functions=functions, batch=batch, asks_for_s=asks_for_s, clock=Clock())


DOWN = {"state": "down", "detail": "no language model answers", "hint": "start Ollama", "waiting": 3}
NEWS = {"counts": {"fetched": 3, "to_classify": 3}}
UNDECIDED = {"counts": {"claimed": 3, "uncertain": 3, "to_ask": 3}}
IDLE = {"counts": {"uncertain": 3, "to_ask": 3}}
CLOSED = {"outcome": "llm down", "llm": DOWN, "decided_by": {}, "counts": {"fetched": 3, "uncertain": 3}}


def test_a_model_that_is_down_costs_one_call() -> None:
    """It closes the run itself; the sync is done, and says who waits and why."""
    functions = FakeFunctions(fetch=[NEWS], rules=[UNDECIDED], llm=[CLOSED])
    summary = sync(functions).run()

    assert [F, R, A, L] == functions.order
    assert [False, True] == [batch.final for function, batch in functions.calls if function in (A, L)]
    document = summary.as_json()
    assert ("done", DOWN, 3) == (document["outcome"], document["llm"], document["counts"]["uncertain"])
    assert "to_ask" not in document["counts"]


def test_nothing_to_ask_changes_nothing() -> None:
    """Where no mail waits, or nobody is asked, the calls are those without a model."""
    functions = FakeFunctions(fetch=[NEWS], rules=[{"counts": {"uncertain": 3, "to_ask": 0}}], llm=[{}])
    summary = sync(functions).run()

    assert ([F, R, A], None) == (functions.order, summary.llm)
    assert "llm" not in summary.as_json()


def test_what_a_slice_decided_is_filed_and_new_mail_goes_first() -> None:
    """Fetch, rules and apply come before each slice; the last apply closes the run."""
    functions = FakeFunctions(
        fetch=[IDLE, {"counts": {"fetched": 1, "to_classify": 1, "to_ask": 2}}, {"counts": {"to_ask": 0}}],
        rules=[{"counts": {"classified": 1, "to_ask": 2}}],
        llm=[
            {"counts": {"classified": 1, "to_ask": 2}, "more": True},
            {"counts": {"classified": 2, "to_ask": 0}},
        ],
    )
    work = sync(functions)
    work.run()

    assert [F, A, L, F, R, A, L, F, A] == functions.order
    assert functions.calls[-1][1].final
    assert 4 == work.totals["classified"]


def test_texts_come_before_the_questions() -> None:
    """A slice that wished for texts is followed by a fetch, and then by the questions."""
    functions = FakeFunctions(
        fetch=[IDLE, {"counts": {"parts": 3, "to_ask": 3}}],
        llm=[{"counts": {"wanted": 3, "to_ask": 0}}, CLOSED],
    )
    sync(functions).run()

    assert [F, A, L, F, A, L] == functions.order


def test_with_a_limit_only_the_texts_are_fetched() -> None:
    """Once as much new mail was read as was asked for, no more is read beside what the model needs."""
    functions = FakeFunctions(
        fetch=[{"counts": {"fetched": 5, "to_ask": 5}, "more": True}, {"counts": {"parts": 5, "to_ask": 5}}],
        llm=[
            {"counts": {"wanted": 5, "to_ask": 0}},
            {"counts": {"classified": 5, "to_ask": 0}},
        ],
    )
    sync(functions, limit=5).run()

    assert [F, A, L, F, A, L, A] == functions.order
    assert [5, 5] == [batch.limit for function, batch in functions.calls if function == F]
    assert {None} == {batch.limit for function, batch in functions.calls if function == L}


def test_a_model_that_goes_down_in_between_is_not_asked_again() -> None:
    """What it decided before is filed by the call that closes the run."""
    trouble = {"counts": {"classified": 1, "to_ask": 2}, "outcome": "llm down", "llm": DOWN}
    functions = FakeFunctions(fetch=[IDLE], llm=[trouble])
    summary = sync(functions).run()

    assert ([F, A, L, F, A], DOWN) == (functions.order, summary.llm)
    assert functions.calls[-1][1].final


def test_a_dry_run_ends_with_the_plan() -> None:
    """classify-llm does not close it: the plan is still to come."""
    functions = FakeFunctions(
        fetch=[IDLE],
        llm=[{"outcome": "llm down", "llm": DOWN}],
        apply=[{"outcome": "done", "plan": [{"mails": 2}]}],
    )
    summary = sync(functions, dry_run=True).run()

    assert ([{"mails": 2}], DOWN) == (summary.plan, summary.llm)
    assert not any(batch.final for function, batch in functions.calls if function == L)


@pytest.mark.parametrize(
    ("asks_for_s", "slices", "told"),
    [(0.0, 0, None), (1.0, 1, "waiting"), (2.0, 2, "waiting"), (None, 3, None)],
)
def test_time_for_the_model_is_bounded(asks_for_s: float | None, slices: int, told: str | None) -> None:
    """No slice is begun when its time is over; who still waits is told, unless nobody was to be asked."""
    script = [{"counts": {"classified": 1, "to_ask": left}, "more": True} for left in (2, 1, 0)]
    functions = FakeFunctions(
        fetch=[IDLE, *({"counts": {"to_ask": left}} for left in (2, 1, 0))],
        llm=script,  # type: ignore[arg-type]
    )
    summary = sync(functions, asks_for_s=asks_for_s).run()

    assert (slices, told) == (functions.order.count(L), (summary.llm or {}).get("state"))
    assert functions.calls[-1][1].final


@pytest.mark.parametrize("outcome", ["held", "paused"])
def test_a_stop_comes_before_the_model(outcome: str) -> None:
    """Where mail is held, or its owner paused it, nobody is asked."""
    functions = FakeFunctions(fetch=[IDLE], llm=[{}], apply=[{"outcome": outcome}])

    assert outcome == sync(functions).run().outcome
    assert L not in functions.order


def test_review_is_no_waiting_for_the_model() -> None:
    """What it was unsure of waits for a person: the run is closed, and nobody is said to wait."""
    closed = {"outcome": "done", "decided_by": {}, "counts": {"review": 3}}
    summary = sync(FakeFunctions(fetch=[IDLE], llm=[closed])).run()

    assert ("done", None, 3) == (summary.outcome, summary.llm, summary.as_json()["counts"]["review"])
