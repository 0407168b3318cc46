import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.names import Namespace, decode, encode, quote
from shared.imap.wire import Literal

DOTTED = Namespace(prefix="INBOX.", delimiter=".")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Finance/Invoices", "INBOX.Finance.Invoices"),
        ("INBOX", "INBOX"),
        ("inbox", "INBOX"),
        ("Inbox/Lists", "INBOX.Lists"),
        ("INBOX.Finance.Invoices", "INBOX.Finance.Invoices"),
    ],
)
def test_paths_take_the_servers_delimiter_and_prefix(path: str, expected: str) -> None:
    """What users write with `/` becomes the server's own name, once."""

    assert expected == DOTTED.server_name(path)


def test_a_path_stays_as_it_is_on_a_server_with_slashes() -> None:
    """Without a prefix and with `/` between levels there is nothing to change."""

    assert "Finance/Invoices" == Namespace().server_name("Finance/Invoices")


def test_a_flat_server_keeps_the_path_as_one_name() -> None:
    """Where there is no hierarchy, the path is the name."""

    assert "Finance/Invoices" == Namespace(delimiter=None).server_name("Finance/Invoices")


@given(TEXT)
def test_every_name_survives_modified_utf7(name: str) -> None:
    """Any name that is text comes back from the server as it was sent."""

    assert ("INBOX" if name.upper() == "INBOX" else name) == decode(encode(name))


@given(st.binary(max_size=60))
def test_any_octets_have_a_name(raw: bytes) -> None:
    """A name the server invents is decoded somehow, never an error."""

    assert isinstance(decode(raw), str)


def test_rfc_example_of_modified_utf7() -> None:
    """The example of RFC 3501 section 5.1.3."""

    assert "~peter/mail/台北/日本語" == decode(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-")


@pytest.mark.parametrize("name", ["", "a\x00b", "\ud800"])
def test_impossible_names_are_refused(name: str) -> None:
    """What no mailbox can be called is an error before anything is sent."""
    with pytest.raises(ValueError):
        encode(name)


def test_quotes_and_backslashes_are_escaped() -> None:
    """A name cannot end its own quoting."""

    assert rb'"a \"b\" \\c"' == quote(b'a "b" \\c')


@pytest.mark.parametrize("octets", [b"a\r\nA9 EXPUNGE", b"caf\xc3\xa9", b"x" * 2000])
def test_what_cannot_be_quoted_is_a_literal(octets: bytes) -> None:
    """Line ends, eight-bit octets and long names travel as literals: no injection."""

    assert Literal(octets) == quote(octets)
