"""Any Sieve script of the common kind, beside a small interpreter: imported rules never do what Sieve would not."""

from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import InvalidRules
from shared.records import StoredEmail
from shared.rules.imports.gmail import import_gmail
from shared.rules.imports.sieve import import_sieve
from tests.unit.rules.imports.mails import done, mail
from tests.unit.rules.imports.test_gmail import feed

SUBJECTS = ("a", "b", "ab", "abc", "", "c")
KNOWN = ("a", "b", "c")
UNKNOWN = ("u", "v")
"""Envelope tests on these keys: what they say is known to the server that ran the script only."""


ENVELOPES = (frozenset(), frozenset("u"), frozenset("v"), frozenset("uv"))


@dataclass(frozen=True)
class Said:
    """A test in Sieve, and what it says of a subject where the tests in `envelope` are true."""

    script: str
    parts: tuple["Said", ...] = ()
    how: str = ""

    def holds(self, subject: str, envelope: frozenset[str]) -> bool:
        said = [part.holds(subject, envelope) for part in self.parts]
        if self.how == "allof":
            return all(said)
        if self.how == "anyof":
            return any(said)
        if self.how == "not":
            return not said[0]
        return self.script[-2] in envelope if self.how == "envelope" else self.script[-2] in subject


@dataclass
class Way:
    """What one mail's way through a script did to it: where copies went, and with which flags."""

    flags: set[str] = field(default_factory=set)
    copies: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    discarded: bool = False
    stopped: bool = False

    def file(self, mailbox: str) -> None:
        self.copies.append((mailbox, frozenset(self.flags)))

    def end(self) -> "Way":
        """What Sieve does with a mail that nothing filed."""
        if not self.copies:
            self.file("\\Trash" if self.discarded else "INBOX")
        return self


def leaf(key: str) -> Said:
    how = "header" if key in KNOWN else "envelope"
    return Said(f'{how} :contains "{"subject" if key in KNOWN else "to"}" "{key}"', how=how)


def together(how: str, parts: list[Said]) -> Said:
    return Said(f"{how} ({', '.join(part.script for part in parts)})", tuple(parts), how)


def any_test(keys: tuple[str, ...]) -> st.SearchStrategy[Said]:
    leaves = st.sampled_from(keys).map(leaf)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(lambda one: Said(f"not {one.script}", (one,), "not")),
            st.builds(together, st.sampled_from(["allof", "anyof"]), st.lists(inner, min_size=1, max_size=3)),
        ),
        max_leaves=4,
    )


def any_block(keys: tuple[str, ...]) -> st.SearchStrategy[list[object]]:
    """Blocks: actions as texts, and (chain of (test or None, block))."""
    actions = st.sampled_from(["flag x", "flag y", "file M", "file N", "keep", "discard", "stop"])

    def chains(block: st.SearchStrategy[list[object]]) -> st.SearchStrategy[object]:
        branches = st.lists(st.tuples(any_test(keys), block), min_size=1, max_size=3)
        return st.tuples(branches, st.none() | block)

    return st.recursive(
        st.lists(actions, max_size=2),
        lambda block: st.lists(st.one_of(actions, chains(block)), max_size=4),
        max_leaves=6,
    )


def written(block: list[object]) -> str:
    lines = []
    for one in block:
        if isinstance(one, str):
            word, _, name = one.partition(" ")
            lines.append({"flag": f'addflag "{name}";', "file": f'fileinto "{name}";'}.get(word, f"{word};"))
            continue
        branches, last = one
        chain = [f"if {test.script} {{ {written(inner)} }}" for test, inner in branches]
        lines.append(" els".join(chain) + (f" else {{ {written(last)} }}" if last is not None else ""))
    return "\n".join(lines)


def run(block: list[object], subject: str, envelope: frozenset[str], way: Way) -> Way:
    for one in block:
        if way.stopped:
            return way
        if isinstance(one, str):
            word, _, name = one.partition(" ")
            if word == "stop":
                way.stopped = True
            elif word == "flag":
                way.flags.add(name)
            elif word == "discard":
                way.discarded = True
            else:
                way.file(name or "INBOX")
            continue
        branches, last = one
        taken = next((inner for test, inner in branches if test.holds(subject, envelope)), last)
        run(taken or [], subject, envelope, way)
    return way


def did(found: list[str] | None) -> tuple[str, frozenset[str]]:
    """Where a mail went, and with which flags."""
    pairs = [one.split(" ") for one in found or ()]
    moved = [name for kind, name in pairs if kind == "move"]
    return (moved or ["INBOX"])[0], frozenset(name for kind, name in pairs if kind == "flag")


def copied(found: list[str] | None) -> set[str]:
    return {one.removeprefix("copy ") for one in found or () if one.startswith("copy ")}


def subjects() -> list[StoredEmail]:
    return [mail(subject=subject) for subject in SUBJECTS]


@settings(max_examples=150, deadline=None)
@given(any_block(KNOWN))
def test_scripts_that_can_be_said_file_the_same(block: list[object]) -> None:
    """Where every test can be said, a mail goes where Sieve first filed it, and has no flag that Sieve did not set."""

    found = import_sieve(written(block).encode(), "f")

    for subject, email in zip(SUBJECTS, subjects(), strict=True):
        way = run(block, subject, frozenset(), Way()).end()
        mailbox, flags = did(done(found, email))
        if "keep" in written(block) or "discard" in written(block):
            assert any(mailbox == other and flags <= way.flags for other, _ in way.copies) or mailbox == "INBOX"
        else:
            assert way.copies[0] == (mailbox, flags), subject


@settings(max_examples=150, deadline=None)
@given(any_block((*KNOWN, *UNKNOWN)))
def test_what_cannot_be_said_never_does_more(block: list[object]) -> None:
    """Whatever the unknown tests said, imported rules do nothing to a mail that Sieve did not do."""

    found = import_sieve(written(block).encode(), "f")

    for subject, email in zip(SUBJECTS, subjects(), strict=True):
        mailbox, flags = did(done(found, email))
        for envelope in ENVELOPES:
            way = run(block, subject, envelope, Way()).end()
            assert flags <= way.flags, (subject, envelope)
            assert copied(done(found, email)) <= {other for other, _ in way.copies}
            assert mailbox == "INBOX" or any(mailbox == other and flags <= others for other, others in way.copies), (
                subject,
                envelope,
            )


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(
            [
                "if",
                "elsif",
                "else",
                "not",
                "anyof",
                "(",
                ")",
                "{",
                "}",
                "[",
                "]",
                ",",
                ";",
                '"a"',
                ":is",
                "5K",
                "stop",
                "keep",
                "#",
                "header",
            ]
        )
    ).map(" ".join)
)
@example("\x1f")
def test_any_text_is_imported_or_refused(text: str) -> None:
    """Any text is a script, or it is refused with a place."""

    try:
        import_sieve(text.encode("utf-8", "replace"), "f")
    except InvalidRules as error:
        assert error.detail.startswith("f:")


def searched(one: Said) -> str:
    """The same test as a search in Gmail's language; what an envelope said there is a label."""
    if one.how == "not":
        return f"-({searched(one.parts[0])})"
    if one.parts:
        return f"({(' OR ' if one.how == 'anyof' else ' ').join(map(searched, one.parts))})"
    return f"{'subject' if one.how == 'header' else 'label'}:{one.script[-2]}"


@settings(max_examples=150, deadline=None)
@given(any_test((*KNOWN, *UNKNOWN)))
def test_searches_hold_for_no_mail_more(test: Said) -> None:
    """A filter acts where its search holds if all of it can be said, and else never where it does not."""

    found = import_gmail(feed({"hasTheWord": searched(test), "shouldStar": "true"}), "f")

    for subject in SUBJECTS:
        acts = done(found, mail(subject=" ".join(subject))) is not None
        said = {test.holds(subject, envelope) for envelope in ENVELOPES}
        assert not (acts and False in said), subject
        assert acts == said.pop() or "envelope" in test.script


QUERY = st.lists(
    st.sampled_from(
        [
            "a",
            "b",
            "OR",
            "|",
            "AND",
            "-",
            "(",
            ")",
            "{",
            "}",
            '"',
            "from:",
            "subject:",
            "label:x",
            "*",
            "@",
            "a@b.example",
            "larger:5",
        ]
    )
).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["from", "to", "subject", "hasTheWord", "doesNotHaveTheWord", "size", "label", "forwardTo", "shouldTrash"]
        ),
        QUERY
        | st.text(
            st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"),
            max_size=40,
        ),
    )
)
def test_any_filter_is_imported(properties: dict[str, str]) -> None:
    """Any values of properties give rules that load, acting or as comments."""

    found = import_gmail(feed(properties), "f")

    assert 1 == found.rules + found.asleep
