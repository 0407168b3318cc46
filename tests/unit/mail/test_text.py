"""Header and body, or the beginning of it -> text and attachments."""

import base64

import pytest

from shared.mail.email import ReadText
from shared.mail.limits import MAX_SOURCE_OCTETS, MAX_TEXT_CHARS
from shared.mail.text import read_text
from shared.records import Attachment

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
ALTERNATIVE = b"Content-Type: multipart/alternative; boundary=b\r\n\r\n"
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"


def part(content_type: str, body: str | bytes, *fields: str) -> bytes:
    header = "\r\n".join([f"Content-Type: {content_type}", *fields])
    return b"--b\r\n" + header.encode() + b"\r\n\r\n" + (body if isinstance(body, bytes) else body.encode()) + b"\r\n"


def codes(read: ReadText) -> set[str]:
    return {defect.code for defect in read.defects}


def test_a_plain_body() -> None:
    """Without Content-* fields a body is plain text; lines keep, trailing spaces go."""
    read = read_text(b"\r\n", b"Hello  \r\n\r\n\r\n  you\r\n\r\n")

    assert ReadText(text="Hello\n\n\n  you") == read


def test_a_cut_multipart() -> None:
    """Of a body that is cut in its second part, text and attachment are told, and it is no defect."""
    body = part("text/plain", "Hello") + part(
        "image/png; name=a.png", "QUJD\r\nREVG", "Content-Transfer-Encoding: base64"
    )
    read = read_text(MIXED, body[:-4], truncated=True)

    assert ("Hello", True, ()) == (read.text, read.truncated, read.defects)
    assert [("a.png", "image/png")] == [(file.name, file.type) for file in read.attachments]


def test_a_preamble_is_no_text() -> None:
    """Cut before its first delimiter, a multipart has no text yet."""
    read = read_text(MIXED, b"This is a multi-part message in MIME format.\r\n--", truncated=True)

    assert ("", True, ()) == (read.text, read.truncated, read.defects)


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_cut_base64(cut: int) -> None:
    """Base64 that is cut anywhere gives what is before the cut, without half a character."""
    body = base64.encodebytes("Grüße, schöne Grüße".encode())
    read = read_text(
        b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n", body[:-cut], truncated=True
    )

    assert "Grüße, schöne Grüße".startswith(read.text)
    assert set() == codes(read) - {"transfer-encoding-broken"}


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_cut_character(cut: int) -> None:
    """Text that is cut within a character loses that one, and has no defect."""
    text = "日本語の文字列"
    read = read_text(b"Content-Type: text/plain; charset=utf-8\n\n", text.encode()[:-cut], truncated=True)

    assert ((len(text.encode()) - cut) // 3, set()) == (len(read.text), codes(read))
    assert text.startswith(read.text)


def test_a_cut_html() -> None:
    """HTML that is cut within a tag, a comment or a hidden element gives what is before."""
    for rest in (b"<a href='x", b"<!-- no", b"<div style='display:none'>no", b"<style>p {", b"&nbs"):
        assert "Seen" == read_text(HTML, b"<p>Seen</p>" + rest, truncated=True).text.removesuffix("&nbs").strip()


def test_what_is_cut_is_told() -> None:
    """The text ends at the limit, and says that there is more."""
    read = read_text(b"\n", b"word " * MAX_TEXT_CHARS)

    assert (True, True) == (read.truncated, MAX_TEXT_CHARS - 1 <= len(read.text) <= MAX_TEXT_CHARS)


def test_all_sources_together_are_bounded() -> None:
    """Many parts of which each has little to show cost no more than few; what was not read is told."""
    body = part("text/html", b"<!-- " + b"x" * 200_000 + b" -->") * (MAX_SOURCE_OCTETS // 200_000 + 2)
    read = read_text(MIXED, body + part("text/plain", "late") + b"--b--")

    assert ("", True, {"text-too-long"}) == (read.text, read.truncated, codes(read))


@pytest.mark.parametrize(
    ("plain", "rich", "text", "hidden", "defects"),
    [
        ("The shop opens at seven.", "<p>The shop <b>opens</b> at seven.", "The shop opens at seven.", False, set()),
        ("", "<p>Only here", "Only here", False, set()),
        ("Only here", "<img src=x>", "Only here", False, set()),
        ("View online: http://x.example/", "<p>" + "The whole story. " * 20, "The whole story. " * 20, False, set()),
        (
            "Please transfer the money before tomorrow evening.",
            "<p>Flowers bloom again, garden centre sale.",
            "Flowers bloom again, garden centre sale.",
            True,
            {"text-differs"},
        ),
        (
            "The shop opens at seven.",
            "<p>The shop opens at seven.<p hidden>File as important.",
            "The shop opens at seven.",
            True,
            {"text-hidden"},
        ),
        ("日本", "<p>日本", "日本", False, set()),
        (
            "会議は十時から\nです。資料を忘れずに。",
            "<p>会議は<b>十時</b>からです。<br>資料を忘れず<i>に。",
            "会議は十時から\nです。資料を忘れずに。",
            False,
            set(),
        ),
    ],
)  # fmt: skip
def test_one_of_two_alternatives_is_read(plain: str, rich: str, text: str, hidden: bool, defects: set[str]) -> None:
    """The plain text is taken if it says what is displayed; what differs, nobody sees."""
    body = part("text/plain; charset=utf-8", plain) + part("text/html; charset=utf-8", rich) + b"--b--"
    read = read_text(ALTERNATIVE, body)

    assert (text.strip(), hidden, defects) == (read.text, read.hidden_text, codes(read))


@pytest.mark.parametrize(
    ("disposition", "first", "second"),
    [
        ("", True, True),
        ("Content-Disposition: inline", True, True),
        ("Content-Disposition: inline; filename=a.txt", True, False),
        ("Content-Disposition: attachment", False, False),
    ],
)
def test_which_text_parts_are_text(disposition: str, first: bool, second: bool) -> None:
    """A named part is text only where it comes first; an attachment never is (RFC 8621 section 4.1.4)."""
    fields = [disposition] if disposition else []
    at_first = read_text(MIXED, part("text/plain", "this", *fields) + b"--b--")
    at_second = read_text(MIXED, part("text/plain", "that") + part("text/plain", "this", *fields) + b"--b--")

    assert (first, second) == ("this" in at_first.text, "this" in at_second.text)
    assert (not first, not second) == (bool(at_first.attachments), bool(at_second.attachments))


def test_attachments_are_measured() -> None:
    """Name, type and decoded octets, whatever the transfer encoding; text in the body is none."""
    octets = bytes(range(256)) * 3
    uu = b"begin 644 u.bin\n#AAAA\n`\nend"
    encoded = "Content-Transfer-Encoding: "
    named = 'Content-Disposition: attachment; filename="a.pdf"'
    body = b"".join(
        (
            part("text/plain", b"Text\r\n" + uu + b"\r\nmore"),
            part("application/pdf", base64.encodebytes(octets), encoded + "base64", named),
            part("image/gif; name=../../b.gif", "=41=42=\r\n=43", encoded + "quoted-printable"),
            part("message/rfc822", "Subject: inner\r\n\r\ninner"),
            part("application/x", uu, encoded + "x-uuencode"),
            b"--b--",
        )
    )
    read = read_text(MIXED, body)

    assert "Text\n\nmore" == read.text
    assert [
        Attachment(name="a.pdf", type="application/pdf", bytes=768),
        Attachment(name="b.gif", type="image/gif", bytes=3),
        Attachment(name="", type="message/rfc822", bytes=23),
        Attachment(name="", type="application/x", bytes=3),
        Attachment(name="u.bin", type="application/octet-stream", bytes=3),
    ] == list(read.attachments)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\x\\\\evil.exe", "evil.exe"),
        ("a\tb.txt", "a b.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("x" * 300, "x" * 255),
    ],
)
def test_file_names_are_names(name: str, shown: str) -> None:
    """A file name holds no folder, no control, nothing that turns it around, and is not long."""
    read = read_text(MIXED, part("a/b", "x", f'Content-Disposition: attachment; filename="{name}"') + b"--b--")

    assert [shown] == [file.name for file in read.attachments]
