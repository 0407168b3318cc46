"""YAML text -> RuleSet, or all its faults with their places."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InvalidRules
from shared.records import ActionKind
from shared.rules.check import run_rule_tests
from shared.rules.lint import warnings
from shared.rules.load import load_rule_files, load_rules
from shared.rules.model import Action

ROOT = Path(__file__).parents[3]
SHIPPED = [ROOT / "rules" / "default.yml", ROOT / "scripts" / "demo" / "rules.yml"]
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "rules.md").read_text(), re.DOTALL | re.MULTILINE)


def faults(text: str) -> list[str]:
    with pytest.raises(InvalidRules) as caught:
        load_rules(text)
    return caught.value.detail.split("\n")


def rule(when: str = "{from: a@b}", then: str = "keep") -> str:
    return f"version: 1\nrules:\n- name: r\n  when: {when}\n  then: {then}\n"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_rules_load_and_pass_their_tests(path):
    """The rule files of this repository have no fault, and no test in them fails."""

    assert [] == run_rule_tests(load_rule_files([path]))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_each_rule_that_people_copy_carries_a_test(path):
    """What is shown as an example is a good one."""

    assert [] == [one.name for one in load_rule_files([path]).rules if not one.tests]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_documented_examples_load(example):
    """What docs/rules.md shows is what the loader takes, and its tests pass."""

    whole = example.startswith("version:")
    text = (
        example if whole else "version: 1\nrules:\n- name: r\n  then: keep\n" + re.sub("^", "  ", example, flags=re.M)
    )

    assert [] == run_rule_tests(load_rules(text))


def test_a_rule_set_knows_its_parts():
    """Categories, rules, conditions in order, extra headers and targets are there to ask for."""

    rules = load_rules(
        "version: 1\n"
        "categories:\n  news: {description: Bulk, then: [read, {move: News}]}\n"
        "rules:\n"
        "- name: one\n  category: news\n  when:\n    any:\n"
        "    - {header: {name: X-Spam, is: 'yes'}}\n    - subject: hello\n"
        "- {name: two, when: {list-mail: true}, then: archive}\n"
    )

    assert ["one", "two"] == [one.name for one in rules.rules]
    assert [
        ("one", 9, 'header X-Spam is "yes"'),
        ("one", 10, 'subject contains "hello"'),
        ("two", 11, "list-mail true"),
    ] == [(info.rule, info.line, info.text) for info in rules.conditions]
    assert (("x-spam",), ("News", "\\Archive")) == (rules.extra_headers, rules.target_mailboxes)


def test_lists_of_all_files_are_known_to_all_rules(tmp_path):
    """A list may stand in another file than the rules that name it, and stands for its texts in any condition."""

    (tmp_path / "a.yml").write_text(
        "version: 1\nrules:\n- name: a\n  then: keep\n  when:\n    any:\n"
        "    - from: {in: friends}\n    - subject: {in: [words]}\n    - to: {domain: [z.example, {in: words}]}\n"
        "    - keyword: {in: words}\n    - attachment: {in: words}\n"
    )
    (tmp_path / "b.yml").write_text("version: 1\nlists: {friends: [a@b.example, c.example], words: one}\n")

    rules = load_rule_files([tmp_path / "a.yml", tmp_path / "b.yml"])

    assert [
        'from in "friends"',
        'subject in "words"',
        'to domain "z.example", in "words"',
        "keyword one",
        'attachment name in "words"',
    ] == [info.text for info in rules.conditions]
    assert ((), {"friends", "words"}) == (rules.unused_lists, set(rules.lists))


def test_what_a_field_costs_is_known():
    """Each condition says which part of a mail it asks; header fields that are not usual are fetched with each mail."""

    rules = load_rules(
        rule("{bcc: a@b.example, delivered-to: a@b.example, from: a@b.example, body: x, attachment: x, header: X-A}")
    )

    assert ["header:bcc", "header:delivered-to", None, "text", "structure", "header:x-a"] == [
        info.part for info in rules.conditions
    ]
    assert ("bcc", "delivered-to", "x-a") == rules.extra_headers


def test_the_digest_is_of_what_counts():
    """Line ends and blanks at line ends change nothing; a word does."""

    assert load_rules(rule()).digest == load_rules(rule().replace("\n", "  \r\n") + "\n\n").digest
    assert load_rules(rule()).digest != load_rules(rule(then="read")).digest


def test_the_text_loads_again_as_the_same_rule_set():
    """The store keeps only the text: it holds all files, and their names and lines."""

    first = load_rule_files(SHIPPED[:1])
    again = load_rules(first.text)

    assert (first.digest, first.conditions) == (again.digest, again.conditions)
    assert SHIPPED[0].name == again.rules[0].place.file


def test_several_files_make_one_rule_set(tmp_path):
    """Rules follow each other in file order and may use each other's categories."""

    (tmp_path / "a.yml").write_text("version: 1\nrules:\n- {name: a, when: {from: a@b}, category: x}\n")
    (tmp_path / "b.yml").write_text(
        "version: 1\ncategories: {x: {then: read}}\nrules:\n- {name: b, when: {seen: true}, then: keep}\n"
    )

    rules = load_rule_files([tmp_path / "a.yml", tmp_path / "b.yml"])

    assert [("a", "a.yml", 3, 1), ("b", "b.yml", 4, 0)] == [
        (one.name, one.place.file, one.place.line, len(one.actions)) for one in rules.rules
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb.yml", "a\ufffdb.yml"),
        ("a\udcff.yml", "a\ufffd.yml"),
        ("\x1b[31m.yml", "\ufffd[31m.yml"),
        (" a.yml", "a.yml"),
    ],
)
def test_any_file_name_is_told_on_one_line(tmp_path, name, shown):
    """A name that is no UTF-8, or would move the cursor, neither breaks the rule set's text nor a terminal."""

    (tmp_path / name).write_text("version: 1\nrules: x\n")

    with pytest.raises(InvalidRules) as caught:
        load_rule_files([tmp_path / name])

    assert caught.value.detail == f"{shown}:2:8: rules are a list, each rule a map with a name"


def test_an_endless_file_is_not_read_to_its_end():
    """What is read of a file is bounded."""

    with pytest.raises(InvalidRules) as caught:
        load_rule_files([Path("/dev/zero")])

    assert caught.value.detail == "zero:1:1: the file is too large"


def test_the_shipped_rules_warn_of_nothing():
    """Categories that only a model gives are described, and no fault."""

    assert [] == warnings(load_rule_files(SHIPPED[:1]))


def test_faults_name_their_file(tmp_path):
    """Each fault stands in the file the person wrote, a file that cannot be read too."""

    (tmp_path / "b.yml").write_text("version: 1\nrules:\n- {name: b, wen: 1}\n")
    (tmp_path / "c.yml").write_bytes(b"version: \xff")

    with pytest.raises(
        InvalidRules, match=r"^b\.yml:3:4: the rule \"b\" has no when\nb\.yml:3:13: unknown key \"wen\""
    ):
        load_rule_files([tmp_path / "b.yml"])
    with pytest.raises(InvalidRules, match=r"^c\.yml:1:1: not a UTF-8 text"):
        load_rule_files([tmp_path / "c.yml"])
    with pytest.raises(InvalidRules, match=r"^d\.yml:1:1: cannot be read: No such file"):
        load_rule_files([tmp_path / "d.yml"])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "rules:1:1: version: 1 is wanted here"),
        ("version: 2\n", "rules:1:10: version: 1 is wanted here"),
        ("version: 1\nrulez: []\n", 'rules:2:1: unknown key "rulez" in the file; did you mean "rules"?'),
        ("version: 1\nversion: 1\n", 'rules:2:1: "version" stands here twice'),
        ("a: [", "rules:2:1: not readable as YAML"),
        ("a: [b", "rules:1:4: not readable as YAML: what starts here has no end"),
        ("&x a: *x", "rules:1:1: tags (!x) and anchors (&x) are not allowed in rules"),
        ("a: !!python/object:os.system x", "rules:1:4: tags (!x) and anchors (&x) are not allowed in rules"),
        ("a: 1\n---\nb: 2\n", "rules:2:1: only one YAML document per file"),
        ("[" * 100, "rules:1:41: nested too deeply"),
        ("a\x00b", "rules:1:2: a character that YAML does not allow"),
        ("? [a]\n: b\n", "rules:1:3: a key must be a single text"),
        (rule(when="{text: x}"), 'rules:4:10: unknown condition "text"; did you mean "body"?'),
        (rule(when="{form: x}"), 'rules:4:10: unknown condition "form"; did you mean "from"?'),
        (
            rule(when="{from: b.example}"),
            'rules:4:16: "b.example" is no address; for a domain write {domain: b.example}',
        ),
        (
            rule(when="{header: {name: From, is: b.example}}"),
            'rules:4:35: "b.example" is no address; for a domain write {domain: b.example}',
        ),
        (
            rule(when="{subject: {contain: x}}"),
            'unknown key "contain" in the condition "subject"; did you mean "contains"?',
        ),
        (rule(when="{subject: {domain: x}}"), '"subject" has no domain; use ends-with or contains'),
        (rule(when="{subject: ''}"), "rules:4:19: an empty text would match every mail"),
        (rule(when="{subject: '\u200b'}"), "rules:4:19: an empty text would match every mail"),
        (rule(when="{subject: {matches: '(a'}}"), "rules:4:29: not a usable pattern: missing )"),
        (rule(when="{subject: {matches: '(a)\\1'}}"), "not a usable pattern: invalid escape sequence"),
        (rule(when="{size: {over: 5 apples}}"), "rules:4:23: a size is a number with B, KB, MB or GB, such as 5 MB"),
        (rule(when="{age: {over: 5}}"), "rules:4:22: an age is a number with m, h, d, w or y, such as 7d"),
        (rule(when="{list-mail: maybe}"), '"list-mail" must be true or false'),
        (rule(when="{header: {name: 'a b', is: x}}"), "needs the field's name"),
        (rule(when="{any: []}"), '"any" needs at least one condition'),
        (rule(when="{}"), "conditions are a map"),
        (rule(then="delete"), 'there is no delete; "trash" moves to the Trash mailbox'),
        (rule(then="[{copy: X}, {move: X}]"), 'a mail that is moved to "X" needs no copy there'),
        (rule(then="[{copy: [X, a*]}]"), 'a mailbox name holds no "*" or "%"'),
        (rule(then="[{move: A}, archive]"), "rules:5:21: a mail is moved once: two moves here"),
        (rule(then="[keep, read]"), '"keep" stands alone'),
        (rule(then="[read, unread]"), '"\\Seen" is both set and removed here'),
        (rule(then="{keyword: 'a b'}"), '"a b" cannot be a keyword'),
        (rule(then="{flag: \\Deleted}"), '"\\Deleted" is not ours to set'),
        (rule(then="{unflag: \\Draft}"), '"\\Draft" is not ours to set'),
        (rule(then="{keyword: \\Seen}"), '"\\Seen" is not ours to set'),
        (rule(then="{flag: seen}"), 'for the flag write "\\Seen"'),
        (rule(then="{move: \\Drafts}"), '"\\Drafts" is no role mail is filed by'),
        (rule(then='{move: "a\\nb"}'), "a mailbox name has 1 to 255 printable characters"),
        (rule(then="{move: a//b}"), "a mailbox name holds no"),
        (rule(then="[]"), 'to leave the mail where it is, write "keep"'),
        (rule() + "  category: x\n", 'there is no category "x"'),
        (rule() + "- {name: r, when: {from: a@b}, then: keep}\n", 'the rule "r" stands here twice'),
        (rule() + "- {name: s, when: {from: a@b}}\n", "a rule needs a category or a then"),
        (rule() + "- {name: s, then: keep}\n", 'the rule "s" has no when'),
    ],
)
def test_faults_say_where_and_what(text, fault):
    """Each fault names its place and what was meant."""

    assert fault in faults(text)[0]


def test_a_field_named_as_a_header_is_compared_with_any_text():
    """Rule sets that were pushed before Bcc and Delivered-To were conditions of their own still load."""

    assert () == load_rules(rule("{header: {name: Delivered-To, is: me}}")).rules[0].actions


def test_extra_headers_are_bounded():
    """Every field a rule names is asked for with every mail: the fetch command must stay short."""

    names = ", ".join(f"{{header: X-{number}}}" for number in range(51))

    assert ["rules:4:807: rules may name 50 header fields beyond the usual ones"] == faults(rule(f"{{any: [{names}]}}"))


def test_one_list_in_many_rules_stays_bounded():
    """A long list is not copied without end: what all conditions compare with is counted."""

    texts = ", ".join(f"a{number}@b.example" for number in range(10_000))
    rules = "".join(f"- {{name: r{number}, when: {{to: {{in: l}}}}, then: keep}}\n" for number in range(60))

    assert ["rules:54:31: the conditions of a rule set compare with at most 500000 texts in all"] == faults(
        f"version: 1\nlists: {{l: [{texts}]}}\nrules:\n{rules}"
    )


def test_patterns_that_are_huge_together_are_refused():
    """What takes minutes to compile is found out in seconds."""

    patterns = ", ".join(f"'x{number}\\pL{{90}}'" for number in range(1000))

    assert "too large together" in faults(rule(f"{{subject: {{matches: [{patterns}]}}}}"))[0]


def test_all_faults_are_shown_in_the_order_of_their_lines():
    """One run shows every fault."""

    found = faults(rule(when="{form: x, subjct: y}", then="delete") + "- {nme: s}\n")

    assert [4, 4, 5, 6, 6, 6] == [int(line.split(":")[1]) for line in found]


def test_actions_are_flags_first_and_the_move_last():
    """The order of the decision is the order of the effects."""

    actions = load_rules(rule(then="[{move: a/b}, {keyword: [$A, $B]}, read, {unflag: $C}]")).rules[0].actions

    assert (
        Action(kind=ActionKind.FLAG, target="$A"),
        Action(kind=ActionKind.FLAG, target="$B"),
        Action(kind=ActionKind.FLAG, target="\\Seen"),
        Action(kind=ActionKind.UNFLAG, target="$C"),
        Action(kind=ActionKind.MOVE, target="a/b"),
    ) == actions


VALID = (
    "\n".join(path.read_text(encoding="utf-8") for path in SHIPPED[1:])
    + """
lists: {friends: [anna@family.example, family.example]}
"""
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid rule file with a few pieces of it cut out, doubled, moved or written over."""
    text = VALID
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 30)))
        piece = draw(
            st.sampled_from(["", text[at:end] * 2, "\n", "\t", ": ", "- ", "{", "]", "'", "in: ", "\x00", "é"])
        )
        text = text[:at] + piece + text[end:]
    return text


@settings(deadline=None)
@given(mutated())
def test_a_rule_file_with_slips_is_loaded_or_refused(text):
    """What is nearly a rule file is a rule set, whose tests run, or InvalidRules with places."""

    try:
        faults_of_tests = run_rule_tests(load_rules(text))
    except InvalidRules as error:
        assert all(re.match(r"rules:\d+:\d+: .|and \d+ more faults", line) for line in error.detail.split("\n"))
    else:
        assert all(fault.place.line > 0 for fault in faults_of_tests)


@settings(deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="versionrulcatgy:1 -\n{}[],&*!'\"?|>#%@")))
def test_any_text_is_loaded_or_refused(text):
    """Whatever comes is a rule set or InvalidRules with places."""

    try:
        load_rules(text)
    except InvalidRules as error:
        assert all(re.match(r"rules:\d+:\d+: .", line) for line in error.detail.split("\n"))
