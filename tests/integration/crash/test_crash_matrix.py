"""A worker killed, cut off or stalled at every point of a move or a copy, on a real Dovecot and a real PostgreSQL.

Counted on the server: SHA-256 of the maildir files, with their flags, before and after the next syncs.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.errors import EmailAgentError, LeaseHeld
from shared.records import Mode
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.messages import date_of, mail

ROOT = Path(__file__).parents[3]
DEATH_TIMEOUT_S = 30

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{keyword: $News}, %s]
"""
MOVED, COPIED, BOTH = "{move: News}", "{copy: News}", "{copy: Reading}, {move: News}"

SIZES = [1, 500]
LOG_POINTS = {
    "MOVE": ["planned", "sent", "done"],
    "COPY": ["planned", "sent", "copied", "expunge_sent", "done"],
    "copy": ["planned", "sent", "done_source_left"],
    "copy, MOVE": ["planned", "sent", "done_source_left, sent", "done"],
}
"""The commands of a move; in small letters the action copy."""
WIRE_POINTS = {
    "MOVE": [("UID MOVE", when) for when in ("before-send", "after-last-byte", "before-tagged", "after-tagged")],
    "COPY": [
        (name, when)
        for name in ("UID COPY", "UID STORE", "UID EXPUNGE")
        for when in ("before-send", "after-last-byte", "before-tagged", "after-tagged")
    ],
    "copy": [("UID COPY", when) for when in ("before-send", "after-last-byte", "before-tagged", "after-tagged")],
    "copy, MOVE": [("UID COPY", when) for when in ("before-send", "after-last-byte", "before-tagged", "after-tagged")],
}
WAYS = {"MOVE": (), "COPY": ("MOVE",), "copy": (), "copy, MOVE": ()}
MOVES = ("MOVE", "COPY")
THEN = {"MOVE": MOVED, "COPY": MOVED, "copy": COPIED, "copy, MOVE": BOTH}
WIRE_CASES = [(way, name, when) for way, points in WIRE_POINTS.items() for name, when in points]


def letter(number: int) -> bytes:
    return mail(number, sender="Letters <letters@news.example>")


def friend(number: int) -> bytes:
    return mail(number, sender="A friend <friend@friends.example>")


def sha(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


@dataclass
class Scene:
    """A mailbox with letters to move or to copy and one mail to leave, seen through a proxy."""

    way: str
    user: DovecotUser
    proxy: WireProxy
    agent: Agent
    url: str
    size: int

    def seed(self) -> None:
        self.user.deliver("News", letter(1), "S", date_of(1))  # an identical twin that was there before
        for number in range(1, self.size + 1):
            self.user.deliver("INBOX", letter(number), "F" if number % 2 else "", date_of(number))
        self.user.deliver("INBOX", friend(9999), "", date_of(1))

    def expected(self) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        news = [(sha(letter(n)), ("F", "$News") if n % 2 else ("$News",)) for n in range(1, self.size + 1)]
        inbox = [(sha(friend(9999)), ()), *(news if self.way == "copy" else ())]
        found = {"INBOX": sorted(inbox), "News": sorted([(sha(letter(1)), ("S",)), *news])}
        return found | {"Reading": sorted(news)} if self.way == "copy, MOVE" else found

    def census(self) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        return {name: mails for name, mails in self.user.census().items() if mails}

    def recover(self) -> None:
        """Let the leases run out, then sync twice as the next worker does."""
        self.proxy.clear_faults()
        self.agent.tick()
        self.agent.sync()
        self.agent.sync()

    def start_worker(self, **order: Any) -> "subprocess.Popen[bytes]":
        order |= {"url": self.url, "account": self.agent.account, "password": self.user.password}
        return subprocess.Popen([sys.executable, "-m", "tests.faults.worker", json.dumps(order)], cwd=ROOT)


@pytest.fixture
def scene_of(
    dovecot: DovecotUser, database_url: str, real_agent: Callable[..., Agent]
) -> Iterator[Callable[[str, int], Scene]]:
    proxies = []

    def make(way: str, size: int) -> Scene:
        proxy = WireProxy(upstream=(dovecot.host, dovecot.port), mask=WAYS[way])
        proxies.append(proxy.__enter__())
        agent = real_agent(dovecot, RULES % THEN[way], proxy=proxy)
        scene = Scene(way=way, user=dovecot, proxy=proxy, agent=agent, url=database_url, size=size)
        scene.seed()
        approve_everything(agent)
        return scene

    yield make
    for proxy in proxies:
        proxy.__exit__()


def approve_everything(agent: Agent) -> None:
    account = agent.store.accounts.get(agent.account)
    agent.store.accounts.set_mode(account.id, Mode.APPLY, approve="all", at_least=10_000)


def killed(worker: "subprocess.Popen[bytes]") -> bool:
    return worker.wait(DEATH_TIMEOUT_S) == -signal.SIGKILL


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("way", "point"), [(way, point) for way, points in LOG_POINTS.items() for point in points])
def test_a_worker_killed_after_a_commit(way: str, point: str, size: int, scene_of: Callable[[str, int], Scene]) -> None:
    """Killed right after the log says planned, sent, copied, expunge_sent or done: the next sync files each once."""

    scene = scene_of(way, size)

    assert killed(scene.start_worker(point=point))
    scene.recover()

    assert scene.expected() == scene.census()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("way", "name", "when"), WIRE_CASES)
def test_a_worker_killed_on_the_wire(
    way: str, name: str, when: Any, size: int, scene_of: Callable[[str, int], Scene]
) -> None:
    """Killed before the first byte, after the last byte, before and after the tagged OK of each command of a move."""

    scene = scene_of(way, size)
    workers: list[subprocess.Popen[bytes]] = []
    nth = 2 if name == "UID STORE" else 1  # the first STORE sets the keyword, the second \Deleted
    scene.proxy.on(name, when=when, do=lambda: os.kill(workers[0].pid, signal.SIGKILL), nth=nth)
    workers.append(scene.start_worker(point="-"))

    assert killed(workers[0])
    settle(scene)
    scene.recover()

    assert scene.expected() == scene.census()


@pytest.mark.parametrize("do", ["cut", "stall"])
@pytest.mark.parametrize(("way", "name", "when"), WIRE_CASES)
def test_a_connection_that_breaks_or_falls_silent(
    way: str, name: str, when: Any, do: Any, scene_of: Callable[[str, int], Scene]
) -> None:
    """Cut or stalled at the same points: nothing is blindly repeated, the next sync repairs it.

    Where the answer got lost the call fails, and until its lease is over nobody works on the account.
    """

    scene = scene_of(way, 3)
    scene.proxy.on(name, when=when, do=do, nth=2 if name == "UID STORE" else 1)

    if (way, name, when) in {("MOVE", "UID MOVE", "after-tagged"), ("copy", "UID COPY", "after-tagged")}:
        scene.agent.sync()  # all was heard: nothing is left to say but LOGOUT
    else:
        with pytest.raises(EmailAgentError):
            scene.agent.sync()
        with pytest.raises(LeaseHeld):
            scene.agent.sync()
    settle(scene)
    scene.recover()

    assert scene.expected() == scene.census()


def settle(scene: Scene) -> None:
    """Wait until the server has finished with what it was told before the client went away."""
    before, after = None, {}
    while before != after:
        before = after
        time.sleep(0.2)
        with suppress(FileNotFoundError):  # a file that is just being moved
            after = scene.census()


def test_the_server_moved_and_we_never_heard(scene_of: Callable[[str, int], Scene]) -> None:
    """The whole command reached the server, its answer never reached us: found done, no second move."""

    scene = scene_of("MOVE", 3)
    scene.proxy.on("UID MOVE", when="after-last-byte", do="cut")

    with pytest.raises(EmailAgentError):
        scene.agent.sync()
    settle(scene)
    assert scene.expected() == scene.census()
    scene.recover()

    assert scene.expected() == scene.census()
    assert 1 == max(scene.proxy.moved_uids().values())


@pytest.mark.parametrize(("way", "point"), [("MOVE", "sent"), ("COPY", "sent"), ("COPY", "copied")])
def test_a_worker_stopped_past_its_lease_changes_nothing_when_it_wakes(
    way: str, point: str, scene_of: Callable[[str, int], Scene]
) -> None:
    """SIGSTOP, takeover by the next sync, SIGCONT: the sleeper sees its lease is over and sends nothing."""

    scene = scene_of(way, 3)
    worker = scene.start_worker(point=point, stop=True)
    os.waitid(os.P_PID, worker.pid, os.WSTOPPED | os.WNOWAIT)
    time.sleep(scene.agent.limits.mailbox_lease_s - scene.agent.limits.imap_timeout_s)
    scene.recover()
    scene.proxy.reset()
    os.kill(worker.pid, signal.SIGCONT)

    assert 0 != worker.wait(DEATH_TIMEOUT_S)
    assert scene.expected() == scene.census()
    assert {} == dict(scene.proxy.moved_uids() + scene.proxy.uids("UID STORE", "UID EXPUNGE"))


@pytest.mark.parametrize("way", MOVES)
def test_two_twins_in_one_batch(way: str, scene_of: Callable[[str, int], Scene]) -> None:
    """Two identical mails are two mails: after a crash both are in the target, once each."""

    scene = scene_of(way, 1)
    scene.user.deliver("INBOX", letter(1), "F", date_of(1))

    assert killed(scene.start_worker(point="sent"))
    scene.recover()

    expected = scene.expected()
    expected["News"] = sorted([*expected["News"], (sha(letter(1)), ("F", "$News"))])
    assert expected == scene.census()


@pytest.mark.parametrize("point", ["sent", "done_source_left"])
def test_two_twins_are_two_copies(point: str, scene_of: Callable[[str, int], Scene]) -> None:
    """Two identical mails copied in one batch: after a crash the target has two copies more, not one or three."""

    scene = scene_of("copy", 1)
    scene.user.deliver("INBOX", letter(1), "F", date_of(1))

    assert killed(scene.start_worker(point=point))
    scene.recover()

    twin = (sha(letter(1)), ("F", "$News"))
    expected = {name: sorted([*mails, twin]) for name, mails in scene.expected().items()}
    assert expected == scene.census()


@pytest.mark.parametrize("mailbox", ["INBOX", "News"])
@pytest.mark.parametrize("point", ["sent", "done"])
@pytest.mark.parametrize("way", MOVES)
def test_a_twin_delivered_during_the_crash(
    way: str, point: str, mailbox: str, scene_of: Callable[[str, int], Scene]
) -> None:
    """A twin that arrives while no worker is there is its own mail: filed if in INBOX, left if in the target."""

    scene = scene_of(way, 1)

    assert killed(scene.start_worker(point=point))
    scene.user.deliver(mailbox, letter(1), "", date_of(2))
    scene.recover()

    expected = scene.expected()
    flags: tuple[str, ...] = ("$News",) if mailbox == "INBOX" else ()
    expected["News"] = sorted([*expected["News"], (sha(letter(1)), flags)])
    assert expected == scene.census()


@pytest.mark.parametrize("way", WAYS)
def test_uidvalidity_changes_between_fetch_and_apply(way: str, scene_of: Callable[[str, int], Scene]) -> None:
    """Old UIDs mean nothing any more: nothing is done on them, the mails are found again and filed."""

    scene = scene_of(way, 3)
    batch = scene.agent.batch()
    scene.agent.fetch(batch)
    scene.agent.classify(batch)
    scene.user.bump_uidvalidity()
    scene.agent.apply(batch)
    assert 0 == sum(scene.proxy.moved_uids().values())
    scene.recover()

    assert scene.expected() == scene.census()


@pytest.mark.parametrize(
    ("way", "point"),
    [*((way, point) for way in MOVES for point in ("sent", "done")), ("copy", "sent"), ("copy, MOVE", "sent")],
)
def test_uidvalidity_changes_during_the_crash(way: str, point: str, scene_of: Callable[[str, int], Scene]) -> None:
    """The worker died and the source was renumbered: nothing is moved twice, nothing is lost."""

    scene = scene_of(way, 3)

    assert killed(scene.start_worker(point=point))
    scene.user.bump_uidvalidity()
    scene.recover()

    assert scene.expected() == scene.census()


@pytest.mark.parametrize("way", MOVES)
def test_mail_that_somebody_marked_deleted_is_left_alone(way: str, scene_of: Callable[[str, int], Scene]) -> None:
    r"""Marked \Deleted between decision and filing: not moved (it would carry the mark along), not expunged."""

    scene = scene_of(way, 3)
    batch = scene.agent.batch()
    scene.agent.fetch(batch)
    scene.agent.classify(batch)
    scene.user.doveadm("flags", "add", "-u", scene.user.user, "\\Deleted", "mailbox", "INBOX", "uid", "2")
    scene.recover()

    census = scene.census()
    assert [(sha(letter(2)), ("T",))] == [item for item in census["INBOX"] if "T" in item[1]]
    assert 3 == len(census["News"])
