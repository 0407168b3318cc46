"""`agent parse`: one line per file, exit codes, no database."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.cli.app import main
from shared.mail.limits import MAX_MESSAGE_BYTES

MAIL = b"""\
From: Anna <anna@example.org>
To: ben@example.net, c@example.net
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Date: Tue, 3 Nov 2026 09:11:12 +0100
Message-ID: <1@example.org>
List-Id: A list <list.example.org>

Hello
"""
CONTRACT = [
    *("path", "bytes", "ms", "message_id", "date", "from", "to", "subject", "list_id", "attachments"),
    *("text", "text_truncated", "hidden_text", "identity_hash", "defects"),
]
ROOT = Path(__file__).resolve().parents[3]
Parse = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def parse(capfdbinary: pytest.CaptureFixture[bytes]) -> Parse:
    def run(*words: str | Path) -> tuple[int, list[dict[str, Any]], str]:
        with pytest.raises(SystemExit) as left:
            main(["parse", *map(str, words)])
        out, err = capfdbinary.readouterr()
        return int(left.value.code or 0), [json.loads(line) for line in out.splitlines()], err.decode()

    return run


def test_a_mail_is_a_line(parse: Parse, tmp_path: Path) -> None:
    """The object has the fields of the contract, in its order."""
    path = tmp_path / "a.eml"
    path.write_bytes(MAIL)

    code, (row,), err = parse(path)

    assert (0, "", CONTRACT) == (code, err, list(row))
    assert row | {"ms": 0, "identity_hash": ""} == {
        "path": str(path),
        "bytes": len(MAIL),
        "ms": 0,
        "message_id": "<1@example.org>",
        "date": "2026-11-03T09:11:12+01:00",
        "from": [{"name": "Anna", "address": "anna@example.org"}],
        "to": [{"name": "", "address": "ben@example.net"}, {"name": "", "address": "c@example.net"}],
        "subject": "Grüße",
        "list_id": "list.example.org",
        "attachments": [],
        "text": "Hello",
        "text_truncated": False,
        "hidden_text": False,
        "identity_hash": "",
        "defects": [],
    }


def test_folders_are_read_in_order(parse: Parse, tmp_path: Path) -> None:
    """Regular files only, folders within folders, sorted; a link in a folder is passed over."""
    for name in ("b/2.eml", "b/1", "a/c/x.txt", "z.eml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MAIL)
    (tmp_path / "link").symlink_to(tmp_path / "z.eml")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(tmp_path / "pipe")

    code, rows, _ = parse(tmp_path)

    names = [str(Path(row["path"]).relative_to(tmp_path)) for row in rows]
    assert (0, ["a/c/x.txt", "b/1", "b/2.eml", "z.eml"]) == (code, names)


def test_broken_mail_is_no_error(parse: Parse, tmp_path: Path) -> None:
    """Noise is a line with defects, and exit 0."""
    path = tmp_path / "noise"
    path.write_bytes(bytes(range(256)) * 10)

    code, (row,), _ = parse(path)

    assert 0 == code
    assert {"header-missing", "from-missing"} <= {defect["code"] for defect in row["defects"]}


def test_a_missing_path_is_said(parse: Parse, tmp_path: Path) -> None:
    """A path that is not there is named, and nothing is read."""
    code, rows, err = parse(tmp_path / "nowhere.eml")

    assert (2, []) == (code, rows)
    assert "nowhere.eml" in err
    assert "does not exist" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_cannot_be_read_is_said(parse: Parse, tmp_path: Path) -> None:
    """The others are read nevertheless; the exit code tells."""
    (tmp_path / "a.eml").write_bytes(MAIL)
    (tmp_path / "b.eml").write_bytes(MAIL)
    (tmp_path / "a.eml").chmod(0)

    code, rows, err = parse(tmp_path)

    assert (1, ["b.eml"]) == (code, [Path(row["path"]).name for row in rows])
    assert "a.eml" in err


def test_a_huge_file_is_measured_and_not_read_whole(parse: Parse, tmp_path: Path) -> None:
    """The size is the file's; what is beyond the limit is not looked at."""
    path = tmp_path / "huge.eml"
    with path.open("wb") as file:
        file.write(MAIL)
        file.truncate(MAX_MESSAGE_BYTES * 4)

    _, (row,), _ = parse(path)

    assert (MAX_MESSAGE_BYTES * 4, True) == (row["bytes"], row["text_truncated"])
    assert "message-too-long" in {defect["code"] for defect in row["defects"]}


def test_any_file_name_can_be_shown(parse: Parse, tmp_path: Path) -> None:
    """A name that is no UTF-8 is shown with replacements."""
    path = os.fsencode(tmp_path) + b"/\xff.eml"
    Path(os.fsdecode(path)).write_bytes(MAIL)

    code, (row,), _ = parse(tmp_path)

    assert (0, "\ufffd.eml") == (code, Path(row["path"]).name)


@pytest.mark.parametrize("words", [["parse", "/dev/null"], ["rules", "check"], ["rules", "schema"]])
def test_a_full_disk_is_told(words: list[str]) -> None:
    """Where the output cannot be written, a sentence says so and the exit code is 1; no stack."""
    command = [sys.executable, "-m", "shared.cli", *words]
    with Path("/dev/full").open("wb") as full:
        left = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert (1, "the output cannot be written: No space left on device\n") == (left.returncode, left.stderr)


def test_a_reader_may_leave(tmp_path: Path) -> None:
    """When nobody reads the lines any more, the command ends without a trace."""
    for number in range(50):
        (tmp_path / f"{number}.eml").write_bytes(MAIL * 200)
    command = [sys.executable, "-m", "shared.cli", "parse", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()

        assert b"" == child.stderr.read()
