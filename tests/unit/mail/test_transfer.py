"""Transfer encodings, as they should be and as they are."""

import base64
import binascii
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.limits import MAX_ENCODED_RUNS, MAX_UUENCODED_FILES
from shared.mail.transfer import decode, decoded_size, encoding_of, uu_size, uudecode, uuencoded


@pytest.mark.parametrize(
    ("raw", "encoding", "defects"),
    [
        ("", "", set()),
        ("7bit", "", set()),
        (" 8-Bit ", "", set()),
        ("binary", "", set()),
        ("BASE64;", "base64", set()),
        ('"base64"', "base64", set()),
        ("base64 (why)", "base64", set()),
        ("Quoted Printable", "quoted-printable", set()),
        ("quoted_printable", "quoted-printable", set()),
        ("x-uuencode", "uuencode", set()),
        ("rot13", "", {"transfer-encoding-unknown"}),
        ("text/html", "", {"transfer-encoding-unknown"}),
    ],
)
def test_names_of_encodings(raw: str, encoding: str, defects: set[str]) -> None:
    """Encodings are known by their names, however they are written; any other leaves the octets as they are."""
    found: set[str] = set()

    assert (encoding, defects) == (encoding_of(raw, found), found)


@pytest.mark.parametrize(
    ("octets", "decoded", "defects"),
    [
        (b"SGVsbG8=", b"Hello", set()),
        (b"SGVs\r\nbG8=\r\n", b"Hello", set()),
        (b"SGVsbG8", b"Hello", set()),
        (b"SGVsbG8h\r\n\r\n", b"Hello!", set()),
        (b"SGVsbG8==", b"Hello", set()),
        (b"SGVs*bG8=", b"Hello", {"transfer-encoding-broken"}),
        (b"SGVsbG8hQ", b"Hello!", {"transfer-encoding-broken"}),
        (b"SGVsbG8=\r\nSGVsbG8=\r\n", b"HelloHello", set()),
        (b"SGVsbG8=\r\n--\r\nmailing list\r\n", b"Hello", {"transfer-encoding-broken"}),
        (b"SGVsbG8= trailing", b"Hello", {"transfer-encoding-broken"}),
        (b"Plain text, with spaces.", b"Plain text, with spaces.", {"transfer-encoding-lies"}),
        (b"<p>HTML</p>", b"<p>HTML</p>", {"transfer-encoding-lies"}),
        (b"", b"", set()),
        (b"====", b"", {"transfer-encoding-broken"}),
    ],
)
def test_base64(octets: bytes, decoded: bytes, defects: set[str]) -> None:
    """Padding may lack, lines may be strange, a list may add its footer; what is no base64 stays as it is."""
    found: set[str] = set()

    assert (decoded, defects) == (decode(octets, "base64", found), found)


@pytest.mark.parametrize(
    ("octets", "decoded", "defects"),
    [
        (b"caf=C3=A9", "café".encode(), set()),
        (b"caf=c3=a9", "café".encode(), set()),
        (b"soft=\r\nbreak=\nhere", b"softbreakhere", set()),
        (b"soft= \t\r\nbreak", b"softbreak", set()),
        (b"cut=", b"cut", set()),
        (b"a = b, 100=%", b"a = b, 100=%", {"transfer-encoding-broken"}),
        (b'<a href="=41">caf=E9', b'<a href="A">caf\xe9', {"transfer-encoding-broken"}),
        (b"nothing encoded", b"nothing encoded", set()),
        (b"", b"", set()),
    ],
)
def test_quoted_printable(octets: bytes, decoded: bytes, defects: set[str]) -> None:
    """What is encoded is decoded; what is not stays as it is."""
    found: set[str] = set()

    assert (decoded, defects) == (decode(octets, "quoted-printable", found), found)


@given(st.binary(max_size=300))
def test_encodings_come_back(octets: bytes) -> None:
    """What an encoder wrote is decoded to what it was, and measured without decoding."""
    for encoding, encoded in (
        ("base64", base64.encodebytes(octets)),
        ("quoted-printable", quopri.encodestring(octets)),
        ("", octets),
    ):
        defects: set[str] = set()
        assert (octets, set()) == (decode(encoded, encoding, defects), defects)
        assert len(octets) == decoded_size(memoryview(encoded), encoding, defects)


@given(st.binary(max_size=200), st.sampled_from(["base64", "quoted-printable", "uuencode", ""]))
def test_any_octets_are_decoded(octets: bytes, encoding: str) -> None:
    """Whatever comes, octets come back, not more than went in."""
    assert len(decode(octets, encoding, set())) <= max(len(octets), 3)


def test_runs_of_base64_are_counted() -> None:
    """Of a thousand encodings after each other, each padded, no more are decoded."""
    assert b"A" * MAX_ENCODED_RUNS == decode(b"QQ==\n" * (MAX_ENCODED_RUNS * 2), "base64", set())


@given(st.lists(st.binary(min_size=1, max_size=45), max_size=5))
def test_uuencoded_files(lines: list[bytes]) -> None:
    """A file between begin and end is taken out of the text, and measured by the lengths that its lines give."""
    encoded = b"".join(map(binascii.b2a_uu, lines))
    files, text = uuencoded(b"Hello\nbegin 644 a b.txt\n" + encoded + b"`\nend\nbye")

    assert ([b"a b.txt"], b"Hello\n\nbye") == ([file.name for file in files], text)
    assert (b"".join(lines), sum(map(len, lines))) == (uudecode(files[0].body), uu_size(files[0].body))


@pytest.mark.parametrize("text", [b"begin at the beginning", b"begin 644 x", b"begin 644 \n!", b"end\nbegin\nend"])
def test_words_are_no_files(text: bytes) -> None:
    """Text that only begins like a file is text."""
    assert ([], text) == uuencoded(text)


def test_uuencoded_files_are_counted() -> None:
    """No more files are taken out of a text than anybody sends."""
    files, _ = uuencoded(b"begin 644 x\n!\nend\n" * (MAX_UUENCODED_FILES + 5))

    assert MAX_UUENCODED_FILES == len(files)
