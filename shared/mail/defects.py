"""What can be wrong with a mail: one code each, explained in docs/mail.md. A defect is a note, never an error."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.mail.limits import MAX_DEFECTS


class DefectCode(StrEnum):
    """Every code there is; they are stored, so a code never changes its meaning."""

    UNPARSEABLE = "unparseable"
    MESSAGE_TOO_LONG = "message-too-long"
    LINE_ENDS = "line-ends"

    # Set when a mail is fetched.
    NOT_FETCHABLE = "not-fetchable"
    FLAG = "flag"
    INTERNALDATE = "internaldate"
    SIZE = "size"

    HEADER_MISSING = "header-missing"
    HEADER_MALFORMED = "header-malformed"
    HEADER_NOT_CLOSED = "header-not-closed"
    HEADER_TRUNCATED = "header-truncated"
    HEADER_TOO_LONG = "header-too-long"
    HEADER_TOO_MANY = "header-too-many"
    HEADER_8BIT = "header-8bit"
    HEADER_CHARSET = "header-charset"
    HEADER_ENCODING = "header-encoding"
    HEADER_CONTROL = "header-control"
    HEADER_NUL = "header-nul"

    FROM_MISSING = "from-missing"
    ADDRESS_MALFORMED = "address-malformed"
    ADDRESS_TOO_MANY = "address-too-many"
    DATE_MISSING = "date-missing"
    DATE_MALFORMED = "date-malformed"
    DATE_OUT_OF_RANGE = "date-out-of-range"

    CONTENT_TYPE = "content-type"
    CONTENT_DISPOSITION = "content-disposition"
    PARAMETER_CHARSET = "parameter-charset"
    PARAMETER_TOO_MANY = "parameter-too-many"
    TRANSFER_ENCODING_UNKNOWN = "transfer-encoding-unknown"
    TRANSFER_ENCODING_BROKEN = "transfer-encoding-broken"
    TRANSFER_ENCODING_LIES = "transfer-encoding-lies"

    BOUNDARY_MISSING = "boundary-missing"
    MULTIPART_EMPTY = "multipart-empty"
    MULTIPART_NOT_CLOSED = "multipart-not-closed"
    PART_TOO_DEEP = "part-too-deep"
    PART_TOO_MANY = "part-too-many"
    ATTACHMENT_TOO_MANY = "attachment-too-many"

    TEXT_TOO_LONG = "text-too-long"
    TEXT_CHARSET = "text-charset"
    TEXT_CONTROL = "text-control"
    TEXT_NUL = "text-nul"
    TEXT_HIDDEN = "text-hidden"
    TEXT_DIFFERS = "text-differs"
    HTML_TOO_DEEP = "html-too-deep"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Defect:
    """One defect: its place (`header:subject`, `part:1.2`, empty for the whole mail) and its code."""

    where: str
    code: str


class Defects:
    """The defects found so far, each once, bounded."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: set[tuple[str, str]] = set()

    def add(self, code: str, where: str = "") -> None:
        """Note a defect."""
        if len(self._found) < MAX_DEFECTS:
            self._found.add((where, code))

    def extend(self, codes: Iterable[str], where: str) -> None:
        """Note several at one place."""
        for code in codes:
            self.add(code, where)

    def listed(self) -> tuple[Defect, ...]:
        """Return them in order of place, then code."""
        return tuple(Defect(where=where, code=str(code)) for where, code in sorted(self._found))
