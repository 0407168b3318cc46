"""Mailboxes and mails that vanish, targets that cannot be, moves that are refused, a mail of 60 MB."""

import hashlib
import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from shared.records import Mode
from tests.fixtures.agent import Agent
from tests.fixtures.messages import date_of, mail
from tests.integration.bad_input.conftest import LETTERS, RULES, Scene

ROOT = Path(__file__).parents[3]
BIG_BYTES = 60 * 1024 * 1024
MOST_MEMORY_BYTES = 150 * 1024 * 1024
UNDECIDED = {"uncertain": 1, "filing:none": 1}
"""The friend's mail, of which the rules say nothing."""


def states(agent: Agent) -> dict[str, int]:
    [state] = agent.store.accounts.states()
    return dict(state.counts)


def decided(agent: Agent) -> None:
    batch = agent.batch()
    agent.fetch(batch)
    agent.classify(batch)
    agent.store.runs.close(batch.run, "done")


def test_a_listed_mailbox_that_is_not_there(scene: Scene) -> None:
    """It is told, and does not stop the others."""
    agent = scene.agent(mailboxes=("Gone", "INBOX"))
    answer = agent.fetch(batch := agent.batch())
    [state] = agent.store.accounts.states()

    assert (1, LETTERS + 1) == (answer.counts["missing_mailboxes"], answer.counts["fetched"])
    assert "'Gone'" in (state.last_error or "")
    agent.store.runs.close(batch.run, "done")
    scene.assert_filed(agent)


def test_a_mailbox_that_vanishes_between_fetch_and_apply(scene: Scene) -> None:
    """Mail that waits there is not lost sight of; what waits elsewhere is filed."""
    scene.user.deliver("Lists", mail(5, sender="Letters <letters@news.example>"), "", date_of(5))
    agent = scene.agent(mailboxes=("Lists", "INBOX"))
    decided(agent)
    scene.user.doveadm("mailbox", "delete", "-u", scene.user.user, "Lists")
    summary = agent.sync()

    assert (LETTERS, 0) == (summary.counts["applied"], summary.counts["failed"])
    assert {"INBOX": 1, "News": LETTERS} == scene.places()


def test_a_mail_that_vanishes_between_fetch_and_apply(scene: Scene) -> None:
    """Only it is noted as vanished; its neighbour is moved, nobody else's UID is touched."""
    agent = scene.agent()
    decided(agent)
    scene.user.doveadm("expunge", "-u", scene.user.user, "mailbox", "INBOX", "uid", "1")
    summary = agent.sync()

    assert (1, 1) == (summary.counts["applied"], summary.counts["vanished"])
    assert {2: 1} == dict(scene.proxy.moved_uids())
    assert {"INBOX": 1, "News": 1} == scene.places()


def test_a_mail_that_vanishes_right_before_its_move(scene: Scene) -> None:
    """Gone after we looked, so the server refuses the whole move: it is not called moved, its neighbour goes later."""
    agent = scene.agent()

    def expunge() -> None:
        scene.user.doveadm("expunge", "-u", scene.user.user, "mailbox", "INBOX", "uid", "1")

    scene.proxy.on("UID MOVE", when="before-send", do=expunge)
    agent.sync()
    agent.tick()
    agent.sync()

    assert UNDECIDED | {"classified": LETTERS, "filing:applied": 1, "filing:unclear": 1} == states(agent)
    assert {"INBOX": 1, "News": 1} == scene.places()


@pytest.mark.parametrize("name", ["~root", "../up"])
def test_a_target_that_the_server_does_not_create(name: str, scene: Scene) -> None:
    """A name Dovecot refuses: the mail stays, with the server's words as the reason."""
    agent = scene.agent(RULES.replace("News", json.dumps(name)))
    summary = agent.sync()

    assert (0, LETTERS, 0) == (summary.counts["applied"], summary.counts["kept"], summary.counts["failed"])
    scene.assert_nothing_happened()


@pytest.mark.parametrize("answer", [b"NO [CANNOT] Not here", b"NO [NOPERM] Not yours", b"BAD I do not like that name"])
def test_a_target_whose_creation_is_refused(answer: bytes, scene: Scene) -> None:
    """Whatever the server calls it, nothing moves and the reason is written down."""
    agent = scene.agent()
    scene.proxy.on("CREATE", when="before-send", do=answer)
    summary = agent.sync()
    history = agent.store.emails.get("<1@mail.example>")

    assert (0, LETTERS) == (summary.counts["applied"], summary.counts["kept"])
    assert any("cannot be created" in (action.error or "") for action in history.actions)
    scene.assert_nothing_happened()


@pytest.mark.parametrize("answer", [b"NO [OVERQUOTA] Full", b"NO [LIMIT] Enough", b"NO [NOPERM] Not yours"])
def test_a_move_that_is_refused_each_time(answer: bytes, scene: Scene) -> None:
    """The mail stays and is tried again later and later; with its attempts used up it is given up, and reported."""
    agent = scene.agent()
    scene.proxy.on("UID MOVE", when="before-send", do=answer, nth=0)
    agent.sync()
    assert 1 == scene.proxy.counts["UID MOVE"]
    agent.sync()
    assert 1 == scene.proxy.counts["UID MOVE"]
    for _ in range(2):
        agent.tick(hours=3)
        agent.sync()
    agent.tick(hours=3)
    summary = agent.sync()

    assert (0, LETTERS) == (summary.counts["applied"], summary.counts["failed"])
    assert UNDECIDED | {"classified": LETTERS, "filing:failed": LETTERS} == states(agent)
    scene.assert_nothing_happened()


def test_one_mail_that_is_refused_takes_no_neighbour_down(scene: Scene) -> None:
    """A server refuses a whole MOVE for one mail: tried alone in the end, the others go through."""
    agent = scene.agent()
    scene.proxy.on("UID MOVE", when="before-send", do=b"NO [CANNOT] One of them", nth=1)
    scene.proxy.on("UID MOVE", when="before-send", do=b"NO [CANNOT] One of them", nth=2)
    scene.proxy.on("UID MOVE", when="before-send", do=b"NO [CANNOT] This one", nth=3)
    for _ in range(4):
        agent.sync()
        agent.tick(hours=3)

    assert UNDECIDED | {"classified": LETTERS, "filing:failed": 1, "filing:applied": 1} == states(agent)
    assert {"INBOX": 2, "News": 1} == scene.places()


def test_a_mail_of_60_megabytes(scene: Scene, database_url: str) -> None:
    """It is filed like any other, byte for byte, in a process that never held it."""
    big = mail(7, sender="Letters <letters@news.example>", body="A line of a very long letter.\n" * (BIG_BYTES // 31))
    assert len(big) >= BIG_BYTES - 100
    scene.user.deliver("INBOX", big, "", date_of(7))
    agent = scene.agent()
    account = agent.store.accounts.get(agent.account)
    agent.store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=10)
    order = {"url": database_url, "account": agent.account, "password": scene.user.password, "point": "-"}
    command = [sys.executable, "-m", "tests.faults.worker", json.dumps(order)]
    subprocess.run(
        command, cwd=ROOT, check=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES)),
    )  # fmt: skip

    assert {"INBOX": 1, "News": LETTERS + 1} == scene.places()
    assert hashlib.sha256(big).hexdigest() in {digest for digest, _ in scene.user.census()["News"]}
    assert scene.proxy.bytes_to_client < 1024 * 1024
