"""Which name was meant: a hint for who names something that is not there."""

from collections.abc import Sequence
from difflib import get_close_matches

SHOWN_NAMES = 10


def account_meant(name: str, known: Sequence[str]) -> str:
    """Return a hint: the account whose name is nearest, else those that there are."""
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    if not known:
        return "there is none yet: scripts/agent accounts add"
    more = f" and {len(known) - SHOWN_NAMES} more" if len(known) > SHOWN_NAMES else ""
    return f"known: {', '.join(known[:SHOWN_NAMES])}{more}"
