"""`scripts/add_email_account.py`: the same program as `scripts/agent accounts add`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "add_email_account.py"
AGENT = "import sys; print(sys.argv[1:])"


def test_it_is_the_agent(tmp_path: Path) -> None:
    """It hands its words on to the agent beside it, wherever it is called from."""
    shutil.copy(SCRIPT, tmp_path)
    (tmp_path / "agent").write_text(AGENT)

    command = [sys.executable, str(tmp_path / SCRIPT.name), "--name", "my work"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)

    assert "['accounts', 'add', '--name', 'my work']\n" == done.stdout
    assert os.access(SCRIPT, os.X_OK)
