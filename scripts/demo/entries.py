"""Read the demo's self-written texts: one file per kind of mail, see corpus/README.md."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
KINDS = (
    "newsletters",
    "receipts",
    "code",
    "social",
    "calendar",
    "travel",
    "security",
    "family",
    "work",
    "strangers",
)
KNOWN_FIELDS = frozenset(
    ("from", "subject", "lang", "times", "list-id", "charset", "encoding", "html", "attach", "calendar")
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One text of the corpus with what its mail looks like."""

    kind: str
    sender: str
    address: str
    subject: str
    language: str
    body: str
    times: int = 1
    list_id: str = ""
    charset: str = "utf-8"
    encoding: str = ""
    html: str = ""
    attach: str = ""
    calendar: str = ""


def read_entries(folder: Path = CORPUS) -> Iterator[Entry]:
    """Yield every entry, kind by kind, in the order of the files."""
    for kind in KINDS:
        text = (folder / f"{kind}.txt").read_text(encoding="utf-8")
        for block in re.split(r"^==\n", text, flags=re.MULTILINE)[1:]:
            yield _entry(kind, block)


def _entry(kind: str, block: str) -> Entry:
    """Build one entry from its lines.

    Raises
    ------
    ValueError
        A field is not known; the message names it.

    """
    head, _, body = block.partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    unknown = fields.keys() - KNOWN_FIELDS
    if unknown:
        raise ValueError(f"{kind}: unknown field {sorted(unknown)}")
    name, address = parseaddr(fields["from"])
    return Entry(
        kind=kind,
        sender=name,
        address=address,
        subject=fields["subject"],
        language=fields["lang"],
        body=body.strip("\n"),
        times=int(fields.get("times", "1")),
        list_id=fields.get("list-id", ""),
        charset=fields.get("charset", "utf-8"),
        encoding=fields.get("encoding", ""),
        html=fields.get("html", ""),
        attach=fields.get("attach", ""),
        calendar=fields.get("calendar", ""),
    )
