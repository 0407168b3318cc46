"""Real mail, if it is there: TEST_MAIL_DIR holds archives that are no part of the project."""

import html
import json
import os
import re
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from shared.mail.email import Email
from shared.mail.headers import read_headers
from shared.mail.parse import parse_email
from shared.mail.text import read_text

TEST_MAIL = Path(os.environ.get("TEST_MAIL_DIR", Path(__file__).parents[4] / "shared" / "data"))
ARCHIVES = (
    "enron_categories",
    "enron_reconstructed",
    "mime_torture",
    "spamassassin",
    "synthetic_multilingual",
    "torture_generated",
)
NO_MAIL = (".json", ".tsv")
MAX_UNPARSEABLE = 0.001
MIN_AGREEMENT = 0.9
FETCHED_OCTETS = 16_384
MESSAGES, EXPECTED = "mime_torture/stalwart/eml/", "mime_torture/stalwart_expected/eml/"

# What the other parser reads differently, and why we do not follow it.
EXPLAINED = {
    ("malformed/020", "text"): "two Content-Type fields: it takes the last and shows source, we take the first",
    ("malformed/021", "text"): "as 020",
    ("rfc/001", "from"): "a lone word: it takes it as a name, we as the local address that cron writes",
    ("rfc/004", "from"): "as 001",
    ("thirdparty/002", "text"): "junk after base64 and no base64 at all: it decodes the one, we show the other",
}


def archive(name: str) -> Path:
    path = TEST_MAIL / f"dev_{name}.tar.xz"
    if not path.exists():
        pytest.skip(f"the test mail is not here: {path.name} (TEST_MAIL_DIR)")
    return path


@cache
def members(name: str) -> dict[str, bytes]:
    """The files of an archive by name."""
    with tarfile.open(archive(name)) as archived:
        return {m.name.removeprefix("./"): content(archived, m) for m in archived if m.isfile()}


def content(archived: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archived.extractfile(member)
    return file.read() if file else b""


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_real_mail_is_read(name: str) -> None:
    """No mail raises, and at most one in a thousand has nothing to read in it; three generated ones are empty."""

    mails = {path: parse_email(octets) for path, octets in members(name).items() if not path.endswith(NO_MAIL)}
    nothing = {path for path, mail in mails.items() if "unparseable" in {defect.code for defect in mail.defects}}

    if name == "torture_generated":
        assert {"empty.eml", "only_newline.eml", "only_nul.eml"} == {Path(path).name for path in nothing}
    else:
        assert len(nothing) <= len(mails) * MAX_UNPARSEABLE


@pytest.mark.parametrize("name", ["mime_torture", "torture_generated", "synthetic_multilingual"])
def test_header_and_body_give_the_text_of_the_whole(name: str) -> None:
    """Header and body fetched one by one say what the whole mail says; a cut body gives the beginning of it."""

    differing = []
    for path, octets in members(name).items():
        header, empty, body = octets.replace(b"\r\n", b"\n").partition(b"\n\n")
        if path.endswith(NO_MAIL) or not empty or not read_headers(header).fields or len(body) > FETCHED_OCTETS:
            continue
        whole, parts = parse_email(header + empty + body), read_text(header + empty, body)
        if (whole.text, whole.attachments) != (parts.text, parts.attachments) and not whole_is_odd(whole):
            differing.append(path)

    assert [] == differing


def whole_is_odd(mail: Email) -> bool:
    """Whether header and body of a mail are not separated by its first empty line."""
    return bool({"header-not-closed", "line-ends", "header-malformed"} & {defect.code for defect in mail.defects})


# -- another parser's expectations


def squeezed(text: str) -> str:
    return " ".join("".join(char for char in text if char >= " " or char in "\t\r\n").split())


def people(values: list[Any]) -> list[tuple[str, str]]:
    found = []
    for value in values:
        address = value.get("Address", {}) if isinstance(value, dict) else {}
        groups = address.get("Group", [{"addresses": address.get("List", [])}])
        found += [(a["name"] or "", a["address"] or "") for group in groups for a in group["addresses"]]
    return found


def texts(part: dict[str, Any]) -> str:
    body = part["body"]
    if "Html" in body:
        return html.unescape(re.sub(r"<[^>]*>", "", body["Html"]))
    return str(body.get("Text", ""))


def text_agrees(document: dict[str, Any], text: str) -> bool:
    """Whether our text is its text, or holds it, or is all texts that it found, those that it calls attachments too."""
    shown = squeezed(" ".join(texts(document["parts"][number]) for number in document["text_body"]))
    everything = squeezed(" ".join(texts(part) for part in document["parts"] if "Multipart" not in part["body"]))
    return text in (shown, everything) or (bool(shown) and shown.replace(" ", "") in text.replace(" ", ""))


def comparisons() -> Iterator[tuple[str, str, bool]]:
    """Compare From, Subject and text of each message whose expectation is there."""
    files = members("mime_torture")
    for path, octets in files.items():
        name = path.removeprefix(MESSAGES).removesuffix(".eml")
        if not path.startswith(MESSAGES) or f"{EXPECTED}{name}.json" not in files:
            continue
        document = json.loads(files[f"{EXPECTED}{name}.json"])
        fields: dict[str, list[Any]] = {}
        for row in document["parts"][0]["headers"]:
            fields.setdefault(str(row["name"]), []).append(row["value"])
        subject = next((value for value in fields.get("subject", []) if isinstance(value, dict)), {})
        mail = parse_email(octets)
        yield name, "from", people(fields.get("from", [])) == [(a.name, a.address) for a in mail.from_]
        yield name, "subject", squeezed(subject.get("Text", "")) == squeezed(mail.subject)
        yield name, "text", text_agrees(document, squeezed(mail.text))


def test_another_parser_agrees() -> None:
    """From, Subject and text are what another parser's tests expect, but for what is explained."""

    results = list(comparisons())
    differing = {(name, field) for name, field, agrees in results if not agrees}

    assert set(EXPLAINED) == differing
    for field in ("from", "subject", "text"):
        agreed = [agrees for _, compared, agrees in results if compared == field]
        assert sum(agreed) >= len(agreed) * MIN_AGREEMENT
