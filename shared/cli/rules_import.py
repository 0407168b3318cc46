"""`agent rules import`: rules of other programs in our language, and what could not be carried over."""

from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from shared.cli.console import print_json
from shared.cli.exits import Exit
from shared.rules.faults import Fault, Place, raise_faults, shown_name
from shared.rules.imports.gmail import import_gmail
from shared.rules.imports.imported import Imported
from shared.rules.imports.sieve import UNKNOWN_STOP, import_sieve

MAX_OCTETS = 10_000_000
_MARKUP = b"<"
_BLANK = b"\xef\xbb\xbf \t\r\n"


class Format(StrEnum):
    """Whose rules a file holds."""

    GMAIL = "gmail"
    SIEVE = "sieve"


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "wanted", type=click.Choice(list(map(str, Format))), help="Else it is seen from the file.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the rules to a new file, not to stdout.")
@click.option(
    "--past-unknown-stops",
    is_flag=True,
    help="Sieve: let rules act even where a test that cannot be carried over may have ended the script.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def import_rules(
    file: Path, *, wanted: str | None, output: Path | None, past_unknown_stops: bool, as_json: bool
) -> int | None:
    """Make rules of FILE: Gmail's mailFilters.xml, or a Sieve script.

    No rule holds for more mail than it did. What cannot be carried over is told on stderr with its line, and stands in
    the rules as a comment. Exit code 1 if nothing could be carried over.
    """
    octets = _read(file)
    kind = Format(wanted) if wanted else _seen(octets)
    if kind is Format.GMAIL:
        found = import_gmail(octets, shown_name(file))
    else:
        found = import_sieve(octets, shown_name(file), past_unknown_stops=past_unknown_stops)
    if output and found.rules:
        _write(output, found.text)
    if as_json:
        print_json(_document(kind, found, output))
    else:
        _show(kind, found, output)
    return None if found.rules else Exit.ERROR


def _read(file: Path) -> bytes:
    place = Place(file=shown_name(file), line=1, column=1)
    try:
        with file.open("rb") as stream:
            octets = stream.read(MAX_OCTETS + 1)
    except OSError as error:
        raise_faults([Fault(place=place, text=f"cannot be read: {error.strerror}")])
        raise
    if len(octets) > MAX_OCTETS:
        raise_faults([Fault(place=place, text="the file is too large")])
    return octets


def _seen(octets: bytes) -> Format:
    """Return the format: XML begins with a bracket, Sieve cannot."""
    return Format.GMAIL if octets.lstrip(_BLANK).startswith(_MARKUP) else Format.SIEVE


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error


def _document(kind: Format, found: Imported, output: Path | None) -> dict[str, Any]:
    remarks = [
        {
            "line": one.place.line,
            "column": one.place.column,
            "effect": str(one.effect),
            "part": one.part,
            "reason": one.reason,
        }
        for one in found.remarks
    ]
    return {
        "format": str(kind),
        "rules": found.rules,
        "left_out": found.asleep,
        "remarks": remarks,
        "output": str(output) if output and found.rules else None,
        "text": None if output else found.text,
    }


def _show(kind: Format, found: Imported, output: Path | None) -> None:
    if output is None:
        click.echo(found.text, nl=False)
    for one in found.remarks:
        click.echo(str(one), err=True)
    left = f", {found.asleep} stand there as comments only" if found.asleep else ""
    click.echo(f"{kind}: {found.rules} rules{left}; {len(found.remarks)} remarks", err=True)
    if not found.rules and any(UNKNOWN_STOP in one.reason for one in found.remarks):
        click.echo(
            "an unknown test may have ended the script; to import what follows it: --past-unknown-stops", err=True
        )
    if output and found.rules:
        click.echo(f"next: scripts/agent rules check {output}, then rules diff {output}", err=True)
