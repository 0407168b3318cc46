"""HTML -> the text that a person sees. A scanner in linear time, with the tree rules that matter for what is hidden.

A browser's parser is no choice here: ten kilobytes of nested markup make one build a tree of a hundred megabytes, or
take seconds; docs/mail.md has the figures.
"""

import html
import re
from dataclasses import dataclass, field, replace

from shared.mail.defects import DefectCode
from shared.mail.elements import (
    BREAKS,
    ENDS,
    NEVER_SEEN,
    NO_TEXT,
    OWN_COLOUR,
    OWN_WALLS,
    PREFORMATTED,
    RAW,
    UNLIKE,
    VOID,
    WALLS,
)
from shared.mail.limits import MAX_HTML_DEPTH, MAX_HTML_TAGS
from shared.mail.plain import without_invisible
from shared.mail.styles import Seen, StyleSheet, painted, styled

# A quote opens only after an equals sign; one that never closes swallows the rest, as it does in a browser.
_TAG = re.compile(
    r"""<(?: (?P<close>/?) (?P<name>[a-zA-Z][^\s/>]*+)
             (?P<attributes>(?:[^>=]++|=\s*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z))?)*) (?:>|\Z)
          | !--(?P<comment>>|->)? | [!?/] )""",
    re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""([^\s=/"'>]++)(?:\s*+=\s*+(?:"([^"]*+)|'([^']*+)|([^\s>]++)))?""")
_TELLING = re.compile(r"(?i)style|hidden|color|background")
_END_OF_RAW = {name: re.compile(rf"(?i)</{name}(?=[\s/>])") for name in RAW}
_SPACES = str.maketrans("\t\n\r\f", "    ")
_RUNS = re.compile(r"[ \t\xa0\u2000-\u200a\u202f\u205f]{2,}|[\t\xa0\u2000-\u200a\u202f\u205f]")
_LINE_END = re.compile(r" ?\n ?")
_EMPTY_LINES = re.compile(r"\n{3,}")
_WORD = re.compile(r"\w")
# No character has a number so long, and Python refuses to read one of more than 4,300 digits.
_LONG_NUMBER = re.compile(r"&#([0-9]{8,})")
_MAX_DIGITS = 8
_ROOM = 4
"""Source characters per character of text that are kept: entities, and white space that is squeezed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """The text that is seen; whether there was text that is not; whether there is more; how many tags were read."""

    text: str
    is_hiding: bool = False
    is_cut: bool = False
    tags: int = 0


def visible_text(
    source: str, defects: set[str], *, max_chars: int, max_tags: int = MAX_HTML_TAGS, is_cut: bool = False
) -> Visible:
    """Return what a person sees of an HTML document, of which the end may be cut off."""
    scanner = _Scanner(source=source, max_chars=max_chars, max_tags=max_tags)
    scanner.run()
    defects.update(scanner.defects)
    text = _unescaped("".join(scanner.pieces)) if "&" in source else "".join(scanner.pieces)
    text, is_padded = without_invisible(text)
    text = _EMPTY_LINES.sub("\n\n", _LINE_END.sub("\n", _RUNS.sub(" ", text))).strip()
    return Visible(
        text=text[:max_chars],
        is_hiding=scanner.is_hiding or is_padded,
        is_cut=is_cut or scanner.is_cut or len(text) > max_chars,
        tags=scanner.tags,
    )


def _unescaped(text: str) -> str:
    """Return text with its character references (HTML section 13.2.5.72) replaced."""
    return html.unescape(_LONG_NUMBER.sub(lambda found: f"&#{found[1].lstrip('0')[:_MAX_DIGITS] or 0}", text))


@dataclass(slots=True)
class _Scanner:
    """One pass over the source, with the names of the open elements and how text is shown outside of each."""

    source: str
    max_chars: int
    max_tags: int
    pieces: list[str] = field(default_factory=list)
    defects: set[str] = field(default_factory=set)
    names: list[str] = field(default_factory=list)
    outside: list[tuple[Seen, bool]] = field(default_factory=list)
    open: dict[str, int] = field(default_factory=dict)
    sheet: StyleSheet = field(default_factory=StyleSheet)
    seen: Seen = field(default_factory=Seen)
    is_shown: bool = True
    is_pre: bool = False
    is_hiding: bool = False
    is_cut: bool = False
    length: int = 0
    tags: int = 0

    def run(self) -> None:
        position, room = 0, self.max_chars * _ROOM
        while self.tags < self.max_tags:
            self.tags += 1
            found = _TAG.search(self.source, position)
            end = found.start() if found else len(self.source)
            if end > position:
                self._text(self.source[position:end])
            if found is None or self.length > room:
                self.is_cut = found is not None
                return
            position = self._tag(found)
        self.is_cut = True
        self.defects.add(DefectCode.TEXT_TOO_LONG)

    def _text(self, piece: str) -> None:
        if not self.is_shown:
            if not (self.is_hiding or self.seen.is_no_text):
                self.is_hiding = bool(_WORD.search(_unescaped(piece) if "&" in piece else piece))
            return
        if not self.is_pre:
            piece = piece.translate(_SPACES)
            if piece.isspace():
                piece = " "
        self.pieces.append(piece)
        self.length += len(piece)

    def _tag(self, found: re.Match[str]) -> int:
        """Handle what begins with `<`; return where the text goes on."""
        name = found["name"]
        if name is None:
            return self._no_element(found)
        name = name.lower()
        if self.is_shown and name in BREAKS:
            self.pieces.append(BREAKS[name])
        if found["close"]:
            if self.open.get(name):
                self._close(name)
            return found.end()
        if name in _END_OF_RAW:
            return self._raw(name, found.end())
        self._open(name, found["attributes"])
        return found.end()

    def _no_element(self, found: re.Match[str]) -> int:
        """Pass over a comment or a declaration."""
        if found["comment"]:
            return found.end()
        if found[0].startswith("<!--"):
            end = self.source.find("-->", found.end())
            return end + 3 if end >= 0 else len(self.source)
        end = self.source.find(">", found.end())
        return end + 1 if end >= 0 else len(self.source)

    def _raw(self, name: str, start: int) -> int:
        """Read an element whose content is no markup."""
        found = _END_OF_RAW[name].search(self.source, start)
        end = found.start() if found else len(self.source)
        if name == "style":
            self.sheet.read(self.source[start:end])
            if self.sheet.paints:
                self._doubt_the_background()
        elif name not in NEVER_SEEN:
            self._text(self.source[start:end])
        return end

    def _doubt_the_background(self) -> None:
        """A style sheet may paint the page: text in white is then no longer text on white."""
        self._show(self.seen.doubted(), is_pre=self.is_pre)
        self.outside = [(seen.doubted(), is_pre) for seen, is_pre in self.outside]

    def _show(self, seen: Seen, *, is_pre: bool) -> None:
        self.seen, self.is_pre = seen, is_pre
        self.is_shown = not (seen.is_no_text or seen.is_hidden)

    def _open(self, name: str, attributes: str) -> None:
        for ended in ENDS.get(name, ()):
            if self.open.get(ended):
                self._close(ended)
        if name in VOID:
            return
        seen = self._inherited(name) if name in UNLIKE else self.seen
        if attributes and (self.sheet.hidden or _TELLING.search(attributes)):
            seen = self._shown(seen, attributes)
        if len(self.names) >= MAX_HTML_DEPTH:
            self.defects.add(DefectCode.HTML_TOO_DEEP)
            return
        self.names.append(name)
        self.outside.append((self.seen, self.is_pre))
        self.open[name] = self.open.get(name, 0) + 1
        if seen is not self.seen or name in PREFORMATTED:
            self._show(seen, is_pre=self.is_pre or name in PREFORMATTED)

    def _inherited(self, name: str) -> Seen:
        if name in OWN_COLOUR and self.seen.colour:
            return replace(self.seen, colour="")
        return replace(self.seen, is_no_text=True) if name in NO_TEXT else self.seen

    def _shown(self, seen: Seen, attributes: str) -> Seen:
        said: dict[str, str] = {}
        for match in _ATTRIBUTE.finditer(attributes):  # of two the first counts
            said.setdefault(match[1].lower(), match[2] or match[3] or match[4] or "")
        names = {f".{name}" for name in said.get("class", "").lower().split()} | {f"#{said.get('id', '').lower()}"}
        if "hidden" in said or names & self.sheet.hidden:
            seen = replace(seen, is_gone=True)
        if "bgcolor" in said or "color" in said or "background" in said:
            background = said.get("bgcolor", "") or ("?" if said.get("background") else "")
            seen = painted(seen, colour=said.get("color", ""), background=background)
        style = said.get("style", "")
        return styled(seen, _unescaped(style) if "&" in style else style) if style else seen

    def _close(self, name: str) -> None:
        """Close the innermost element of this name and what is open within it, but not across a table's cell."""
        walls = OWN_WALLS.get(name, WALLS)
        for depth in range(len(self.names) - 1, -1, -1):
            if self.names[depth] == name:
                self._leave(depth)
                return
            if self.names[depth] in walls:
                return

    def _leave(self, depth: int) -> None:
        seen, is_pre = self.outside[depth]
        for name in self.names[depth:]:
            self.open[name] -= 1
        del self.names[depth:], self.outside[depth:]
        if seen is not self.seen or is_pre is not self.is_pre:
            self._show(seen, is_pre=is_pre)
