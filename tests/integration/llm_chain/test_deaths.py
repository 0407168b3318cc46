"""Workers that die, sleep or meet while the language model is asked: each mail is decided once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import psycopg
import pytest

from shared.batch import Batch
from shared.errors import StaleClaim
from shared.status import Status
from tests.fakes.fused_store import FusedStore
from tests.fakes.language_model import FakeModel, verdict
from tests.fakes.mail_server import Fuse, PowerCut
from tests.integration.llm_chain.asker import Asker, deliver, mailbox

AskerFor = Callable[..., Asker]

MOST_TOUCHES = 40
DECIDED_TWICE = b"""
SELECT count(*) FROM (
    SELECT email_id FROM email_events WHERE what = 'status' AND was = 'uncertain' GROUP BY email_id HAVING count(*) > 1
) AS twice
"""


def decided_twice(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(DECIDED_TWICE).fetchone()
    return int(row[0]) if row else -1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_worker_that_dies_anywhere_loses_the_call_in_flight_only(
    after: bool, asker_for: AskerFor, database_url: str
) -> None:
    """For each touch: die there, let the next sync go on; each mail is filed once, one at most is asked about twice."""
    touches = 0
    while touches < MOST_TOUCHES:
        touches += 1
        server = mailbox()
        deliver(server, "one", "two", "three")
        asker = asker_for(server)
        fuse = Fuse(touches=touches, after=after)
        whole = asker.agent.store
        asker.agent.store = FusedStore(whole, fuse, "uncertain")
        with suppress(PowerCut):
            asker.sync()
        if fuse.seen < touches:
            break
        asker.agent.store = whole
        asker.agent.tick()
        asker.sync()

        assert {"Letters": ["one", "three", "two"]} == {k: v for k, v in server.census().items() if v}, touches
        assert len(asker.model.asked) <= 4, touches
    assert 8 < touches < MOST_TOUCHES
    assert 0 == decided_twice(database_url)


def test_a_worker_that_slept_past_its_lease_changes_nothing(asker_for: AskerFor) -> None:
    """While it was stopped another one decided; its own answer comes too late, and is dropped."""
    server = mailbox()
    deliver(server, "hello")
    asker = asker_for(server, FakeModel(says=lambda _email: verdict("bills")))
    asker.read_with_text()
    other = Asker(agent=asker.agent, model=FakeModel())

    def sleep() -> None:
        asker.agent.tick()
        other.ask()

    asker.model.meanwhile = sleep
    with pytest.raises(StaleClaim):
        asker.ask()

    assert ("letters", 1) == (asker.mail("hello").category, len(other.model.asked))


def test_a_mail_that_kills_every_worker_waits_for_a_person(asker_for: AskerFor) -> None:
    """After as many deaths as attempts nobody takes it any more; its neighbour was decided."""
    server = mailbox()
    deliver(server, "hello", "deadly")
    asker = asker_for(server)
    asker.read_with_text()

    def die() -> None:
        if asker.model.subjects[-1] == "deadly":
            raise PowerCut

    asker.model.meanwhile = die
    for _ in range(4):
        with suppress(PowerCut):
            asker.ask()
        asker.agent.tick()
    asker.ask()

    assert (Status.REVIEW, 3) == (asker.mail("deadly").status, asker.model.subjects.count("deadly"))
    assert "died" in (asker.mail("deadly").reason or "")
    assert Status.CLASSIFIED is asker.mail("hello").status


def test_a_dead_worker_s_mail_can_be_decided_by_a_person(asker_for: AskerFor) -> None:
    """The next sync ends the claim, whether or not the model is asked any more."""
    server = mailbox()
    deliver(server, "hello")
    asker = asker_for(server)
    asker.read_with_text()
    asker.model.meanwhile = lambda: (_ for _ in ()).throw(PowerCut)
    with suppress(PowerCut):
        asker.ask()
    asker.agent.tick()
    asker.agent.limits = replace(asker.agent.limits, asks_llm=False)
    asker.sync()

    assert asker.agent.store.reviews.keep(asker.mail("hello").email.id)


def test_two_at_once_never_ask_about_one_mail_twice(asker_for: AskerFor, database_url: str) -> None:
    """Each takes a slot and claims mail by mail; what the other has, it passes over."""
    server = mailbox()
    names = [f"m{number}" for number in range(12)]
    deliver(server, *names)
    asker = asker_for(server)
    asker.read_with_text()
    asker.agent.limits = replace(asker.agent.limits, llm_slots=2)
    both = threading.Barrier(2, timeout=30)
    met: list[bool] = []

    def meet() -> None:
        if len(met) < 2:  # both are at work at the same moment
            met.append(True)
            both.wait()

    asker.model.meanwhile = meet
    batch = asker.agent.batch()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _number: asker.ask(batch), range(2)))

    assert sorted(names) == sorted(asker.model.subjects)
    assert 0 == decided_twice(database_url)


def test_without_a_free_slot_a_call_answers_at_once(asker_for: AskerFor) -> None:
    """That is no error: the mail waits for a later call, and nobody is asked meanwhile."""
    server = mailbox()
    deliver(server, "hello", "howdy")
    asker = asker_for(server)
    asker.read_with_text()
    answers: list[Batch] = []
    batch = asker.agent.batch()
    asker.model.meanwhile = lambda: answers.append(asker.ask(batch)) if not answers else None
    asker.ask(batch)

    second = answers[0]
    assert ("llm busy", False, 2) == (second.outcome, second.more, len(asker.model.asked))
