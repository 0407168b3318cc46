"""The content key: what mails of one sender share."""

import uuid

import pytest

from shared.mail.addresses import Address
from shared.mail.content_key import content_key

BEN = (Address(name="Ben Example", address="ben.ex@mail.example"),)
TEXT = "Dear Ben Example, your order A-1234 of 03/11/2026 is 12.50 EUR: https://shop.example/1?u=ben or help@x.example"


def key(
    text: str, *, sender: str = "shop.example", subject: str = "Order 1234", to: tuple[Address, ...] = BEN
) -> uuid.UUID:
    return content_key(sender=sender, subject=subject, text=text, recipients=to)


def test_numbers_names_and_links_do_not_count() -> None:
    """Another order for another person has the same key."""
    other = "Dear Carla Muster, your order B-99 of 5/1/2027 is 7 EUR: http://shop.example/x#1 or service@y.example"
    carla = (Address(name="Carla Muster", address="cm@mail.example"),)

    assert key(TEXT) == key(other, subject="Order 99", to=carla)
    assert key(TEXT) == key(TEXT.upper())


@pytest.mark.parametrize(
    "changes", [{"sender": "shop.evil"}, {"subject": "Refund 1234"}, {"text": TEXT + " Sorry."}, {"to": ()}]
)
def test_the_rest_counts(changes: dict[str, str]) -> None:
    """Another sender, another subject, other words, or a name that is nobody's is another key."""
    assert key(TEXT) != key(**{"text": TEXT} | changes)


@pytest.mark.parametrize("piece", ["a", "1", "a1", "a@", "@", "1 ", "http://", "_", ".", "é"])
def test_any_text_has_a_key(piece: str) -> None:
    """Long runs of anything have a key."""
    assert isinstance(key(piece * 20_000, subject=piece * 20_000), uuid.UUID)
