"""A message -> its leaf parts: one pass over the lines, however deep the nesting (RFC 2046 section 5.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.mail.defects import DefectCode, Defects
from shared.mail.headers import read_headers
from shared.mail.limits import (
    MAX_BOUNDARY_BYTES,
    MAX_DASH_LINES,
    MAX_DEPTH,
    MAX_PARAMETERS_CHARS,
    MAX_PART_HEADER_BYTES,
    MAX_PARTS,
    MAX_STRAY_LINES,
)
from shared.mail.parameters import Parsed, parse_content_type, parse_disposition
from shared.mail.transfer import encoding_of

_FIELDS = re.compile(rb"(?:(?:[!-9;-~]++[ \t]*+:|[ \t])[^\n]*+(?:\n|\Z))*")
_GUESSED_BOUNDARY = re.compile(rb"^--(\S[^\r\n]{0,200}?)[ \t]*\r?\ncontent-", re.IGNORECASE | re.MULTILINE)
_PART_BEGINS = re.compile(rb"\ncontent-(?:type|transfer|disp)", re.IGNORECASE)
_GUESS_WITHIN = 65_536
_TEXT = "text/plain"
_MESSAGE = "message/rfc822"
_DIGEST = "multipart/digest"
_UNREAD = "application/octet-stream"
_ALTERNATIVE = "multipart/alternative"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A part that is no multipart; its body is `octets[start:end]`, still in its transfer encoding.

    `path` is its number as IMAP counts (RFC 9051 section 6.4.5), `index` its place among its siblings, `alternative`
    tells the outermost multipart/alternative it belongs to (0: none). `is_cut`: the octets ended before it did.
    """

    path: str
    parent: str
    index: int
    alternative: int
    type: str
    parameters: Mapping[str, str]
    disposition: Parsed
    encoding: str
    start: int
    end: int
    is_cut: bool

    @property
    def where(self) -> str:
        """The place of a defect in it."""
        return _where(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entity:
    """What its header says of a part; `path` is empty for the message itself."""

    raw: Mapping[str, str]
    parsed: Parsed
    type: str
    body: int
    path: str = ""
    parent: str = ""
    index: int = 0
    alternative: int = 0


@dataclass(slots=True)
class _Open:
    """A multipart whose end was not seen."""

    entity: _Entity
    boundary: bytes
    alternative: int
    children: int = 0


def walk(octets: bytes, start: int, raw: Mapping[str, str], defects: Defects, *, is_cut: bool = False) -> list[Leaf]:
    """Return the leaf parts of the message whose body begins at `start`; `raw` are its undecoded header fields."""
    walker = _Walk(octets=octets, defects=defects, is_cut=is_cut)
    walker.run(start, raw)
    return walker.leaves


def header_end(octets: bytes, start: int, limit: int) -> tuple[int, bool]:
    """Return where the header that begins at `start` ends, `limit` at the latest, and whether an empty line said so.

    A line that can be no field is passed over when a field follows it; else the body begins with it.
    """
    position = start
    for _ in range(MAX_STRAY_LINES):
        position = _end_of_fields(octets, position, limit)
        for empty_line in (b"\n", b"\r\n"):
            if octets.startswith(empty_line, position):
                return position + len(empty_line), True
        next_line = octets.find(b"\n", position, limit) + 1
        if not next_line or _end_of_fields(octets, next_line, limit) == next_line:
            return position, position >= len(octets)
        position = next_line
    return position, False


def _end_of_fields(octets: bytes, position: int, limit: int) -> int:
    found = _FIELDS.match(octets, position, limit)
    return found.end() if found else position


@dataclass(slots=True)
class _Walk:
    """One pass over the octets of a message."""

    octets: bytes
    defects: Defects
    is_cut: bool
    leaves: list[Leaf] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    depths: dict[bytes, int] = field(default_factory=dict)
    lost: dict[bytes, _Open] = field(default_factory=dict)
    leaf: _Entity | None = None
    entities: int = 0

    def run(self, start: int, raw: Mapping[str, str]) -> None:
        self._enter(self._entity(raw, start))
        position = start
        for _ in range(MAX_DASH_LINES):
            line = self._next_dash_line(position) if self.stack else -1
            if line < 0:
                break
            position = self._delimiter(line)
        else:
            self.defects.add(DefectCode.PART_TOO_MANY)
        self._close_leaf(len(self.octets), at_end=True)
        self._close_multiparts(0, len(self.octets), is_told=False, at_end=True)

    def _next_dash_line(self, position: int) -> int:
        """Return where the next line from here begins that begins with `--`; -1: there is none."""
        if position == 0 and self.octets.startswith(b"--"):
            return 0
        found = self.octets.find(b"\n--", max(position - 1, 0))
        return found + 1 if found >= 0 else -1

    def _delimiter(self, line: int) -> int:
        """Handle a line that begins with `--`; return where to look on: at its end, or after the part's header."""
        limit = line + MAX_BOUNDARY_BYTES
        end = self.octets.find(b"\n", line, limit)
        end = end if end >= 0 else min(len(self.octets), limit)
        depth, is_close = self._match(line, end)
        if depth < 0:
            return self._come_back(line, end)
        self._close_leaf(line)
        self._close_multiparts(depth + 1, line, is_told=False)
        if is_close:
            self._close_multiparts(depth, line, is_told=True)
            return end
        return self._begin_part(self.stack[depth], min(end + 1, len(self.octets)))

    def _come_back(self, line: int, end: int) -> int:
        """Go on with a multipart that an outer delimiter ended too early, if this line is a delimiter of it."""
        opened = self.lost.pop(self.octets[line + 2 : end].rstrip(b" \t\r"), None)
        if opened is None or len(self.stack) >= MAX_DEPTH:
            return end
        self._close_leaf(line)
        self.stack.append(opened)
        self._number()
        return self._begin_part(opened, min(end + 1, len(self.octets)))

    def _match(self, line: int, end: int) -> tuple[int, bool]:
        """Return the depth of the open multipart that a line delimits (-1: none), and whether it closes it."""
        words = self.octets[line + 2 : end].rstrip(b" \t\r")
        depth = self.depths.get(words, -1)
        if depth >= 0:
            return depth, False
        if words.endswith(b"--") and words[:-2] in self.depths:
            return self.depths[words[:-2]], True
        last = self.stack[-1]
        if not last.children and words.startswith(last.boundary) and _PART_BEGINS.match(self.octets, end):
            # RFC 2046 section 5.1.1: anything may follow the boundary. What follows it once belongs to it.
            last.boundary = words
            self._number()
            return len(self.stack) - 1, False
        return -1, False

    def _begin_part(self, opened: _Open, start: int) -> int:
        """Read the header of the part that begins here; return where its body begins."""
        opened.children += 1
        self.entities += 1
        if self.entities > MAX_PARTS:
            self.defects.add(DefectCode.PART_TOO_MANY)
            self.stack.clear()
            return len(self.octets)
        path = f"{opened.entity.path}.{opened.children}".lstrip(".")
        body, raw = self._header(start, path)
        entity = self._entity(raw, body, opened=opened, path=path)
        self._enter(entity)
        return body

    def _header(self, start: int, path: str) -> tuple[int, Mapping[str, str]]:
        """Read a part's header, which a delimiter may cut short."""
        end, is_closed = header_end(self.octets, start, start + MAX_PART_HEADER_BYTES)
        line = self._next_dash_line(start)
        while 0 <= line <= end:
            stop = self.octets.find(b"\n", line, line + MAX_BOUNDARY_BYTES)
            if self._match(line, stop if stop >= 0 else len(self.octets))[0] >= 0:
                end, is_closed = line, True
                break
            line = self._next_dash_line(line + 2)
        block = read_headers(self.octets[start:end])
        self.defects.extend(block.defects, _where(path))
        if not is_closed:
            self.defects.add(DefectCode.HEADER_NOT_CLOSED, _where(path))
        return end, block.raw

    def _entity(self, raw: Mapping[str, str], body: int, *, opened: _Open | None = None, path: str = "") -> _Entity:
        declared = raw.get("content-type", "")[:MAX_PARAMETERS_CHARS]
        default = _MESSAGE if opened and opened.entity.type == _DIGEST else _TEXT
        parsed = parse_content_type(declared) if declared else Parsed(value=default)
        self.defects.extend(parsed.defects, _where(path))
        return _Entity(
            raw=raw,
            parsed=parsed,
            type=parsed.value or _TEXT,
            body=body,
            path=path,
            parent=opened.entity.type if opened else "",
            index=opened.children - 1 if opened else 0,
            alternative=opened.alternative if opened else 0,
        )

    def _enter(self, entity: _Entity) -> None:
        """Open a multipart, or remember a leaf until its end is seen."""
        if entity.type.startswith("multipart/") and len(self.stack) >= MAX_DEPTH:
            self.defects.add(DefectCode.PART_TOO_DEEP, _where(entity.path))
            entity = replace(entity, type=_UNREAD)
        boundary = self._boundary(entity) if entity.type.startswith("multipart/") else b""
        if not boundary:
            self.leaf = entity
            return
        starts = entity.type == _ALTERNATIVE and not entity.alternative
        alternative = self.entities + 1 if starts else entity.alternative
        self.stack.append(_Open(entity=entity, boundary=boundary, alternative=alternative))
        self._number()

    def _boundary(self, entity: _Entity) -> bytes:
        """Return the boundary of a multipart, guessed where it names none; empty where there is nothing to guess."""
        named = entity.parsed.parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
        if 0 < len(named) < MAX_BOUNDARY_BYTES:
            return named
        self.defects.add(DefectCode.BOUNDARY_MISSING, _where(entity.path))
        guessed = _GUESSED_BOUNDARY.search(self.octets, entity.body, entity.body + _GUESS_WITHIN)
        return guessed[1] if guessed else b""

    def _close_leaf(self, end: int, *, at_end: bool = False) -> None:
        if self.leaf is None:
            return
        self._add_leaf(self.leaf, end, self.leaf.type, at_end=at_end)
        self.leaf = None

    def _close_multiparts(self, depth: int, end: int, *, is_told: bool, at_end: bool = False) -> None:
        """Close the multiparts from this depth on; one without any part is read as text."""
        for opened in reversed(self.stack[depth:]):
            if at_end and self.is_cut:
                continue
            if not opened.children:
                self._add_leaf(opened.entity, end, _TEXT, at_end=at_end)
            if not (is_told and opened.children):
                code = DefectCode.MULTIPART_NOT_CLOSED if opened.children else DefectCode.MULTIPART_EMPTY
                self.defects.add(code, _where(opened.entity.path))
                self.lost[opened.boundary] = opened
        if depth < len(self.stack):
            del self.stack[depth:]
            self._number()

    def _number(self) -> None:
        self.depths = {opened.boundary: depth for depth, opened in enumerate(self.stack)}

    def _add_leaf(self, entity: _Entity, end: int, kind: str, *, at_end: bool) -> None:
        start = min(entity.body, end)
        if not at_end:  # the line end before a delimiter belongs to it (RFC 2046 section 5.1.1)
            end -= self.octets.endswith(b"\n", start, end)
            end -= self.octets.endswith(b"\r", start, end)
        codes: set[str] = set()
        disposition = entity.raw.get("content-disposition", "")[:MAX_PARAMETERS_CHARS]
        placed = parse_disposition(disposition) if disposition else Parsed()
        is_multipart = kind.startswith("multipart/") or entity.type.startswith("multipart/")
        encoding = "" if is_multipart else encoding_of(entity.raw.get("content-transfer-encoding", ""), codes)
        path = entity.path or "1"
        self.defects.extend(codes | placed.defects, _where(path))
        self.leaves.append(
            Leaf(
                path=path,
                parent=entity.parent,
                index=entity.index,
                alternative=entity.alternative,
                type=_TEXT if is_multipart else kind,
                parameters=entity.parsed.parameters,
                disposition=placed,
                encoding=encoding,
                start=start,
                end=end,
                is_cut=at_end and self.is_cut,
            )
        )


def _where(path: str) -> str:
    return f"part:{path or '1'}"
