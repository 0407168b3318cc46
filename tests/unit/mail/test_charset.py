"""Octets of a text -> text."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.charset import decode_text

GREETING = "Grüße"


@pytest.mark.parametrize(
    ("octets", "label", "text", "defects"),
    [
        (b"plain", "", "plain", set()),
        (GREETING.encode(), "utf-8", GREETING, set()),
        (GREETING.encode(), "UTF8 ", GREETING, set()),
        (GREETING.encode("latin-1"), "iso-8859-1", GREETING, set()),
        (b"\x93q\x94 \x80", "iso-8859-1", "“q” €", set()),
        ("漢字".encode("gb18030"), "gb2312", "漢字", set()),
        ("日本".encode("iso2022_jp"), "iso-2022-jp", "日本", set()),
        ("日本".encode("iso2022_jp"), "", "日本", set()),
        ("Hi Mom -☺-!".encode("utf-7"), "utf-7", "Hi Mom -☺-!", set()),
        (GREETING.encode(), "us-ascii", GREETING, set()),
        (GREETING.encode(), "", GREETING, set()),
        (GREETING.encode("latin-1"), "us-ascii", GREETING, set()),
        (GREETING.encode("latin-1"), "utf-8", GREETING, {"text-charset"}),
        ("日本語 ".encode() + b"\xff", "utf-8", "日本語 \ufffd", {"text-charset"}),
        (GREETING.encode(), "iso-2022-jp", GREETING, {"text-charset"}),
        (GREETING.encode(), "no-such", GREETING, {"text-charset"}),
        (GREETING.encode(), "zlib", GREETING, {"text-charset"}),
        (GREETING.encode(), "idna", GREETING, {"text-charset"}),
        (codecs.BOM_UTF8 + GREETING.encode(), "latin-1", GREETING, set()),
        (GREETING.encode("utf-16"), "us-ascii", GREETING, set()),
        (GREETING.encode("utf-32"), "", GREETING, set()),
        (GREETING.encode("utf-16-be"), "utf-16be", GREETING, set()),
        ("English".encode("utf-16-le"), "", "English", set()),
        ("English".encode("utf-16-be"), "", "English", set()),
        (b"", "utf-16", "", set()),
    ],
)
def test_text_is_decoded(octets: bytes, label: str, text: str, defects: set[str]) -> None:
    """A mark counts most, then a label that can be true, then what is likely; a label that lied is a defect."""
    found: set[str] = set()

    assert (text, defects) == (decode_text(octets, label, found), found)


@pytest.mark.parametrize("label", ["", "us-ascii"])
def test_html_says_its_charset(label: str) -> None:
    """Where the label says nothing, what the HTML says of itself is believed; a true label goes before it."""
    octets = b'<meta charset="koi8-r">' + "Привет".encode("koi8-r")

    assert decode_text(octets, label, set(), is_html=True).endswith(">Привет")
    assert not decode_text(octets, "cp1251", set(), is_html=True).endswith(">Привет")
    assert not decode_text(octets, label, set()).endswith(">Привет")


@given(
    st.binary(max_size=60),
    st.sampled_from(
        ["utf-8", "utf-16", "utf-7", "hz", "iso-2022-kr", "big5", "utf-32-be", "cp037", "none", "", "idna"]
    ),
    st.booleans(),
    st.booleans(),
)
def test_any_octets_are_decoded(octets: bytes, label: str, is_html: bool, is_cut: bool) -> None:
    """Whatever comes, text comes back."""
    assert isinstance(decode_text(octets, label, set(), is_html=is_html, is_cut=is_cut), str)
