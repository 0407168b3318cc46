"""All of the test mail, if it is there, through the whole chain: none is lost, doubled or left without a status.

TEST_MAIL_DIR holds archives that are no part of the project; all 7,929 mails take well under a minute.
"""

import os
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from shared.batch import Batch
from shared.chain.answers import Answer, Summary
from shared.chain.sync import Sync
from shared.pipeline.limits import Limits
from shared.records import Mode
from tests.fixtures.agent import Agent
from tests.fixtures.dovecot import DovecotUser

pytestmark = pytest.mark.dovecot

TEST_MAIL = Path(os.environ.get("TEST_MAIL_DIR", Path(__file__).parents[4] / "shared" / "data"))
ARCHIVES = (
    "dev_enron_categories",
    "dev_enron_reconstructed",
    "dev_mime_torture",
    "dev_spamassassin",
    "dev_synthetic_multilingual",
    "dev_torture_generated",
)
PATIENT = Limits(imap_timeout_s=60.0, claim_timeout_s=300.0)
RULES = """
version: 1
rules:
  - name: lists
    when: {list-id: {exists: true}}
    then: [{move: Lists}]
  - name: documents
    when: {attachment: true}
    then: [{keyword: $Document}, {move: Documents}]
  - name: money
    when: {body: {matches: '(invoice|payment|price|€|\\$ ?[0-9])'}}
    then: [{move: Money}]
  - name: questions
    when: {all: [{subject: {contains: "?"}}, {not: {body: {contains: unsubscribe}}}]}
    then: [flag]
"""
COUNT_STATES = """
SELECT status::text, filing::text, count(*), count(wanted_parts), count(excerpt) FROM emails GROUP BY status, filing
"""


def messages() -> Iterator[bytes]:
    for name in ARCHIVES:
        path = TEST_MAIL / f"{name}.tar.xz"
        if not path.exists():
            pytest.skip(f"the test mail is not here: {path.name} (TEST_MAIL_DIR)")
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() and not member.name.endswith(".json") else None
                if file is not None:
                    yield file.read()


class Functions:
    """The functions, called as the chain calls them, without HTTP."""

    def __init__(self, agent: Agent) -> None:
        self.doors = {"fetch-batch": agent.fetch, "classify-rules": agent.classify, "apply-actions": agent.apply}

    def call(self, function: str, batch: Batch) -> Answer:
        return Answer.from_json(self.doors[function](batch).as_json())


def sync(agent: Agent) -> Summary:
    return Sync(functions=Functions(agent), batch=agent.batch()).run()


def digests(user: DovecotUser) -> Counter[str]:
    return Counter(digest for mails in user.census().values() for digest, _ in mails)


def test_every_mail_is_sorted_once(dovecot: DovecotUser, real_agent: Callable[..., Agent], database_url: str) -> None:
    """The sum over all states is the number of mails, and every SHA-256 is there as often as it was delivered."""
    for message in messages():
        dovecot.deliver("INBOX", message)
    before = digests(dovecot)
    agent = real_agent(dovecot, RULES, mode=Mode.OBSERVE, limits=PATIENT, max_actions_per_hour=100_000)
    observed = sync(agent)
    assert (before, "done") == (digests(dovecot), observed.outcome)
    account = agent.store.accounts.get(agent.account)
    agent.store.accounts.set_mode(account.id, Mode.APPLY, approve="all")
    applied = sync(agent)

    with psycopg.connect(database_url) as connection:
        states = {(status, filing): numbers for status, filing, *numbers in connection.execute(COUNT_STATES)}
    assert before == digests(dovecot)
    assert before.total() == sum(mails for mails, _, _ in states.values())
    assert {("classified", "applied"), ("uncertain", "none")} == states.keys()
    assert 0 == sum(wanted for _, wanted, _ in states.values())
    assert 0 == states["classified", "applied"][2]
    assert (applied.counts["applied"], "done") == (states["classified", "applied"][0], applied.outcome)
    assert {"Documents", "Lists", "Money"} == applied.targets.keys()
