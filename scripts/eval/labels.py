"""What the labels of the test mail say in terms of our categories: labels.yml, read and asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from scripts.eval.errors import EvalError

LABELS = Path(__file__).with_name("labels.yml")
JUNK = "junk"
Half = Literal["design", "held-out"]
_LABEL_KEYS = frozenset({"source", "field", "value", "means", "also", "because"})
_READ_KEYS = frozenset({"id", "means", "because"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a mail is, as far as its label tells.

    `means` is the category a label stands for, None for a mail that is none of ours or whose label does not say.
    `also` are categories that are no mistake for it. `known` is false where nothing can be called right or wrong.
    """

    means: str | None
    also: frozenset[str] = frozenset()
    known: bool = True

    @property
    def is_junk(self) -> bool:
        """Whether the label says that nobody asked for this mail."""
        return self.means == JUNK


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One line of the mapping: rows of `source` whose `field` has this value; no field means every row."""

    source: str
    field: str | None
    value: str | None
    truth: Truth

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of the manifest bears this label."""
        if source_of(row["id"]) != self.source:
            return False
        if self.field is None:
            return True
        found = row.get(self.field)
        return self.value in found if isinstance(found, list) else found == self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The mapping: mails that were read one by one, then labels, of which the first that fits counts."""

    read: Mapping[str, Truth]
    labels: Sequence[Label]

    def sources(self) -> list[str]:
        """Return the sources that have labels, in their order."""
        return list(dict.fromkeys(label.source for label in self.labels))

    def categories(self) -> set[str]:
        """Return every category that the mapping names."""
        truths = [*self.read.values(), *(label.truth for label in self.labels)]
        return {name for truth in truths for name in (truth.means, *truth.also) if name is not None}

    def truth(self, row: Mapping[str, Any]) -> Truth:
        """Return what is known of a row's mail."""
        found = self.read.get(row["id"]) or next((one.truth for one in self.labels if one.fits(row)), None)
        if found is None:
            raise EvalError(f"labels.yml says nothing of {row['id']}")
        return found


def read_labels(path: Path = LABELS) -> Labels:
    """Read the mapping; every line of it must give its reason."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    labels = [
        Label(source=line["source"], field=line.get("field"), value=line.get("value"), truth=_truth(line))
        for line in document["labels"]
        if _checked(line, _LABEL_KEYS, path)
    ]
    read = {
        line["id"]: Truth(means=None, also=frozenset({line["means"]}))
        for line in document["read"]
        if _checked(line, _READ_KEYS, path)
    }
    return Labels(read=read, labels=labels)


def _truth(line: Mapping[str, Any]) -> Truth:
    means = line["means"]
    also = frozenset(line.get("also", ()))
    return Truth(means=None if means in {"none", "unknown"} else means, also=also, known=means != "unknown")


def _checked(line: Mapping[str, Any], keys: frozenset[str], path: Path) -> bool:
    if not (line.get("means") and line.get("because")) or not keys >= line.keys():
        raise EvalError(f"{path.name}: a line needs means and because, and no other key than {', '.join(sorted(keys))}")
    return True


def source_of(mail_id: str) -> str:
    """Return the source of a mail: the first part of its id."""
    return mail_id.partition("/")[0]
