"""Was everything sorted, and is everything still there? Counted in the files, before a figure is printed."""

from collections import Counter

from scripts.bench.errors import BenchError
from scripts.bench.mailbox import Contents

Found = dict[str, list[tuple[str, tuple[str, ...]]]]
"""A census of the mail on disk: for each mailbox the SHA-256 and the flags of each file."""

SHOWN_FAULTS = 5


class WrongResultError(BenchError):
    """A run left the mailbox in another state than the rules ask for: its time means nothing."""


def check(found: Found, expected: Contents) -> None:
    """Compare a census with what must be there; WrongResultError says what is lost, doubled or elsewhere."""
    there = {name: Counter(mails) for name, mails in found.items() if mails}
    wanted = {name: mails for name, mails in expected.items() if mails}
    if there == wanted:
        return
    raise WrongResultError("; ".join(faults(there, wanted)[:SHOWN_FAULTS]))


def faults(there: Contents, wanted: Contents) -> list[str]:
    """Say what differs: mails in all first (lost, doubled, changed), then each mailbox."""
    before, after = _files(wanted), _files(there)
    lost, surplus = before - after, after - before
    said = [f"{lost.total()} mails lost"] if lost else []
    if surplus:
        said.append(f"{surplus.total()} mails doubled or changed")
    for name in sorted(wanted.keys() | there.keys()):
        empty: Counter[tuple[str, tuple[str, ...]]] = Counter()
        missing, extra = (
            wanted.get(name, empty) - there.get(name, empty),
            there.get(name, empty) - wanted.get(name, empty),
        )
        if missing or extra:
            said.append(f"{name}: {missing.total()} missing, {extra.total()} that do not belong there or changed flags")
    return said


def _files(contents: Contents) -> Counter[str]:
    total: Counter[str] = Counter()
    for mails in contents.values():
        for (digest, _), number in mails.items():
            total[digest] += number
    return total
