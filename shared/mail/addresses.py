"""Address fields -> addresses: a tolerant scanner in linear time for what real mail holds (RFC 5322 section 3.4)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.mail.limits import MAX_ADDRESSES

# The shape of nearly every From: a bare address, or a name and an address in angle brackets.
_USUAL = re.compile(
    r"""[ ]*+(?:"(?P<quoted>[^"\\]*+)"|(?P<name>[^"<>,;:()@\\]*+))[ ]*+<(?P<address>[^<>\s,;:()"\\]++)>[ ]*+\Z
      | [ ]*+(?P<bare>[^<>\s,;:()"\\@]++@[^<>\s,;:()"\\@]++)[ ]*+\Z""",
    re.VERBOSE,
)
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*"|\\.|[()<>,;:]|[^"\\()<>,;:]++|.', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LOOSE = re.compile(r" ?([.@]) ?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One mailbox of an address field; `address` is empty where there is only a name."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """What follows the last `@`, in lower case; empty without one."""
        return self.address.rpartition("@")[2].strip("[]. ").lower() if "@" in self.address else ""


def addresses(values: Iterable[str]) -> list[Address]:
    """Return the addresses in decoded field values, at most MAX_ADDRESSES, groups flattened."""
    found: list[Address] = []
    for value in values:
        usual = _USUAL.match(value)
        if usual is None:
            found.extend(_scan(value, MAX_ADDRESSES - len(found)))
        elif usual["bare"]:
            found.append(Address(name="", address=usual["bare"]))
        else:
            found.append(Address(name=(usual["quoted"] or usual["name"] or "").strip(), address=usual["address"]))
        if len(found) >= MAX_ADDRESSES:
            break
    return found[:MAX_ADDRESSES]


def _scan(value: str, limit: int) -> list[Address]:
    scanner = _Scanner(limit=limit)
    scanner.read(value, comments=True)
    if scanner.depth:  # a parenthesis that never closes is no comment
        scanner = _Scanner(limit=limit)
        scanner.read(value, comments=False)
    return scanner.found


@dataclass(slots=True)
class _Scanner:
    """What was read since the last separator."""

    limit: int
    found: list[Address] = field(default_factory=list)
    phrase: list[str] = field(default_factory=list)
    phrase_has_at: bool = False
    inside: list[str] | None = None
    spec: str | None = None
    comment: list[str] = field(default_factory=list)
    depth: int = 0

    def read(self, value: str, *, comments: bool) -> None:
        for match in _TOKEN.finditer(value):
            if len(self.found) >= self.limit:
                return
            piece = match[0]
            if comments and (self.depth or piece == "("):
                self._comment(piece)
            elif self.inside is not None:
                self._angle(piece)
            else:
                self._outside(piece)
        if not self.depth:
            self._finish()

    def _comment(self, piece: str) -> None:
        self.depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece not in "()":
            self.comment.append(piece)

    def _angle(self, piece: str) -> None:
        inside = self.inside if self.inside is not None else []
        has_route = bool(inside) and inside[0].startswith("@")
        if piece == ">" or (piece in ",;" and not has_route):
            self._close_angle(inside)
            if piece != ">":
                self._finish()
        elif piece == "<":
            inside.clear()
        else:
            inside.append(piece)

    def _close_angle(self, inside: list[str]) -> None:
        spec = "".join(inside).strip()
        if spec.startswith("@"):  # RFC 5322 section 4.4: an obsolete route before the address
            spec = spec.rpartition(":")[2].strip()
        self.spec, self.inside = spec, None

    def _outside(self, piece: str) -> None:
        if piece == "<":
            if self.spec is not None:
                self._finish()
            self.inside = []
        elif piece in ",;":
            self._finish()
        elif piece == ">":
            return
        elif piece == ":" and not self.phrase_has_at:
            self.phrase.clear()  # the name of a group
        else:
            self.phrase.append(piece)
            self.phrase_has_at = self.phrase_has_at or "@" in piece

    def _finish(self) -> None:
        if self.inside is not None:
            self._close_angle(self.inside)
        if self.spec is None:
            self._finish_bare("".join(self.phrase).strip())
        else:
            self._add(_unquoted(self.phrase), self.spec)
        self.phrase, self.comment, self.spec, self.inside = [], [], None, None
        self.phrase_has_at = False

    def _finish_bare(self, whole: str) -> None:
        """Take a phrase without angle brackets: an address, words with addresses among them, or a name only."""
        words = whole.split()
        if "@" in words:  # RFC 5322 section 4.4: white space around it, and around dots
            whole = _LOOSE.sub(r"\1", " ".join(words))
            words = whole.split()
        found = [word for word in words if "@" in word]
        if len(words) == 1 or (found and '"' in whole):
            self._add("", whole)
        elif len(found) == 1:
            self._add(" ".join(word for word in words if "@" not in word), found[0])
        elif found:
            for word in found:
                self._add("", word)
        else:
            self._add(_unquoted(self.phrase), "")

    def _add(self, name: str, spec: str) -> None:
        name = name or _unquoted(self.comment)
        if name or spec:
            self.found.append(Address(name=name, address=spec))


def _unquoted(parts: list[str]) -> str:
    text = "".join(_ESCAPE.sub(r"\1", part[1:-1]) if len(part) > 1 and part[0] == '"' else part for part in parts)
    return " ".join(text.split())
