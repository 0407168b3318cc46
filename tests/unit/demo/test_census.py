"""The outsider's count, on hand-made mailboxes."""

import ast
import sys
from pathlib import Path

from scripts.demo import census
from scripts.demo.census import Census, Found, Seeded, count, read_message

NO_FLAGS: frozenset[str] = frozenset()
SEEN = frozenset(("\\Seen",))


def seeded(number: int, flags: frozenset[str] = NO_FLAGS) -> Seeded:
    return Seeded(id=f"demo-{number}", sha256=f"sha-{number}", flags=flags)


def found(number: int, mailbox: str = "INBOX", flags: frozenset[str] = NO_FLAGS, sha256: str = "") -> Found:
    return Found(id=f"demo-{number}", sha256=sha256 or f"sha-{number}", flags=flags, mailbox=mailbox)


def counts(result: Census) -> tuple[int, int, int, int, int]:
    return result.applied, result.uncertain, result.kept, result.lost, result.duplicated


def test_moved_and_flagged_mail_is_applied() -> None:
    """A mail outside INBOX or with other flags was acted on; the rest is undecided or kept."""
    mails = [seeded(1), seeded(2), seeded(3), seeded(4)]
    there = [found(1, "Code"), found(2, flags=frozenset(("\\Flagged",))), found(3), found(4)]

    assert (2, 1, 1, 0, 0) == counts(count(mails, there, undecided=1))


def test_flags_a_mail_was_seeded_with_are_no_change() -> None:
    """A mail that was seen from the start and still is has not been touched."""

    assert (0, 0, 1, 0, 0) == counts(count([seeded(1, SEEN)], [found(1, flags=SEEN)], undecided=0))


def test_a_flag_taken_away_is_a_change() -> None:
    """A mail that was seen and is not any more was acted on."""

    assert (1, 0, 0, 0, 0) == counts(count([seeded(1, SEEN)], [found(1)], undecided=0))


def test_a_missing_mail_is_lost() -> None:
    """What was seeded and is nowhere is lost, by name."""
    result = count([seeded(1), seeded(2)], [found(2)], undecided=0)

    assert (0, 0, 1, 1, 0) == counts(result)
    assert ("demo-1",) == result.lost_ids


def test_a_changed_mail_is_lost_and_foreign() -> None:
    """The right id over other bytes is not the mail that was seeded."""
    result = count([seeded(1)], [found(1, sha256="mangled")], undecided=0)

    assert (1, 1) == (result.lost, result.foreign)


def test_a_mail_in_two_mailboxes_is_duplicated() -> None:
    """A copy is counted once as duplicated, wherever it lies."""
    result = count([seeded(1)], [found(1), found(1, "Code")], undecided=0)

    assert (1, ("demo-1",)) == (result.duplicated, result.duplicated_ids)


def test_two_copies_in_inbox_are_duplicated() -> None:
    """A second copy beside the first one is found too."""

    assert 1 == count([seeded(1)], [found(1), found(1)], undecided=0).duplicated


def test_identical_twins_are_two_mails() -> None:
    """Two mails with the same digest and different ids are neither lost nor duplicated."""
    twins = [Seeded(id=name, sha256="same", flags=NO_FLAGS) for name in ("a", "b")]
    there = [Found(id=name, sha256="same", flags=NO_FLAGS, mailbox="News") for name in ("a", "b")]

    assert (2, 0, 0, 0, 0) == counts(count(twins, there, undecided=0))


def test_more_undecided_than_untouched_is_a_fault() -> None:
    """The program's own number is checked against the server."""
    result = count([seeded(1)], [found(1, "Code")], undecided=1)

    assert any("undecided" in fault for fault in result.faults())


def test_shares_out_of_range_are_faults() -> None:
    """Too little filed and nothing uncertain are both said."""
    result = count([seeded(1), seeded(2)], [found(1, "Code"), found(2)], undecided=0)

    assert 2 == len(result.faults())


def test_a_good_result_has_no_faults() -> None:
    """Seven of ten filed, one uncertain, two kept: nothing to complain about."""
    mails = [seeded(number) for number in range(10)]
    there = [found(number, "Code" if number < 7 else "INBOX") for number in range(10)]

    assert [] == count(mails, there, undecided=1).faults()


def test_the_line_is_the_agreed_one() -> None:
    """The last line of the demo has the shape that other programs read."""
    line = count([seeded(1)], [found(1, "Code")], undecided=0).line()

    assert 'demo: {"mails": 1, "applied": 1, "uncertain": 0, "kept": 0, "lost": 0, "duplicated": 0}' == line


def test_the_digest_begins_after_the_demo_id() -> None:
    """Two messages that differ in the X-Demo-Id line only have the same digest."""
    first, second = (read_message(b"X-Demo-Id: " + name + b"\r\nFrom: x\r\n\r\nhi") for name in (b"a", b"b"))

    assert ("a", "b") == (first[0], second[0])
    assert first[1] == second[1]


def test_a_message_without_demo_id_has_no_id() -> None:
    """A message that nobody seeded is known by its bytes only."""

    assert "" == read_message(b"From: x\r\n\r\nhi")[0]


def test_the_census_imports_the_standard_library_only() -> None:
    """The outsider knows nothing of the program it judges."""
    tree = ast.parse(Path(census.__file__).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert set() == {name.partition(".")[0] for name in names} - sys.stdlib_module_names
