"""From judged mails to figures: precision and coverage per category, by half and by source."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.eval.judge import Judged

MIN_PRECISION = 0.97
HALVES = ("design", "held-out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One category on one part of the mail.

    `decided`: mails the rules put here. `judged`: those of them whose label tells right from wrong, `right` of these.
    `labelled`: mails whose label means this category, `found` of these by the rules.
    """

    category: str
    part: str
    decided: int
    judged: int
    right: int
    labelled: int
    found: int

    @property
    def precision(self) -> float | None:
        """The share of right ones among the judged, None where there is none."""
        return self.right / self.judged if self.judged else None

    @property
    def coverage(self) -> float | None:
        """The share of a category's mail that the rules find (its recall), None where there is no such mail."""
        return self.found / self.labelled if self.labelled else None

    @property
    def is_below(self) -> bool:
        """Whether the precision misses the bound."""
        return self.precision is not None and self.precision < MIN_PRECISION

    def as_json(self) -> dict[str, Any]:
        """Return the row with its two shares."""
        return asdict(self) | {"precision": _rounded(self.precision), "coverage": _rounded(self.coverage)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured."""

    rules: str
    digest: str
    mails: int
    decided: int
    rows: Sequence[Row]
    sources: Sequence[Row]
    errors: Sequence[Judged]
    unjudged: Sequence[Judged]
    ham_in_junk: Sequence[str]
    fetched_more: int

    @property
    def faults(self) -> list[str]:
        """Return what misses a bound, in words."""
        faults = [f"{row.category} ({row.part}): {row.precision:.3f}" for row in self.rows if row.is_below]
        if self.ham_in_junk:
            faults.append(f"{len(self.ham_in_junk)} good mails in junk")
        return faults

    def as_json(self) -> dict[str, Any]:
        """Return one object; mails are named by their id only."""
        return {
            "rules": self.rules,
            "digest": self.digest,
            "mails": self.mails,
            "decided": self.decided,
            "min_precision": MIN_PRECISION,
            "ham_in_junk": list(self.ham_in_junk),
            "fetched_more": self.fetched_more,
            "categories": [row.as_json() for row in self.rows],
            "sources": [row.as_json() for row in self.sources],
            "errors": [_mail(one) for one in self.errors],
            "unjudged": [_mail(one) for one in self.unjudged],
        }

    def write(self, path: Path) -> None:
        """Write the report for whoever compares two of them."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def report(judged: Sequence[Judged], categories: Iterable[str], *, rules: str, digest: str) -> Report:
    """Count everything; categories come in the order of the rule file, then what else was said."""
    said = [one.said for one in judged if one.said is not None]
    names = list(dict.fromkeys([*categories, *sorted(set(said))]))
    sources = list(dict.fromkeys(one.source for one in judged))
    return Report(
        rules=rules,
        digest=digest,
        mails=len(judged),
        decided=len(said),
        rows=[
            *_rows(judged, names, "all", lambda _: True),
            *(row for half in HALVES for row in _rows(judged, names, half, lambda one, half=half: one.half == half)),
        ],
        sources=[
            row
            for source in sources
            for row in _rows(judged, names, source, lambda one, source=source: one.source == source)
            if row.decided or row.labelled
        ],
        errors=[one for one in judged if one.is_error],
        unjudged=[one for one in judged if one.said is not None and not one.truth.known],
        ham_in_junk=[one.id for one in judged if one.is_ham_in_junk],
        fetched_more=sum(one.wanted for one in judged),
    )


def _rows(judged: Sequence[Judged], names: Sequence[str], part: str, belongs: Callable[..., bool]) -> list[Row]:
    mails = [one for one in judged if belongs(one)]
    return [_row(mails, name, part) for name in names]


def _row(mails: Sequence[Judged], category: str, part: str) -> Row:
    decided = [one for one in mails if one.said == category]
    labelled = [one for one in mails if one.truth.means == category]
    return Row(
        category=category,
        part=part,
        decided=len(decided),
        judged=sum(one.truth.known for one in decided),
        right=sum(one.truth.known and one.is_right for one in decided),
        labelled=len(labelled),
        found=sum(one.said == category for one in labelled),
    )


def _mail(one: Judged) -> dict[str, str | None]:
    return {"id": one.id, "half": one.half, "label": one.truth.means, "said": one.said, "rule": one.rule}


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
