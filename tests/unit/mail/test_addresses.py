"""Address fields -> addresses."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mail.addresses import MAX_ADDRESSES, Address, addresses


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.example", [("", "a@b.example")]),
        ("J. Doe <a@b.example>", [("J. Doe", "a@b.example")]),
        ('"Doe, J" <a@b>, x <y@z>', [("Doe, J", "a@b"), ("x", "y@z")]),
        ('"Quo\\"te" <a@b>', [('Quo"te', "a@b")]),
        ("friends: a@b, c@d;, e@f", [("", "a@b"), ("", "c@d"), ("", "e@f")]),
        ("undisclosed-recipients:;", []),
        ("a@b (J (the) Doe)", [("J the Doe", "a@b")]),
        ("foo (bar <a@b>", [("foo (bar", "a@b")]),
        ("<@r,@s:u@h>", [("", "u@h")]),
        ("J D <a@b, c@d>", [("J D", "a@b"), ("", "c@d")]),
        ('"never closed <a@b>', [('"never closed', "a@b")]),
        ('<"j d"@x.example>', [("", '"j d"@x.example')]),
        ('"ceo@work.example" <evil@x>', [("ceo@work.example", "evil@x")]),
        ("ceo@work.example <evil@x>", [("ceo@work.example", "evil@x")]),
        ("a@b; c@d", [("", "a@b"), ("", "c@d")]),
        ("root", [("", "root")]),
        ("Big Bug bb@bug.example", [("Big Bug", "bb@bug.example")]),
        ("a@b c@d", [("", "a@b"), ("", "c@d")]),
        ('"j d"@x.example', [("", '"j d"@x.example')]),
        ("(only a comment)", [("only a comment", "")]),
        ("No Address At All", [("No Address At All", "")]),
        (" , ;;<>", []),
        ("", []),
    ],
)
def test_addresses_are_found(value, expected):
    """Names, quotes, comments, groups, routes and broken forms give what a person would read."""

    assert expected == [(one.name, one.address) for one in addresses([value])]


@pytest.mark.parametrize(
    ("address", "domain"), [("a@B.Example", "b.example"), ("a@b@c", "c"), ("root", ""), ("a@[10.0.0.1]", "10.0.0.1")]
)
def test_domain_is_what_follows_the_last_at(address, domain):
    """The domain is in lower case and without brackets."""

    assert domain == Address(name="", address=address).domain


def test_addresses_are_bounded():
    """A field with more addresses than anybody reads is cut."""

    assert MAX_ADDRESSES == len(addresses(["a@b, " * 3_000, "c@d"]))


@pytest.mark.parametrize("piece", ['"', "(", "<", "\\", "a", ",", "a@b,", '"\\', "()", "<@", ":", " ", "a "])
def test_hostile_values_take_linear_time(piece):
    """A long run of one thing is scanned at once."""

    started = time.process_time()
    addresses([piece * (200_000 // len(piece))])

    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "pieces",
    [
        ("x(c)", "a@b", "(c):"),
        ("\\x", "@", ":"),
        ("", '"@"', ":"),
        ("(", "@", ")"),
        ("<@", "a", ":"),
        ("", "", '"a@b" '),
        ("a ", "<", "> b"),
    ],
)
def test_time_grows_with_length_alone(pieces):
    """A value fifty times as long, made of any mixture of pieces, takes not much more than fifty times as long."""

    before, middle, after = pieces

    def seconds(size: int) -> float:
        value = before * (size // 8) + middle + after * (size // 8)
        started = time.process_time()
        addresses([value])
        return time.process_time() - started

    short = min(seconds(20_000) for _ in range(3))

    assert seconds(1_000_000) < 50 * max(short, 0.001) * 8


@settings(deadline=None)
@given(st.lists(st.one_of(st.text(), st.text(alphabet='"\\()<>@,;: a.'))))
def test_any_text_is_scanned(values):
    """Whatever comes, the answer is a list of addresses."""

    for one in addresses(values):
        assert one.name or one.address
        assert one.domain == one.domain.lower()
