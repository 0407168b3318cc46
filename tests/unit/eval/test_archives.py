"""Test mail out of its archives."""

import io
import tarfile
from pathlib import Path

import pytest

from scripts.eval.archives import find_archive, read_archive, read_manifest
from scripts.eval.errors import EvalError


def test_only_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    """Folders and links are no mail; what is there comes as it was packed."""
    path = tmp_path / "dev_x.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        folder, link, mail = tarfile.TarInfo("x"), tarfile.TarInfo("x/link"), tarfile.TarInfo("x/1.eml")
        folder.type, link.type, link.linkname, mail.size = tarfile.DIRTYPE, tarfile.SYMTYPE, "../1.eml", 4
        archive.addfile(folder)
        archive.addfile(link)
        archive.addfile(mail, io.BytesIO(b"a\x00\r\n"))

    assert [("x/1.eml", b"a\x00\r\n")] == list(read_archive(path))


def test_a_broken_archive_is_said_to_be_one(tmp_path: Path) -> None:
    """Half an archive gives no figures."""
    path = tmp_path / "dev_x.tar.xz"
    path.write_bytes(b"\xfd7zXZ\x00 and no more")

    with pytest.raises(EvalError, match=r"dev_x\.tar\.xz cannot be read"):
        list(read_archive(path))


def test_absent_mail_is_named(tmp_path: Path) -> None:
    """Who has no test mail learns which setting names its folder."""

    with pytest.raises(EvalError, match="TEST_MAIL_DIR"):
        read_manifest(tmp_path)
    with pytest.raises(EvalError, match=r"dev_x\.tar\.xz is not there"):
        find_archive(tmp_path, "x")


def test_a_manifest_names_its_broken_line(tmp_path: Path) -> None:
    """A line that is no row is found by its number."""
    (tmp_path / "manifest.jsonl").write_text('{"id": "x/1.eml"}\n[1]\n')

    with pytest.raises(EvalError, match=r"manifest\.jsonl:2"):
        read_manifest(tmp_path)
