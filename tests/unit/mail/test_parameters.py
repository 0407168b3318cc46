"""Content-Type and Content-Disposition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail.limits import MAX_PARAMETERS
from shared.mail.parameters import parse_content_type, parse_disposition


@pytest.mark.parametrize(
    ("raw", "value", "parameters"),
    [
        ("text/plain", "text/plain", {}),
        (" TEXT / Html ; Charset = UTF-8 ", "text/html", {"charset": "UTF-8"}),
        ('text/plain; charset="us-ascii"; format=flowed', "text/plain", {"charset": "us-ascii", "format": "flowed"}),
        ("text/plain; charset=us-ascii (Plain text)", "text/plain", {"charset": "us-ascii"}),
        ("(a) text (b) / (c) plain (d); x=y", "text/plain", {"x": "y"}),
        ("text/plain charset=utf-8 format=fixed", "text/plain", {"charset": "utf-8", "format": "fixed"}),
        ("text/plain;;; charset=a;charset=b;", "text/plain", {"charset": "a"}),
        ('a/b; name="x; y=\\"z\\" \\\\"', "a/b", {"name": 'x; y="z" \\'}),
        ('a/b; name="never closed', "a/b", {"name": "never closed"}),
        ("a/b; name=my report (1).doc", "a/b", {"name": "my report (1).doc"}),
        ("a/b; name*=utf-8''na%C3%AFve%20%25.txt", "a/b", {"name": "naïve %.txt"}),
        ("a/b; name=x.txt; name*=utf-8''%C3%A9.txt", "a/b", {"name": "é.txt"}),
        ("a/b; name*1*=%A9.txt; name*0*=utf-8''%C3", "a/b", {"name": "é.txt"}),
        ('a/b; name*0="one "; name*1="two"', "a/b", {"name": "one two"}),
        ("a/b; name*0*=us-ascii'en'a%20; name*2=c; name*1*=b%20", "a/b", {"name": "a b c"}),
        ('a/b; name="=?utf-8?B?w6k=?= =?utf-8?Q?=C3=A9_?=x"', "a/b", {"name": "éé x"}),
        ("a/b; name=caf\xc3\xa9", "a/b", {"name": "café"}),
        ("a/b; =x; *=y; **=z", "a/b", {}),
        ("text", "text/plain", {}),
        ("html", "", {}),
        ("text/", "", {}),
        ("/plain; a=b", "", {"a": "b"}),
        ("", "", {}),
    ],
)
def test_types_are_read(raw: str, value: str, parameters: dict[str, str]) -> None:
    """Types, comments, quotes, continued and encoded parameters are read as real mail spells them."""
    parsed = parse_content_type(raw)

    assert (value, parameters) == (parsed.value, parsed.parameters)


@pytest.mark.parametrize(
    ("raw", "value", "name"),
    [
        ("attachment; filename=a.txt", "attachment", "a.txt"),
        ("INLINE", "inline", None),
        ("filename=a.txt", "", "a.txt"),
        ('"attachment"; filename=a.txt', "attachment", "a.txt"),
        ("attachment please; filename=a.txt", "attachment", "a.txt"),
        ("", "", None),
    ],
)
def test_dispositions_are_read(raw: str, value: str, name: str | None) -> None:
    """A disposition that is not there, or more than a word, hides no file name."""
    parsed = parse_disposition(raw)

    assert (value, name) == (parsed.value, parsed.parameters.get("filename"))


@pytest.mark.parametrize(
    ("raw", "defects"),
    [
        ("text/plain", set()),
        ("nothing", {"content-type"}),
        ("a/b; name*=none''%C3%A9", {"parameter-charset"}),
        ("a/b; name==?none?q?x=E9?=", {"parameter-charset"}),
        ("a/b" + "; x=y" * (MAX_PARAMETERS + 1), {"parameter-too-many"}),
    ],
)
def test_types_have_defects(raw: str, defects: set[str]) -> None:
    """A defect says what is wrong."""
    assert defects == parse_content_type(raw).defects


@given(st.one_of(st.text(), st.text(alphabet="a/;= *0\"\\%'(=?utf-8q)")))
def test_any_text_is_read(raw: str) -> None:
    """Whatever comes, a value and parameters come back."""
    for parsed in (parse_content_type(raw), parse_disposition(raw)):
        assert parsed.value == parsed.value.lower()
        assert all(parsed.parameters)
