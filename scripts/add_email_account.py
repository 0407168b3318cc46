#!/usr/bin/env python3
"""Add an e-mail account: `scripts/agent accounts add` under the name that the design gives it."""

import os
import sys
from pathlib import Path

AGENT = Path(__file__).resolve().with_name("agent")

if __name__ == "__main__":
    os.execv(sys.executable, [sys.executable, str(AGENT), "accounts", "add", *sys.argv[1:]])
