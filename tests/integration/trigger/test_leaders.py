"""Two triggers as processes on one database: one leads, the other takes over when the first is killed."""

import signal
import subprocess
import uuid

import pytest

from shared.timetable import Ending
from tests.integration.trigger.scene import CALM_TICK_S, END_TIMEOUT_S, LETTERS, Scene, hashes, wait


@pytest.fixture
def scene(scene: Scene) -> Scene:
    scene.tick_s = CALM_TICK_S
    return scene


def leads(scene: Scene, process: "subprocess.Popen[bytes]") -> bool:
    leader = scene.store.schedule.leader()
    return leader is not None and leader.is_alive and leader.holder.endswith(f":{process.pid}")


def test_the_other_takes_over_from_one_that_was_killed(scene: Scene) -> None:
    """The first is killed while mail is being filed; the second leads soon, and files what is left, each once."""
    first = scene.start()
    assert wait(lambda: leads(scene, first))
    second = scene.start()
    assert wait(lambda: scene.told(second) == [{"trigger": "waits"}])
    scene.signal_on("apply-actions", "call", first, signal.SIGKILL)
    before = scene.seed()

    assert -signal.SIGKILL == first.wait(END_TIMEOUT_S)
    assert wait(lambda: leads(scene, second))
    assert wait(lambda: scene.told(second)[:2] == [{"trigger": "waits"}, {"trigger": "leads"}])
    next_slot(scene)
    assert wait(lambda: any(line["trigger"] == "sync" and line["ending"] == "done" for line in scene.told(second)))

    assert {"INBOX": 1, "News": LETTERS} == scene.places()
    assert hashes(before) == hashes(scene.user.census())


def next_slot(scene: Scene) -> None:
    """Make the account due, as time would."""
    scene.store.schedule.ledger(scene.post()).end(scene.account.name, uuid.uuid4(), Ending.STOPPED)


def test_one_that_waits_starts_nothing(scene: Scene) -> None:
    """While the first leads, the second only looks; `--once` says that another one is at work."""
    first = scene.start()
    assert wait(lambda: leads(scene, first))
    second = scene.start()
    assert wait(lambda: scene.told(second) != [])
    scene.seed()

    assert wait(lambda: any(line["trigger"] == "sync" for line in scene.told(first)))
    assert [{"trigger": "waits"}] == scene.told(second)
    assert 6 == scene.start("--once").wait(END_TIMEOUT_S)


def test_check_says_whether_one_is_at_work(scene: Scene) -> None:
    """Exit code 1 before there is one, 0 while it beats, 1 again soon after it was killed."""
    exits = [scene.start("--check").wait(END_TIMEOUT_S)]
    first = scene.start()
    assert wait(lambda: leads(scene, first))
    exits.append(scene.start("--check").wait(END_TIMEOUT_S))
    first.kill()
    assert wait(lambda: not leads(scene, first))
    exits.append(scene.start("--check").wait(END_TIMEOUT_S))

    assert [1, 0, 1] == exits
