"""Named queries: every statement lives in sql/*.sql as `-- name --`, one sentence of comment, and the SQL itself."""

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "sql"
HEADING = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@cache
def queries() -> dict[str, str]:
    """Return all queries by name, read once."""
    found: dict[str, str] = {}
    for file in sorted(FOLDER.glob("*.sql")):
        _, *parts = HEADING.split(file.read_text(encoding="utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"two queries are called {name}")
            found[name] = _without_comments(text)
    return found


def _without_comments(text: str) -> str:
    """Drop comment lines: the driver would look for parameters in them."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()
