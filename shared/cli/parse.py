"""`agent parse`: what the program reads in mail files, one JSON object per line."""

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from shared.cli.exits import Exit, complain
from shared.cli.meter import meter
from shared.mail.addresses import Address
from shared.mail.email import Email
from shared.mail.limits import MAX_MESSAGE_BYTES
from shared.mail.parse import parse_email


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path, exists=True))
@click.option("--json", "as_json", is_flag=True, help="Errors as JSON too; the result always is.")
def parse(paths: tuple[Path, ...], *, as_json: bool) -> int:
    """Read mail files, and folders of them, and print a JSON object per file: what is in it, and its defects.

    Needs no database. A mail that is broken is no error: its defects say so.
    """
    with meter("reading", None, beside_lines=True) as count:
        return _parse(paths, count, as_json=as_json)


def _parse(paths: Sequence[Path], count: Callable[[int], None], *, as_json: bool) -> Exit:
    code = Exit.OK
    waiting = list(reversed(paths))
    while waiting:
        path = waiting.pop()
        try:
            if path.is_dir():
                waiting += _within(path)
            else:
                click.echo(_line(path))
                count(1)
        except OSError as error:
            if error.filename is None:  # it is not the file: the reader of our lines has left
                raise
            complain("Unreadable", f"{_shown(path)}: {error.strerror}", "", as_json=as_json)
            code = Exit.ERROR
    return code


def _within(folder: Path) -> list[Path]:
    """Return the regular files and folders in a folder, last first; links are not followed, pipes not read."""
    with os.scandir(folder) as entries:
        kept = [e.name for e in entries if e.is_file(follow_symlinks=False) or e.is_dir(follow_symlinks=False)]
    return [folder / name for name in sorted(kept, reverse=True)]


def _line(path: Path) -> bytes:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        octets = file.read(MAX_MESSAGE_BYTES + 1)
    began = time.perf_counter()
    email = parse_email(octets, size=max(size, len(octets)))
    ms = (time.perf_counter() - began) * 1000
    document = {"path": _shown(path), "bytes": email.size, "ms": round(ms, 3), **as_document(email)}
    return json.dumps(document, ensure_ascii=False).encode()


def _shown(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def as_document(email: Email) -> dict[str, Any]:
    """Return what is printed of a mail."""
    return {
        "message_id": email.message_id,
        "date": email.date.isoformat() if email.date else None,
        "from": _people(email.from_),
        "to": _people(email.to),
        "subject": email.subject,
        "list_id": email.list_id,
        "attachments": [{"name": file.name, "type": file.type, "bytes": file.bytes} for file in email.attachments],
        "text": email.text,
        "text_truncated": email.text_truncated,
        "hidden_text": email.hidden_text,
        "identity_hash": str(email.identity_hash),
        "defects": [{"code": defect.code, "where": defect.where} for defect in email.defects],
    }


def _people(addresses: Iterable[Address]) -> list[dict[str, str]]:
    return [{"name": address.name, "address": address.address} for address in addresses]
