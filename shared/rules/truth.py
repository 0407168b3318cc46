"""Three-valued logic: true, false, or None where it hangs on something that was not fetched."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from shared.rules.expression import AllOf, AnyOf, Expression, Leaf
from shared.rules.questions import Ask, Truth
from shared.rules.view import MailView

Matcher: TypeAlias = Callable[[MailView, bytearray], Truth]
"""Asks a mail, and writes what each condition said into the trace."""

NOT_ASKED = ord("-")
FALSE = ord("f")
_LETTERS = {True: ord("t"), False: FALSE, None: ord("u")}


def matcher_of(expression: Expression, asks: Sequence[Ask]) -> Matcher:
    """Return the quick form of an expression; `asks` holds the function of each condition by its place in the trace."""
    if isinstance(expression, Leaf):
        return _leaf(expression.index, asks[expression.index])
    if isinstance(expression, AllOf | AnyOf):
        matchers = [matcher_of(part, asks) for part in expression.parts]
        return _until(isinstance(expression, AnyOf), matchers)
    return _opposite(matcher_of(expression.part, asks))


def _leaf(index: int, ask: Ask) -> Matcher:
    def matcher(view: MailView, trace: bytearray) -> Truth:
        truth = ask(view)
        trace[index] = _LETTERS[truth]
        return truth

    return matcher


def _until(ends: bool, matchers: Sequence[Matcher]) -> Matcher:
    """Return `any` (it ends at the first true one) or `all` (at the first false one)."""
    if len(matchers) == 1:
        return matchers[0]

    def matcher(view: MailView, trace: bytearray) -> Truth:
        truth: Truth = not ends
        for one in matchers:
            said = one(view, trace)
            if said is ends:
                return ends
            if said is None:
                truth = None
        return truth

    return matcher


def _opposite(inner: Matcher) -> Matcher:
    def matcher(view: MailView, trace: bytearray) -> Truth:
        said = inner(view, trace)
        return None if said is None else not said

    return matcher
