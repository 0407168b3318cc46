"""The trigger's own parts: what is due now and only once, the log, the word to systemd, where it refuses to run."""

import json
import socket
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from shared.chain.client import GatewayDown
from shared.chain.sync import Stopped
from shared.cli.ending import Stopping
from shared.cli.trigger import DueNow, Log, notify, trigger
from shared.errors import InvalidSettings
from shared.timetable import Outlook, Timetable

NOW = 1_760_000_000.0


@dataclass
class Ledger:
    """Accounts by name: when each was started last."""

    started: dict[str, float | None]
    starts: list[str] = field(default_factory=list)

    def beat(self) -> Outlook | None:
        rows = [Timetable(account=name, interval_s=600.0, started_at=at) for name, at in self.started.items()]
        return Outlook(at=NOW, accounts=rows)

    def start(self, account: str) -> bool:
        self.starts.append(account)
        return True


def names(outlook: Outlook | None) -> list[str]:
    assert outlook is not None
    return [one.account for one in outlook.accounts]


def test_once_is_for_what_is_due_at_first() -> None:
    """An account is started once, one that becomes due later not at all, and one that is gone is not waited for."""
    ledger = Ledger({"due": None, "late": NOW, "gone": None})
    due = DueNow(ledger)
    first = names(due.beat())
    due.start("due")
    ledger.started = {"due": None, "late": None}

    assert (["due", "gone"], [], frozenset()) == (first, names(due.beat()), due.left)
    assert ["due"] == ledger.starts


def test_the_log_is_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One object on one line for each event; how syncs ended is counted."""
    log = Log()

    log("sync", account="work", ending="failed")
    log("leads")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [{"trigger": "sync", "account": "work", "ending": "failed"}, {"trigger": "leads"}] == lines
    assert 1 == log.endings["failed"]


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it gave a socket it gets the word; without one, or with a dead one, nothing happens."""
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("WATCHDOG=1")

        assert b"WATCHDOG=1" == systemd.recv(100)


def test_a_sleep_ends_with_the_wish_to_stop() -> None:
    """Who waits for a busy function is woken up by it, and makes no further try."""
    stopping = Stopping()
    stopping.sleep(0)
    stopping.wish()

    with pytest.raises(Stopped):
        stopping.sleep(60)
    assert stopping()


def test_alone_it_needs_a_database_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the embedded database, which lives with `up`, it says how both are left running."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("AGENT_HOME", str(tmp_path))
    monkeypatch.delenv("SECRETS_DIR", raising=False)

    result = CliRunner().invoke(trigger, [])

    assert isinstance(result.exception, InvalidSettings)
    assert "up --trigger" in result.exception.hint


def test_once_needs_a_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started where nobody could answer."""
    monkeypatch.setenv("AGENT_HOME", str(tmp_path))
    monkeypatch.setenv("AGENT_GATEWAY_URL", "http://127.0.0.1:1")

    assert isinstance(CliRunner().invoke(trigger, ["--once"]).exception, GatewayDown)
