"""What a style says about being seen: inline styles, and the simple rules of a style sheet."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from shared.mail.limits import MAX_HIDDEN_NAMES, MAX_STYLE_CHARS

WHITE = "ffffff"
UNKNOWN = "?"
_COMMENT = re.compile(r"/\*(?:[^*]++|\*(?!/))*(?:\*/|\Z)")
_DECLARATION = re.compile(r"([a-z-]{2,30})\s*+:\s*+([^;]{1,200})")
_NUMBER = re.compile(r"-?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})")
_SELECTOR = re.compile(r"[a-z0-9*]{0,20}([.#])([\w-]{1,100})\Z")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})(?:[\s,/]+([\d.]{1,9}))?")
_HEX = re.compile(r"(?:#|\A)([0-9a-f]{6}|[0-9a-f]{3})\b")
_COLOURS = {"white": WHITE, "black": "000000", "snow": WHITE, "ivory": WHITE}
_USUAL_STYLE_CHARS = 400
_COLOUR_CHARS = 60
_SMALLEST_PX = 1.5
_FAR_PX = 500
_NEARLY_NOTHING = 0.05
_SHORT_HEX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How an element's text is shown, inherited from element to element; a new mail is a white page.

    `is_no_text`: what is in it is no part of the text, and hides nothing: the choices of a form.
    """

    is_no_text: bool = False
    is_gone: bool = False
    is_invisible: bool = False
    is_tiny: bool = False
    colour: str = ""
    background: str = WHITE

    @property
    def is_hidden(self) -> bool:
        """Whether it was made so that nobody can read it."""
        return self.is_gone or self.is_invisible or self.is_tiny or self.colour == self.background

    def doubted(self) -> "Seen":
        """Return the same with a page of unknown colour."""
        return replace(self, background=UNKNOWN) if self.background == WHITE else self


@dataclass(slots=True)
class StyleSheet:
    """The classes and ids that a style sheet hides, outside of media queries."""

    hidden: set[str] = field(default_factory=set)
    paints: bool = False

    def read(self, css: str) -> None:
        """Take in the text of a style element."""
        css = _COMMENT.sub(" ", css[:MAX_STYLE_CHARS].lower())
        self.paints = self.paints or "background" in css
        if not any(word in css for word in ("none", "hidden", "opacity", "font-size")):
            return
        for selectors, body in _rules(css):
            if len(self.hidden) < MAX_HIDDEN_NAMES and _hides(body):
                found = map(_SELECTOR.match, map(str.strip, selectors.split(",")[:MAX_HIDDEN_NAMES]))
                self.hidden.update(match[1] + match[2] for match in found if match)


def _rules(css: str) -> Iterator[tuple[str, str]]:
    """Yield selectors and declarations of the rules that hold on every screen."""
    depth, selectors, position = 0, "", 0
    for brace in re.finditer(r"[{}]", css):
        piece, position = css[position : brace.start()], brace.end()
        if brace[0] == "{":
            selectors = piece if depth == 0 else ""
            depth += 1
        else:
            if depth == 1 and selectors and "@" not in selectors:
                yield selectors, piece
            depth = max(depth - 1, 0)
            selectors = ""


def _hides(style: str) -> bool:
    return styled(Seen(background=UNKNOWN), style).is_hidden


def styled(above: Seen, style: str) -> Seen:
    """Return how text is shown in an element with this inline style, within one that is shown as `above`."""
    if len(style) > _USUAL_STYLE_CHARS:  # what strangers write at length is not kept
        return _read_style(above, style)
    return _known_style(above, style)


@lru_cache(maxsize=4096)
def _known_style(above: Seen, style: str) -> Seen:
    return _read_style(above, style)


def _read_style(above: Seen, style: str) -> Seen:
    said = {name: value.strip() for name, value in _DECLARATION.findall(_COMMENT.sub(" ", style.lower()))}
    if not said:
        return above
    return replace(
        above,
        is_gone=above.is_gone or _is_gone(said),
        is_invisible=_is_invisible(said, above),
        is_tiny=_is_tiny(said, above),
        colour=_colour(said["color"]) or above.colour if "color" in said else above.colour,
        background=_background(said, above),
    )


def painted(above: Seen, *, colour: str = "", background: str = "") -> Seen:
    """Return how text is shown with the colours of old attributes; an unknown background may be any."""
    if colour:
        above = replace(above, colour=_colour(colour) or above.colour)
    return replace(above, background=_colour(background) or UNKNOWN) if background else above


def _is_gone(said: dict[str, str]) -> bool:
    if said.get("display", "").startswith("none"):
        return True
    if _is_nothing(said.get("opacity"), _NEARLY_NOTHING):
        return True
    if said.get("overflow", "").startswith("hidden") and any(
        _is_nothing(said.get(name), _SMALLEST_PX) for name in ("max-height", "height", "max-width", "width")
    ):
        return True
    return any(
        said.get(name, "").startswith("-") and _number(said[name]) < -_FAR_PX for name in ("text-indent", "left", "top")
    )


def _is_invisible(said: dict[str, str], above: Seen) -> bool:
    visibility = said.get("visibility", "")
    if not visibility:
        return above.is_invisible
    return visibility.startswith(("hidden", "collapse"))


def _is_tiny(said: dict[str, str], above: Seen) -> bool:
    size = said.get("font-size", "")
    if not size or not _NUMBER.match(size):
        return above.is_tiny and not size
    if "em" in size or "%" in size:
        return above.is_tiny or _number(size) == 0
    return _number(size) <= _SMALLEST_PX


def _is_nothing(value: str | None, most: float) -> bool:
    return bool(value) and bool(_NUMBER.match(value or "")) and _number(value or "") <= most


def _number(value: str) -> float:
    found = _NUMBER.match(value)
    return float(found[0]) if found else 0.0


def _background(said: dict[str, str], above: Seen) -> str:
    value = said.get("background-color") or said.get("background") or ""
    if "url" in value or "gradient" in value or "background-image" in said:
        return UNKNOWN
    if not value or value.startswith(("transparent", "none", "inherit")):
        return above.background
    return _colour(value) or UNKNOWN


def _colour(value: str) -> str:
    """Return a colour as six hexadecimal digits, empty where it is unknown."""
    return _known_colour(value.strip()[:_COLOUR_CHARS].lower())


@lru_cache(maxsize=1024)
def _known_colour(value: str) -> str:
    found = _HEX.search(value)
    if found:
        digits = found[1]
        return _nearly_white("".join(digit * 2 for digit in digits) if len(digits) == _SHORT_HEX else digits)
    rgb = _RGB.search(value)
    if rgb:
        return _nearly_white("".join(f"{min(int(part), 255):02x}" for part in rgb.groups()[:3]))
    return next((code for name, code in _COLOURS.items() if value.startswith(name)), "")


def _nearly_white(digits: str) -> str:
    return WHITE if all(digits[place] == "f" and digits[place + 1] > "7" for place in (0, 2, 4)) else digits
