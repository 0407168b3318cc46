"""Header bytes -> fields and defects."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mail.encoded_words import decode_words, text_codec
from shared.mail.headers import MAX_FIELDS, MAX_REPEATED_CHARS, MAX_VALUE_CHARS, read_headers


def fields(header: bytes) -> dict[str, list[str]]:
    return read_headers(header).fields


def test_fields_keep_their_order_of_appearance():
    """Repeated fields come back as a list, in order, under a lower-case name."""

    found = fields(b"Received: one\r\nSUBJECT: hi\r\nreceived: two\r\n\r\n")

    assert {"received": ["one", "two"], "subject": ["hi"]} == found


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_lines_end_with_crlf_or_lf(end):
    """Bare LF ends a line as CRLF does."""

    assert {"a": ["1 2"], "b": ["3"]} == fields(end.join([b"A: 1", b"\t2", b"B: 3", b"", b""]))


def test_sections_are_read_one_after_the_other():
    """An empty line between two HEADER.FIELDS sections ends nothing."""

    assert {"a": ["1"], "b": ["2"]} == fields(b"A: 1\r\n\r\nB: 2\r\n\r\n")


def test_a_bare_cr_makes_no_field():
    """A bare CR inside a value cannot smuggle in another field."""

    block = read_headers(b"Subject: x\rList-Id: <a.b>\r\n\r\n")

    assert ({"subject": ["x List-Id: <a.b>"]}, ("header-control",)) == (block.fields, block.defects)


@pytest.mark.parametrize(
    ("raw", "text", "defects"),
    [
        (b"=?utf-8?q?caf=C3=A9_au_lait?=", "café au lait", ()),
        (b"=?utf-8?b?w6k=?= =?UTF-8?Q?=C3?=\r\n =?utf-8?q?=A9?=", "éé", ()),
        (b"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本", ()),
        (b"=?gb2312?b?xOO6ww==?= x =?iso-8859-1?q?=80?=", "你好 x €", ()),
        (b"=?utf-8*fr?q?oui?= a", "oui a", ()),
        (b"=?rot13?q?uryyb?=", "uryyb", ("header-charset",)),
        (b"=?idna?q?xn--bcher-kva?=", "xn--bcher-kva", ("header-charset",)),
        (b"=?unicode_escape?q?=5Cu0041?=", "\\u0041", ("header-charset",)),
        (b"=?no-such?q?=E9?=", "\ufffd", ("header-charset",)),
        (b"=?us-ascii?b?w6n/?=", "Ã©ÿ", ()),
        (b"=?utf-8?b?w6kXY?=", "é", ("header-control", "header-encoding")),
        (b"=?utf-8?q?half", "=?utf-8?q?half", ()),
        ("ça".encode(), "ça", ()),
        (b"=?iso-8859-1?q?Fr\xf6sche?= =?utf-8?q?\xc3\xb6?=", "Fröscheö", ()),
        (b"=?utf-8?q?=C3=A9?= \xe9", "é é", ("header-8bit",)),
        (b"\x1b$BF|K\\\x1b(B", "日本", ("header-charset",)),
        (b"\xe7a", "ça", ("header-8bit",)),
        (b"\x81a", "a", ("header-8bit", "header-control")),
        (b"a\x00b\x07", "ab", ("header-nul",)),
        (b"=?utf-8?q?a=00b=0Ac?=", "ab c", ("header-nul",)),
        (b"=?utf-7?q?+2AA-?=", "", None),
    ],
)
def test_values_decode_with_their_defects(raw, text, defects):
    """Encoded words and raw 8-bit text become text; what was wrong is listed."""

    block = read_headers(b"Subject: " + raw + b"\r\n\r\n")

    if defects is None:
        assert block.fields["subject"][0].isprintable()
    else:
        assert ([text], defects) == (block.fields["subject"], block.defects)


@pytest.mark.parametrize(
    "name", ["rot13", "zlib", "base64", "hex", "bz2", "idna", "punycode", "undefined", "a\x00", "aliases"]
)
def test_only_text_encodings_are_charsets(name):
    """Python's other codecs are no charsets of any mail."""

    assert text_codec(name) is None


def test_an_encoded_display_name_cannot_hide_an_address():
    """Specials in a decoded display name are quoted, so that a scanner does not read them."""

    found = fields(b"From: =?utf-8?q?ceo=40work=2Eexample=2C?= <evil@x.example>\r\n\r\n")

    assert ['"ceo@work.example," <evil@x.example>'] == found["from"]


def test_an_encoded_word_within_quotes_is_not_quoted_again():
    """The common violation, an encoded word inside a quoted string, stays one quoted string."""

    assert '"Doe, J" <a@b>' == decode_words('"=?utf-8?q?Doe=2C_J?=" <a@b>', set(), quote_specials=True)


def test_truncation_is_a_defect():
    """A header that was cut says so."""

    assert ("header-truncated",) == read_headers(b"Subject: hal", truncated=True).defects


def test_fields_and_values_are_bounded():
    """Count and length have limits, and passing them is a defect."""

    many = read_headers(b"X: 1\r\n" * (MAX_FIELDS + 5))
    long = read_headers(b"X: " + b"y" * (MAX_VALUE_CHARS + 5))

    assert (MAX_FIELDS, ("header-too-many",)) == (len(many.fields["x"]), many.defects)
    assert (MAX_VALUE_CHARS, ("header-too-long",)) == (len(long.fields["x"][0]), long.defects)


def test_repeated_fields_share_a_limit():
    """A field that comes again and again is cut in the end; the first value of another one after it is whole."""

    long = b"X: " + b"y" * (MAX_VALUE_CHARS - 1) + b"\r\n"
    block = read_headers(long * 6 + b"Subject: " + b"z" * 100)

    assert MAX_VALUE_CHARS - 1 + MAX_REPEATED_CHARS == sum(map(len, block.fields["x"]))
    assert ([100], ("header-too-long",)) == ([len(value) for value in block.fields["subject"]], block.defects)


@pytest.mark.parametrize(
    "header",
    [
        b"Subject: " + b"=?utf-8?q?" * 30_000,
        b"Subject: " + b"=?a?q?x?= " * 30_000,
        b"Subject:" + b"\r\n \r" * 100_000,
        b"Subject:" + b" \t" * 150_000 + b"x",
        b"From: " + b'"=?utf-8?q?=22?="' * 20_000,
        b":" * 300_000,
        b"\n" * 300_000,
    ],
)
def test_hostile_headers_take_linear_time(header):
    """300 KB of what is expensive to a naive parser is read at once."""

    started = time.process_time()
    read_headers(header)

    assert time.process_time() - started < 2


@settings(deadline=None)
@given(
    st.one_of(
        st.binary(),
        st.lists(
            st.sampled_from(
                [
                    b"Subject:",
                    b"From: ",
                    b"=?utf-8?b?",
                    b"=?utf-7?q?",
                    b"?=",
                    b"+2AA-",
                    b"\r",
                    b"\n",
                    b" ",
                    b"\x00",
                    b"\xff",
                    b'"',
                    b"a",
                ]
            )
        ).map(b"".join),
    )
)
def test_any_bytes_are_read(header):
    """Whatever comes, fields come back and every string is safe for PostgreSQL."""

    block = read_headers(header)

    for value in [*block.fields, *(value for values in block.fields.values() for value in values)]:
        value.encode("utf-8")
        assert "\x00" not in value
