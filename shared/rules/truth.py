"""Three-valued logic: true, false, or None where it hangs on something that was not fetched."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from shared.rules.view import MailView

Truth: TypeAlias = bool | None
Ask: TypeAlias = Callable[[MailView], Truth]
Matcher: TypeAlias = Callable[[MailView, bytearray], Truth]
"""Asks a mail, and writes what each condition said into the trace."""

NOT_ASKED = ord("-")
_LETTERS = {True: ord("t"), False: ord("f"), None: ord("u")}


def leaf(index: int, ask: Ask) -> Matcher:
    """Return a matcher for one condition, which stands at `index` in the trace."""

    def matcher(view: MailView, trace: bytearray) -> Truth:
        truth = ask(view)
        trace[index] = _LETTERS[truth]
        return truth

    return matcher


def all_of(matchers: Sequence[Matcher]) -> Matcher:
    """Return a matcher that is true when all are; it stops at the first false one."""
    if len(matchers) == 1:
        return matchers[0]

    def matcher(view: MailView, trace: bytearray) -> Truth:
        truth: Truth = True
        for one in matchers:
            said = one(view, trace)
            if said is False:
                return False
            if said is None:
                truth = None
        return truth

    return matcher


def any_of(matchers: Sequence[Matcher]) -> Matcher:
    """Return a matcher that is true when one is; it stops at the first true one."""
    if len(matchers) == 1:
        return matchers[0]

    def matcher(view: MailView, trace: bytearray) -> Truth:
        truth: Truth = False
        for one in matchers:
            said = one(view, trace)
            if said:
                return True
            if said is None:
                truth = None
        return truth

    return matcher


def none_of(matchers: Sequence[Matcher]) -> Matcher:
    """Return a matcher that is true when all are false."""
    either = any_of(matchers)

    def matcher(view: MailView, trace: bytearray) -> Truth:
        said = either(view, trace)
        return None if said is None else not said

    return matcher
