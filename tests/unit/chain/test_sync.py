"""The order of the calls of one sync."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.batch import Batch
from shared.chain.answers import Answer
from shared.chain.sync import Sync
from shared.errors import DatabaseDown

RUN = uuid.UUID(int=1)


@dataclass
class FakeFunctions:
    """Answers each function from its own script; the last line answers for ever."""

    fetch: list[dict[str, Any]]
    rules: list[dict[str, Any]] = field(default_factory=lambda: [{}])
    apply: list[dict[str, Any]] = field(default_factory=lambda: [{"outcome": "done"}])
    calls: list[tuple[str, Batch]] = field(default_factory=list)

    def call(self, function: str, batch: Batch) -> Answer:
        self.calls.append((function, batch))
        script = {"fetch-batch": self.fetch, "classify-rules": self.rules, "apply-actions": self.apply}[function]
        line = script.pop(0) if len(script) > 1 else script[0]
        if line is None:
            raise DatabaseDown
        return Answer(account=batch.account, run=batch.run, stage=function, **line)

    @property
    def order(self) -> list[str]:
        return [function for function, _ in self.calls]

    @property
    def finals(self) -> list[bool]:
        return [batch.final for _, batch in self.calls]


def sync(functions: FakeFunctions, **asked: Any) -> Sync:
    return Sync(functions=functions, batch=Batch(account="work", run=RUN, **asked))


NEWS = {"counts": {"fetched": 2, "to_classify": 2}}


def test_idle_sync_is_one_call() -> None:
    """With nothing new and nothing pending the fetch call closes the run."""
    functions = FakeFunctions(fetch=[{"outcome": "done", "counts": {"fetched": 0, "uncertain": 7}}])

    summary = sync(functions).run()

    assert (["fetch-batch"], [True]) == (functions.order, functions.finals)
    assert ("done", 0) == (summary.outcome, summary.as_json()["counts"]["uncertain"])


def test_new_mail_is_fetched_classified_and_filed() -> None:
    """Three calls sort what one fetch can hold; the last closes the run."""
    functions = FakeFunctions(fetch=[NEWS])

    sync(functions).run()

    assert ["fetch-batch", "classify-rules", "apply-actions"] == functions.order
    assert functions.finals[-1]


def test_every_stage_is_called_until_it_has_no_more() -> None:
    """`more` is followed stage by stage, new mail first applied, then the next fetched."""
    functions = FakeFunctions(
        fetch=[NEWS | {"more": True}, NEWS], rules=[{"more": True}, {}], apply=[{"more": True}, {"outcome": "done"}]
    )

    sync(functions).run()

    f, r, a = "fetch-batch", "classify-rules", "apply-actions"
    assert [f, r, r, a, a, f, r, a] == functions.order
    assert [True, False, False, False, False, False, False, True] == functions.finals


def test_limit_bounds_the_whole_sync() -> None:
    """What one fetch has read is not asked for again by the next."""
    functions = FakeFunctions(fetch=[{"counts": {"fetched": 2, "known": 1, "to_classify": 2}, "more": True}])

    sync(functions, limit=5).run()

    assert [5, 2] == [batch.limit for function, batch in functions.calls if function == "fetch-batch"]


def test_dry_run_ends_with_the_plan() -> None:
    """A dry run asks apply-actions for its plan even when nothing is new."""
    functions = FakeFunctions(fetch=[{"counts": {}}], apply=[{"outcome": "done", "plan": [{"mails": 3}]}])

    summary = sync(functions, dry_run=True).run()

    assert ([{"mails": 3}], True) == (summary.plan, summary.as_json()["dry_run"])
    assert all(batch.dry_run for _, batch in functions.calls)


def test_confirmation_reaches_apply_once() -> None:
    """The held run is named to apply-actions in its first call, and to nobody else."""
    held = uuid.UUID(int=9)
    functions = FakeFunctions(fetch=[{"counts": {}}], apply=[{"more": True}, {"outcome": "done"}])

    sync(functions, confirm=held).run()

    assert [None, held, None] == [batch.confirm for _, batch in functions.calls]


@pytest.mark.parametrize("outcome", ["held", "paused"])
def test_a_stop_ends_the_sync(outcome: str) -> None:
    """A held or paused account is not read on."""
    functions = FakeFunctions(fetch=[NEWS | {"more": True}], apply=[{"outcome": outcome}])

    assert outcome == sync(functions).run().outcome
    assert "apply-actions" == functions.order[-1]


def test_paused_account_is_one_call() -> None:
    """A pause is told by the first function, and nothing else is called."""
    functions = FakeFunctions(fetch=[{"outcome": "paused"}])

    assert "paused" == sync(functions).run().outcome
    assert ["fetch-batch"] == functions.order


def test_the_run_s_own_totals_win() -> None:
    """The last call's counts are of the whole run, and are not added to what the chain saw."""
    whole = {"counts": {"fetched": 2, "applied": 2}, "decided_by": {"rule:a": 2}, "outcome": "done", "imap_commands": 4}
    functions = FakeFunctions(fetch=[NEWS | {"imap_commands": 3}], apply=[whole])

    document = sync(functions).run().as_json()

    assert (2, {"rule:a": 2}, 7) == (document["counts"]["applied"], document["decided_by"], document["imap_commands"])
    assert "to_classify" not in document["counts"]


def test_undo_is_called_until_all_is_back() -> None:
    """An undo repeats its call until nothing more is to be taken back."""
    functions = FakeFunctions(fetch=[], apply=[{"more": True, "counts": {"kept": 1}}, {"counts": {"kept": 2}}])

    summary = sync(functions).undo(uuid.UUID(int=9))

    assert ([uuid.UUID(int=9)] * 2, 3) == ([batch.undo for _, batch in functions.calls], summary.counts["kept"])


def test_an_outage_that_does_not_end_is_told() -> None:
    """The client's last error ends the sync."""
    functions = FakeFunctions(fetch=[NEWS], rules=[None])  # type: ignore[list-item]

    with pytest.raises(DatabaseDown):
        sync(functions).run()


def test_what_is_not_as_usual_reaches_the_summary() -> None:
    """What the cap left and which mailboxes are missing is told once, though several calls say it."""
    rest = {"outcome": "done", "decided_by": {}, "counts": {"applied": 2, "capped": 312}}
    functions = FakeFunctions(
        fetch=[NEWS | {"counts": {"fetched": 2, "to_classify": 2, "missing_mailboxes": 2}}],
        apply=[{"more": True, "counts": {"missing_mailboxes": 1, "capped": 312}}, rest],
    )

    counts = sync(functions).run().as_json()["counts"]

    assert (2, 312) == (counts["missing_mailboxes"], counts["capped"])


def test_what_an_undo_left_alone_adds_up() -> None:
    """The last call of an undo says what it left alone; the summary says what all of them did."""
    last = {"decided_by": {}, "counts": {"left_alone": 2}}
    functions = FakeFunctions(fetch=[], apply=[{"more": True, "counts": {"left_alone": 1}}, last])

    assert 3 == sync(functions).undo(uuid.UUID(int=9)).as_json()["counts"]["left_alone"]


def test_a_failed_sync_says_what_it_did_until_then() -> None:
    """What was read before an outage is recorded, and is in the summary beside the error."""
    work = sync(FakeFunctions(fetch=[NEWS], rules=[None]))  # type: ignore[list-item]
    with pytest.raises(DatabaseDown) as caught:
        work.run()

    document = work.failed(caught.value).as_json()

    assert ("failed", 2, "DatabaseDown") == (
        document["outcome"],
        document["counts"]["fetched"],
        document["error"]["error"],
    )


def test_parts_are_fetched_before_mail_is_filed() -> None:
    """What decisions hang on is fetched and decided, as often as that leads to new wishes; then comes filing."""
    wanted = [{"counts": {"wanted": 2}}, {"counts": {"wanted": 1}}, {"counts": {"wanted": 0}}]
    functions = FakeFunctions(fetch=[NEWS, {"counts": {"parts": 2, "to_classify": 2}}], rules=wanted)

    sync(functions).run()

    f, r, a = "fetch-batch", "classify-rules", "apply-actions"
    assert [f, r, f, r, f, r, a] == functions.order
    assert [None, 2, 1] == [batch.limit for function, batch in functions.calls if function == f]
    assert functions.finals == [True, False, False, False, False, False, True]


def test_parts_that_were_left_waiting_are_fetched_without_new_mail() -> None:
    """A wish that outlived its sync is fulfilled by the next, also where nothing is left to classify."""
    functions = FakeFunctions(fetch=[{"counts": {"wanted": 3}}, {"counts": {"parts": 3, "to_classify": 3}}])

    sync(functions).run()

    assert ["fetch-batch", "fetch-batch", "classify-rules", "apply-actions"] == functions.order


def test_parts_do_not_count_as_mail_that_was_read() -> None:
    """`limit` bounds new mail; a fetch for parts asks for as many as are wanted."""
    functions = FakeFunctions(
        fetch=[
            {"counts": {"fetched": 2, "to_classify": 2}, "more": True},
            {"counts": {"parts": 2, "to_classify": 2}, "more": True},
            {"counts": {"fetched": 1, "to_classify": 1}, "more": True},
        ],
        rules=[{"counts": {"wanted": 2}}, {}],
    )

    summary = sync(functions, limit=3).run()

    assert [3, 2, 1] == [batch.limit for function, batch in functions.calls if function == "fetch-batch"]
    assert "wanted" not in summary.counts


def test_a_sync_stops_between_two_calls() -> None:
    """Once it shall stop no function is called any more; what was done is told, and the run is left open."""
    functions = FakeFunctions(fetch=[NEWS])
    work = sync(functions, limit=5)
    work.stop = lambda: len(functions.calls) == 2

    summary = work.run()

    assert (["fetch-batch", "classify-rules"], "stopped") == (functions.order, summary.outcome)
    assert (2, None) == (summary.counts["fetched"], summary.error)
    assert not any(functions.finals[1:])
