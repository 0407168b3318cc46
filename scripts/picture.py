"""Draw what the demo prints, and what `explain` says of one of its mails: `make picture`, or python -m scripts.picture.

Drawn is what the program prints in a run of now. Left out is only what differs from run to run: ports, clock times and
how long things took on this machine; figures of speed come from `make bench`.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from scripts.demo.agent import COMMAND, ROOT, Agent
from scripts.demo.show import NAME_WIDTH, Report, Show
from scripts.demo.stage import Stage

PICTURES = ROOT / "docs" / "pictures"
WIDTH = 120
EXPLAINED = "receipts"
"""The kind of mail that is explained."""
FROM_ELSEWHERE = re.compile(r"@font-face \{\{.*?\}\}\s*|<!--.*?-->\s*", re.S)
FORMAT = FROM_ELSEWHERE.sub("", CONSOLE_SVG_FORMAT).replace("<svg ", '<svg xml:space="preserve" ', 1)
"""rich's frame without the address of a font server: a picture asks nobody for anything."""
CHANGING = (
    (re.compile(r"(127\.0\.0\.1):\d+"), r"\1:…"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "yyyy-mm-dd hh:mm:ss"),
    (re.compile(r"^.* mails/s from inbox to their place.*\n?", re.M), ""),
)


@dataclass(frozen=True, kw_only=True)
class Recorder(Show):
    """Keeps the lines that the demo shows, without the seconds."""

    is_terminal: bool = True
    lines: list[str] = field(default_factory=list)

    def step(self, name: str, text: str, seconds: float) -> None:
        """Keep a step; how long it took is for who waits."""
        self.lines.append(self._bold(name.ljust(NAME_WIDTH)) + text)
        sys.stderr.write(f"{name.ljust(NAME_WIDTH)}{seconds:.1f} s\n")

    def line(self, text: str) -> None:
        """Keep a line."""
        self.lines.append(text)


def main() -> int:
    """Run the demo, explain one mail, and draw both."""
    show = Recorder()
    with tempfile.TemporaryDirectory(prefix="picture-") as home, ExitStack() as stack:
        stage = Stage(home=Path(home), stack=stack, show=show)
        show.report(_play(stage))
        message_id = _message_id(stage)
        explained = _on_a_terminal(stage.agent, "explain", message_id)
    PICTURES.mkdir(exist_ok=True)
    draw("demo", "make demo", "\n".join(show.lines))
    draw("explain", f"scripts/agent explain '{message_id}'", explained)
    return 0


def _play(stage: Stage) -> Report:
    for act in (
        stage.open_mailbox,
        stage.start_functions,
        stage.add_account,
        stage.push_rules,
        stage.observe,
        stage.prove_untouched,
        stage.apply,
        stage.sync_again,
        stage.explain,
    ):
        act()
    return stage.count()


def _message_id(stage: Stage) -> str:
    mail = next(mail for mail in stage.mails if mail.kind == EXPLAINED)
    return mail.raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode("ascii")


def _on_a_terminal(agent: Agent, *words: str) -> str:
    """Return what a command prints to a terminal of this width, colours and all."""
    ours, theirs = os.openpty()
    environment = {**agent.environment, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    with os.fdopen(ours, "rb", buffering=0) as screen:
        command = subprocess.Popen([*COMMAND, *words], env=environment, stdin=subprocess.DEVNULL, stdout=theirs)
        os.close(theirs)
        printed = io.BytesIO()
        try:
            while chunk := screen.read(4096):
                printed.write(chunk)
        except OSError:  # the end of a terminal is an error
            pass
    if command.wait():
        raise SystemExit(f"scripts/agent {words[0]}: exit {command.returncode}")
    return printed.getvalue().decode().replace("\r\n", "\n")


def draw(name: str, title: str, printed: str) -> None:
    """Write a picture of what was printed."""
    (PICTURES / f"{name}.svg").write_text(picture(name, title, printed), encoding="utf-8")
    sys.stderr.write(f"docs/pictures/{name}.svg\n")


def picture(name: str, title: str, printed: str) -> str:
    """Return what was printed as an SVG; the same text makes the same picture."""
    for changing, instead in CHANGING:
        printed = changing.sub(instead, printed)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi("\n".join(line.rstrip() for line in printed.strip("\n").splitlines())))
    svg = console.export_svg(title=title, theme=MONOKAI, code_format=FORMAT, unique_id=name)
    return "\n".join(map(str.rstrip, svg.splitlines())) + "\n"


if __name__ == "__main__":
    sys.exit(main())
