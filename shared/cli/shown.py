"""Strangers' texts as a terminal may see them."""

SHOWN_CHARACTERS = 300


def on_one_line(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """Return text that does not move the cursor, shortened: a header is a stranger's text."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(character if character.isprintable() else "�" for character in shown)
