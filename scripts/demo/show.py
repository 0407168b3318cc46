"""What the demo prints: one line per step, a short report, and the line that machines read."""

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

BAR_WIDTH = 40
NAME_WIDTH = 11


@dataclass(kw_only=True)
class Report:
    """What the census counted, and how long things took."""

    mails: int
    senders: int
    languages: dict[str, int]
    applied: int
    uncertain: int
    kept: int
    lost: int
    duplicated: int
    mailboxes: dict[str, int]
    line: str
    faults: list[str]
    mails_per_s: float
    imap_commands: int
    seconds: dict[str, float] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Show:
    """Lines on stdout, with a little colour on a terminal."""

    is_terminal: bool

    def step(self, name: str, text: str, seconds: float) -> None:
        """One finished step."""
        self.line(f"{self._bold(name.ljust(NAME_WIDTH))}{text}  {self._dim(f'{seconds:.1f} s')}")

    def note(self, text: str) -> None:
        """Something worth knowing beside the steps."""
        self.line(self._dim(text))

    def failure(self, text: str) -> None:
        """Say on stderr what went wrong."""
        sys.stderr.write(f"demo: {text}\n")
        sys.stderr.flush()

    def line(self, text: str) -> None:
        """One line, out at once, so that a pipe shows it while the demo runs."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def report(self, report: Report) -> None:
        """The mailboxes as bars, then the shares."""
        self.line("")
        widest = max((len(name) for name in report.mailboxes), default=0)
        most = max(report.mailboxes.values(), default=1)
        for name, mails in sorted(report.mailboxes.items(), key=lambda item: -item[1]):
            self.line(f"  {name.ljust(widest)}  {'▇' * max(1, mails * BAR_WIDTH // most)} {mails}")
        shares = ", ".join(
            f"{name} {self._share(getattr(report, name), report)}" for name in ("applied", "uncertain", "kept")
        )
        self.line("")
        self.line(
            f"  {report.mails} mails from {report.senders} senders in {len(report.languages)} languages: {shares}"
        )
        self.line(
            f"  lost {report.lost}, duplicated {report.duplicated}: every mail found by its SHA-256 on the IMAP server"
        )
        self.line(f"  {report.mails_per_s:.0f} mails/s from inbox to their place, {report.imap_commands} IMAP commands")
        self.line("")

    @staticmethod
    def _share(number: int, report: Report) -> str:
        return f"{number} ({number / report.mails:.0%})"

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.is_terminal else text

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self.is_terminal else text


def reason(explanation: dict[str, Any]) -> str:
    """Put the answer of `explain --json` into one sentence."""
    decision = explanation.get("decision") or {}
    because = decision.get("reason") or decision.get("decided_by") or "no reason given"
    done = ", ".join(str(action.get("target") or action.get("kind")) for action in explanation.get("actions", []))
    return f"{explanation.get('status')}, {explanation.get('filing')}: {because}" + (f" → {done}" if done else "")
