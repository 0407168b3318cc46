"""Test mail, read from its archives one message at a time: the whole corpus never lies in memory."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.eval.errors import EvalError

MANIFEST = "manifest.jsonl"
MAX_MESSAGE_BYTES = 64 << 20


def read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the manifest's rows by id."""
    path = folder / MANIFEST
    if not path.is_file():
        raise EvalError(f"no test mail: {path} is not there; name its folder with TEST_MAIL_DIR")
    rows: dict[str, dict[str, Any]] = {}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                rows[row["id"]] = row
            except (ValueError, TypeError, KeyError) as error:
                raise EvalError(f"{path}:{number}: not a row with an id") from error
    return rows


def find_archive(folder: Path, source: str) -> Path:
    """Return the archive that holds the mail of one source."""
    path = folder / f"dev_{source}.tar.xz"
    if not path.is_file():
        raise EvalError(f"{path} is not there")
    return path


def read_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield id and octets of each regular file, in the archive's order; a file that is too large is cut."""
    try:
        with tarfile.open(path, "r|xz") as archive:
            for member in archive:
                opened = archive.extractfile(member) if member.isreg() else None
                if opened is not None:
                    yield member.name, opened.read(MAX_MESSAGE_BYTES)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise EvalError(f"{path} cannot be read: {error}") from error
