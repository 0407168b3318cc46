"""A trigger that is told to stop in the middle of each stage: nothing is lost, and the next one goes on at once."""

import signal

import pytest

from tests.integration.trigger.between import When
from tests.integration.trigger.scene import END_TIMEOUT_S, LETTERS, Scene, hashes

STAGES = ("fetch-batch", "classify-rules", "classify-llm", "apply-actions")


@pytest.mark.parametrize("when", ["call", "answer"])
@pytest.mark.parametrize("stage", STAGES)
def test_sigterm_in_the_middle_of_a_stage_loses_nothing(scene: Scene, stage: str, when: When) -> None:
    """The call in flight comes back, no other follows, the trigger ends with 0; the next files the rest, each once."""
    before = scene.seed()
    first = scene.start()
    scene.signal_on(stage, when, first, signal.SIGTERM)

    assert 0 == first.wait(END_TIMEOUT_S)
    assert (True, []) == (stage in scene.between.calls, scene.calls_after_signal)
    assert hashes(before) == hashes(scene.user.census())
    assert scene.is_free()
    assert scene.store.schedule.leader() is None
    assert 0 == scene.start("--once").wait(END_TIMEOUT_S)

    assert {"INBOX": 1, "News": LETTERS} == scene.places()
    assert hashes(before) == hashes(scene.user.census())


def test_what_a_stopped_sync_did_is_told(scene: Scene) -> None:
    """Its line says that it was stopped and what it came to, and carries no mail."""
    scene.seed()
    first = scene.start()
    scene.signal_on("classify-rules", "answer", first, signal.SIGTERM)
    first.wait(END_TIMEOUT_S)

    [line] = [line for line in scene.told(first) if line["trigger"] == "sync"]

    assert ("stopped", LETTERS + 1) == (line["ending"], line["counts"]["fetched"])
    assert "example" not in str({name: value for name, value in line.items() if name != "account"})


def test_a_second_signal_ends_it_at_once(scene: Scene) -> None:
    """Who cannot wait for the call in flight says so twice; the lease then runs out by itself."""
    scene.seed()
    first = scene.start()

    def twice() -> None:
        first.send_signal(signal.SIGTERM)
        while first.poll() is None:
            first.send_signal(signal.SIGTERM)

    scene.between.on("fetch-batch", "call", twice)

    assert -signal.SIGTERM == first.wait(END_TIMEOUT_S)


def test_once_syncs_what_is_due_and_ends(scene: Scene) -> None:
    """For cron: everything that is due is synced once; a second time within the slot there is nothing to do."""
    scene.seed()
    first = scene.start("--once")
    exits = [first.wait(END_TIMEOUT_S), scene.start("--once").wait(END_TIMEOUT_S)]

    assert [0, 0] == exits
    assert {"INBOX": 1, "News": LETTERS} == scene.places()
    assert 1 == sum(line["trigger"] == "sync" for process in scene.processes for line in scene.told(process))


def test_once_says_by_its_exit_code_that_a_sync_failed(scene: Scene) -> None:
    """An account whose login is refused is noted, and backs off."""
    scene.seed()
    [state] = scene.store.accounts.states()
    scene.store.accounts.delete(state.account.name)
    scene.store.accounts.create(
        name="wrong", host=scene.user.host, port=scene.user.port, tls=state.account.tls, username=scene.user.user,
        secret=scene.stack.gateway.vault.seal("wrong"),
    )  # fmt: skip

    first = scene.start("--once")

    assert 1 == first.wait(END_TIMEOUT_S)
    [line] = [line for line in scene.told(first) if line["trigger"] == "sync"]
    assert ("failed", "LoginRefused") == (line["ending"], line["error"]["error"])
    assert [1] == [one.failures for one in scene.store.schedule.outlook(600.0).accounts]
