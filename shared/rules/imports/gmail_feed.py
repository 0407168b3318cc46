"""Gmail's mailFilters.xml (Atom with apps:property) -> filters as they stand there. Hostile XML gives a fault."""

from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from shared.errors import InvalidRules
from shared.rules.faults import Fault, Place, quoted, raise_faults

MAX_OCTETS = 8_000_000
MAX_FILTERS = 5_000
MAX_DEPTH = 20
MAX_VALUE_CHARS = 20_000
MAX_PROPERTIES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One `apps:property` of a filter."""

    place: Place
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GmailFilter:
    """One entry of the feed."""

    place: Place
    title: str
    properties: tuple[Property, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """The filters, and the address they belong to (what `me` means), if the feed says it."""

    owner: str
    filters: tuple[GmailFilter, ...]


def read_feed(octets: bytes, file: str) -> Feed:
    """Read the feed; InvalidRules with a place if it is none, or holds entities, a DTD, or more than filters need."""
    reader = _Reader(file)
    if len(octets) > MAX_OCTETS:
        reader.refuse("the file is too large")
    try:
        reader.parser.Parse(octets, True)
    except expat.ExpatError as error:
        place = Place(file=file, line=error.lineno, column=error.offset + 1)
        raise_faults([Fault(place=place, text=f"not readable as XML: {expat.ErrorString(error.code)}")])
    except (LookupError, ValueError):  # an encoding that Python does not know, or that is not one octet a character
        reader.refuse("not readable as XML: unknown encoding")
    return Feed(owner=reader.owner.strip(), filters=tuple(reader.filters))


@dataclass(slots=True)
class _Open:
    """The entry that is being read."""

    place: Place
    title: str = ""
    properties: list[Property] = field(default_factory=list)


class _Reader:
    """Takes what expat finds. Entities are never expanded: the first declaration ends the reading."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.owner = ""
        self.filters: list[GmailFilter] = []
        self._path: list[str] = []
        self._entry: _Open | None = None
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = lambda *_: self.refuse("a document type is not allowed here")
        self.parser.EntityDeclHandler = lambda *_: self.refuse("entities are not allowed here")

    def refuse(self, text: str) -> NoReturn:
        """Raise InvalidRules for the place that is being read."""
        raise InvalidRules(str(Fault(place=self._place(), text=text)))

    def _place(self) -> Place:
        parser = self.parser
        return Place(file=self.file, line=parser.CurrentLineNumber, column=parser.CurrentColumnNumber + 1)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if not self._path and name != "feed":
            self.refuse(f"not a Gmail filter export: it begins with {quoted(tag)}, not with a feed")
        if len(self._path) >= MAX_DEPTH:
            self.refuse("nested too deeply")
        self._path.append(name)
        if self._path == ["feed", "entry"]:
            self._entry = _Open(self._place())
            if len(self.filters) >= MAX_FILTERS:
                self.refuse(f"at most {MAX_FILTERS} filters are read")
        elif name == "property" and self._entry is not None:
            self._property(self._entry, attributes)

    def _property(self, entry: _Open, attributes: dict[str, str]) -> None:
        name, value = attributes.get("name", ""), attributes.get("value", "")
        if len(value) > MAX_VALUE_CHARS or len(name) > MAX_VALUE_CHARS:
            self.refuse(f"a property may have {MAX_VALUE_CHARS} characters")
        if len(entry.properties) >= MAX_PROPERTIES:
            self.refuse(f"a filter may have {MAX_PROPERTIES} properties")
        entry.properties.append(Property(place=self._place(), name=name, value=value))

    def _end(self, _: str) -> None:
        if self._path == ["feed", "entry"] and self._entry is not None:
            entry, self._entry = self._entry, None
            found = GmailFilter(place=entry.place, title=entry.title.strip(), properties=tuple(entry.properties))
            self.filters.append(found)
        self._path.pop()

    def _text(self, text: str) -> None:
        if self._path == ["feed", "entry", "title"] and self._entry is not None:
            self._entry.title = (self._entry.title + text)[:MAX_VALUE_CHARS]
        elif self._path == ["feed", "author", "email"]:
            self.owner = (self.owner + text)[:MAX_VALUE_CHARS]
