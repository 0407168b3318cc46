"""The whole measurement, on a corpus of three mails."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scripts.eval.__main__ import evaluate
from scripts.eval.labels import read_labels

NEWS = b"From x  Mon Jun 24 2002\nFrom: News <newsletter@paper.example>\nSubject: Monday\n\ntext\n"
GOOD_RULES = """
version: 1
categories: {newsletters: {then: keep}}
rules: [{name: news, when: {from: newsletter@paper.example}, category: newsletters}]
"""
BAD_RULES = GOOD_RULES.replace("from: newsletter@paper.example", "subject: Monday")
MAILS = {
    "spamassassin/1.eml": ({"label": "ham-hard", "category_one_annotator": "newsletter"}, NEWS),
    "spamassassin/2.eml": ({"label": "spam"}, b"From: x@y.example\nSubject: Monday\n\ntext\n"),
    "spamassassin/3.eml": ({"label": "ham"}, b""),
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Return a folder with a manifest, one archive with mail, and the other sources' archives without."""
    rows = [json.dumps({"id": mail_id, **row}) for mail_id, (row, _) in MAILS.items()]
    (tmp_path / "manifest.jsonl").write_text("\n".join(rows))
    for source in read_labels().sources():
        with tarfile.open(tmp_path / f"dev_{source}.tar.xz", "w:xz") as archive:
            for mail_id, (_, octets) in MAILS.items():
                if mail_id.startswith(source):
                    member = tarfile.TarInfo(mail_id)
                    member.size = len(octets)
                    archive.addfile(member, io.BytesIO(octets))
    return tmp_path


def run(folder: Path, rules: str, *arguments: str) -> Result:
    (folder / "r.yml").write_text(rules)
    out = str(folder / "out.json")
    environment = {"TEST_MAIL_DIR": str(folder)}
    return CliRunner().invoke(evaluate, [str(folder / "r.yml"), "--out", out, *arguments], env=environment)


def test_good_rules_are_measured(corpus: Path) -> None:
    """One of three mails is decided, and rightly; stdout and the file say the same."""
    result = run(corpus, GOOD_RULES, "--json")

    document = json.loads(result.stdout)
    row = document["categories"][0]
    assert (0, 3, 1) == (result.exit_code, document["mails"], document["decided"])
    assert ("newsletters", 1.0, 1.0) == (row["category"], row["precision"], row["coverage"])
    assert document == json.loads((corpus / "out.json").read_text())


def test_bad_rules_fail_with_the_figure(corpus: Path) -> None:
    """A category below its bound is named, and the command does not succeed."""
    result = run(corpus, BAD_RULES, "--errors")

    assert 1 == result.exit_code
    assert "below the bound: newsletters (all): 0.500" in result.stderr
    assert "error     spamassassin/2.eml" in result.stdout


def test_without_test_mail_it_says_what_is_missing(tmp_path: Path) -> None:
    """No mail, no figures: exit 1 and a sentence."""
    result = run(tmp_path, GOOD_RULES)

    assert 1 == result.exit_code
    assert "name its folder with TEST_MAIL_DIR" in result.stderr


def test_faulty_rules_are_shown_with_their_places(corpus: Path) -> None:
    """A rule file that cannot be loaded is measured by nobody."""
    result = run(corpus, GOOD_RULES.replace("when:", "wen:"))

    assert 1 == result.exit_code
    assert "r.yml:4:" in result.stderr
