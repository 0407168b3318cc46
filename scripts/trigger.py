#!/usr/bin/env python3
"""The trigger: `scripts/agent trigger` under the name that service files use; see docs/howto/sync-on-a-schedule.md."""

import os
import sys
from pathlib import Path

AGENT = Path(__file__).resolve().with_name("agent")

if __name__ == "__main__":
    os.execv(sys.executable, [sys.executable, str(AGENT), "trigger", *sys.argv[1:]])
