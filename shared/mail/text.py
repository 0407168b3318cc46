"""Leaf parts -> what a person sees of a mail, and what else is in it. Never raises; text is cut at MAX_TEXT_CHARS."""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from shared.mail.attachments import attachments, file_name, uuencoded_attachment
from shared.mail.charset import decode_text
from shared.mail.defects import DefectCode, Defects
from shared.mail.email import ReadText
from shared.mail.headers import read_headers
from shared.mail.html import visible_text
from shared.mail.limits import (
    MAX_ATTACHMENTS,
    MAX_HEADER_BYTES,
    MAX_HTML_OCTETS,
    MAX_HTML_TAGS,
    MAX_PARTS,
    MAX_PLAIN_OCTETS,
    MAX_SOURCE_OCTETS,
    MAX_TEXT_CHARS,
)
from shared.mail.plain import plain_text, without_invisible
from shared.mail.safe_text import safe_text
from shared.mail.structure import Leaf, walk
from shared.mail.transfer import decode, uuencoded
from shared.records import Attachment

_PLAIN_TYPE = "text/plain"
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_RICH_TYPES = frozenset({"text/enriched", "text/richtext"})
_RICH_COMMAND = re.compile(r"<(<)|</?[A-Za-z0-9-]{1,60}>")  # RFC 1896
_LOOKS_HTML = re.compile(rb"\s{0,99}(?:<!doctype html|<html\b)", re.IGNORECASE)
_URL = re.compile(r"(?:https?://|www\.)\S+")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\uffef"
# Scripts that part no words are compared by the letter.
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]{{4,}}")
_WORDS_COMPARED = 500
_STUB_CHARS = 200
_STUB_SHARE = 4
_SAME_SHARE = 0.25
_FEW_WORDS = 5
_ENCODED_SHARE = 3
"""At most this many octets of an encoding stand for one: `=3D`."""


@dataclass(slots=True)
class _Shown:
    """The text of one part, as a person sees it."""

    leaf: Leaf
    text: str
    is_cut: bool
    is_hiding: bool
    files: list[Attachment] = field(default_factory=list)


def read_text(header: bytes, body: bytes, *, truncated: bool = False) -> ReadText:
    """Read the text of a mail from its header (the Content-* fields at least) and its body, which may be cut."""
    defects = Defects()
    block = read_headers(header[:MAX_HEADER_BYTES])
    for defect in block.found:
        defects.add(defect.code, defect.where)
    return read_body(body, 0, block.raw, defects, is_cut=truncated)


def read_body(octets: bytes, start: int, raw: Mapping[str, str], defects: Defects, *, is_cut: bool) -> ReadText:
    """Read the body that begins at `start`; `raw` are the undecoded header fields."""
    leaves = walk(octets, start, raw, defects, is_cut=is_cut)
    texts = [leaf for leaf in leaves if _is_text(leaf, _HTML_TYPES | {_PLAIN_TYPE})]
    texts = texts or [leaf for leaf in leaves if _is_text(leaf, _RICH_TYPES)]
    shown = _chosen(_Reader(octets=octets, defects=defects), texts, defects)
    text_paths = {leaf.path for leaf in texts}
    files = attachments(octets, (leaf for leaf in leaves if leaf.path not in text_paths), defects)
    files += [file for part in shown for file in part.files]
    text = "\n\n".join(part.text for part in shown if part.text)
    is_hiding = any(part.is_hiding for part in shown)
    return ReadText(
        text=text[:MAX_TEXT_CHARS].rstrip(),
        truncated=is_cut
        or len(text) > MAX_TEXT_CHARS
        or len(leaves) >= MAX_PARTS
        or any(part.is_cut for part in shown),
        hidden_text=is_hiding,
        attachments=tuple(files[:MAX_ATTACHMENTS]),
        defects=defects.listed(),
    )


def _is_text(leaf: Leaf, types: Set[str]) -> bool:
    """Whether a part is shown as text (RFC 8621 section 4.1.4): a named part is, only where it comes first."""
    if leaf.type not in types or leaf.disposition.value == "attachment":
        return False
    return leaf.index == 0 or (leaf.parent != "multipart/related" and not file_name(leaf))


def _chosen(reader: "_Reader", texts: Sequence[Leaf], defects: Defects) -> list[_Shown]:
    """Read the text parts; of each multipart/alternative only one kind."""
    shown: list[_Shown] = []
    room = MAX_TEXT_CHARS
    done: set[int] = set()
    for leaf in texts:
        if leaf.alternative in done:
            continue
        if leaf.alternative:
            done.add(leaf.alternative)
            group = [other for other in texts if other.alternative == leaf.alternative]
            read = _alternative(reader, group, defects)
        else:
            read = [reader.read(leaf)]
        shown += read
        room -= sum(len(part.text) for part in read)
        if room <= 0:
            shown[-1].is_cut = shown[-1].is_cut or leaf is not texts[-1]
            break
    return shown


def _alternative(reader: "_Reader", group: Sequence[Leaf], defects: Defects) -> list[_Shown]:
    """Choose the plain text if it says what the HTML says; what differs from what is displayed, nobody sees."""
    plain = [reader.read(leaf) for leaf in group if leaf.type not in _HTML_TYPES]
    rich = [reader.read(leaf) for leaf in group if leaf.type in _HTML_TYPES]
    plain_words, rich_words = _words(plain), _words(rich)
    plain_chars, rich_chars = (sum(len(part.text) for part in parts) for parts in (plain, rich))
    if not rich_words and plain_chars:
        return plain
    if plain_chars < _STUB_CHARS and plain_chars * _STUB_SHARE < rich_chars:
        return rich
    is_partial = any(part.is_cut for part in rich)
    if is_partial or len(plain_words & rich_words) >= len(plain_words) * _SAME_SHARE:
        if any(part.is_hiding for part in rich) and plain:
            plain[0].is_hiding = True
        return plain or rich
    if len(plain_words) >= _FEW_WORDS:
        defects.add(DefectCode.TEXT_DIFFERS, group[0].where)
        rich[0].is_hiding = True
    return rich


def _words(parts: Iterable[_Shown]) -> set[str]:
    text = " ".join(part.text for part in parts)
    return set(_WORD.findall(_URL.sub(" ", text).lower())[:_WORDS_COMPARED])


@dataclass(slots=True)
class _Reader:
    """Decodes text parts of one message, within what all of them together may cost."""

    octets: bytes
    defects: Defects
    source_left: int = MAX_SOURCE_OCTETS
    tags_left: int = MAX_HTML_TAGS

    def read(self, leaf: Leaf) -> _Shown:
        codes: set[str] = set()
        is_html = leaf.type in _HTML_TYPES
        octets, is_cut = self._decoded(leaf, MAX_HTML_OCTETS if is_html else MAX_PLAIN_OCTETS, codes)
        is_html = is_html or bool(_LOOKS_HTML.match(octets))
        files, octets = ([], octets) if is_html else uuencoded(octets)
        label = leaf.parameters.get("charset", "")
        source = safe_text(decode_text(octets, label, codes, is_html=is_html, is_cut=is_cut), codes)
        shown = (self._visible if is_html else _plain)(leaf, source, codes, is_cut=is_cut)
        if shown.is_hiding:
            codes.add(DefectCode.TEXT_HIDDEN)
        shown.files = [uuencoded_attachment(file) for file in files]
        self.defects.extend(codes, leaf.where)
        return shown

    def _decoded(self, leaf: Leaf, most: int, codes: set[str]) -> tuple[bytes, bool]:
        """Return the beginning of a part, and whether it is cut."""
        if leaf.start < leaf.end and not self.source_left:
            codes.add(DefectCode.TEXT_TOO_LONG)
        most = min(most, self.source_left)
        end = min(leaf.end, leaf.start + most * (_ENCODED_SHARE if leaf.encoding else 1))
        octets = decode(self.octets[leaf.start : end], leaf.encoding, codes)
        is_cut = leaf.is_cut or end < leaf.end or len(octets) > most
        self.source_left -= min(len(octets), most)
        return octets[:most], is_cut

    def _visible(self, leaf: Leaf, source: str, codes: set[str], *, is_cut: bool) -> _Shown:
        visible = visible_text(source, codes, max_chars=MAX_TEXT_CHARS, max_tags=max(self.tags_left, 1), is_cut=is_cut)
        self.tags_left -= visible.tags
        text = safe_text(visible.text, codes)  # again: `&#7;`
        return _Shown(leaf=leaf, text=text, is_cut=visible.is_cut, is_hiding=visible.is_hiding)


def _plain(leaf: Leaf, source: str, _codes: set[str], *, is_cut: bool) -> _Shown:
    source = _RICH_COMMAND.sub(r"\1", source) if leaf.type in _RICH_TYPES else source
    is_flowed = leaf.parameters.get("format", "").lower() == "flowed"
    text, is_hiding = without_invisible(source)
    return _Shown(leaf=leaf, text=plain_text(text, is_flowed=is_flowed), is_cut=is_cut, is_hiding=is_hiding)
