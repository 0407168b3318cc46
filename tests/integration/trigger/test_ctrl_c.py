"""A sync that its owner interrupts after each stage: another one may begin at once, and files the rest."""

import signal

import pytest

from tests.integration.trigger.scene import END_TIMEOUT_S, LETTERS, Scene, hashes

INTERRUPTED = 130


@pytest.mark.parametrize("stage", ["fetch-batch", "classify-rules", "apply-actions"])
def test_ctrl_c_lets_another_sync_go_first(scene: Scene, stage: str) -> None:
    """The lease is given back before the command ends; nothing is lost or doubled by the next sync."""
    before = scene.seed()
    first = scene.start_command("sync", scene.account.name)
    scene.signal_on(stage, "answer", first, signal.SIGINT)

    assert INTERRUPTED == first.wait(END_TIMEOUT_S)
    assert scene.is_free()
    assert 0 == scene.start_command("sync", scene.account.name).wait(END_TIMEOUT_S)

    assert {"INBOX": 1, "News": LETTERS} == scene.places()
    assert hashes(before) == hashes(scene.user.census())
