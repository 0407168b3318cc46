"""One row of the doctor: what was looked at, whether it is as it should be, what was found, what to do."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import EmailAgentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A look that was taken. Not `ok`: mail is not sorted, or not safely, until somebody does something.

    A check that is ok may have a hint too: something that a person may want to know or do.
    """

    check: str
    ok: bool = True
    found: str
    hint: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the row of `doctor --json`."""
        return {"check": self.check, "ok": self.ok, "found": self.found, "hint": self.hint}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Checks that belong together, under one heading."""

    title: str
    checks: list[Check]


def look(check: str, see: Callable[[], str], hint: str = "") -> Check:
    """Return what was seen; an error is a check that is not ok, with the error's hint or else this one."""
    try:
        return Check(check=check, found=see())
    except EmailAgentError as error:
        return failed(check, error, hint)


def failed(check: str, error: EmailAgentError, hint: str = "") -> Check:
    """Return the check that an error ended."""
    return Check(check=check, ok=False, found=error.detail, hint=error.hint or hint)


def mails(number: int) -> str:
    """Say a number of mails."""
    return "1 mail" if number == 1 else f"{number:,} mails" if number else "none"
