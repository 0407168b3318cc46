"""Names that our language and IMAP allow, made from names that people gave elsewhere."""

import re
import unicodedata

MAX_NAME_CHARS = 60
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_NOT_IN_KEYWORDS = re.compile(r"[^!#$&'+,./0-9:;<=>?@A-Z^_`a-z|}~-]+")  # RFC 9051 atom, as rules allow it


def rule_name(text: str) -> str:
    """Return a rule's name made of this text; empty if nothing of it is left."""
    name = _NOT_IN_NAMES.sub("-", unicodedata.normalize("NFKC", text).lower())[:MAX_NAME_CHARS]
    return name.strip("-._")


class UniqueNames:
    """Gives a second rule of the same name a number."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def take(self, name: str) -> str:
        """Return the name, or the name with the first number that is free."""
        found = name
        while found in self._taken:
            self._taken[name] += 1
            found = f"{name}-{self._taken[name]}"
        self._taken[found] = 1
        return found


class Keywords:
    """Gives each label a keyword: the label itself where IMAP allows that, else something close, never one twice."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._names = UniqueNames()

    def __contains__(self, label: str) -> bool:
        return label in self._of

    def of(self, label: str) -> str:
        """Return the keyword for a label."""
        if label not in self._of:
            plain = "".join(one for one in unicodedata.normalize("NFKD", label) if not unicodedata.combining(one))
            close = _NOT_IN_KEYWORDS.sub("_", plain)[:MAX_NAME_CHARS].strip("_")
            self._of[label] = self._names.take(close or "label")
        return self._of[label]
