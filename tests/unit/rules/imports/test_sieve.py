"""Sieve scripts -> rules that do the same, and for no mail more."""

import pytest

from shared.errors import InvalidRules
from shared.rules.imports.imported import Imported
from shared.rules.imports.sieve import import_sieve
from shared.rules.load import load_rules
from tests.unit.rules.imports.mails import done, mail

NOTHING: list[str] = []


def imported(script: str, *, past_unknown_stops: bool = False) -> Imported:
    return import_sieve(script.encode(), "a.sieve", past_unknown_stops=past_unknown_stops)


@pytest.mark.parametrize(
    ("test", "yes", "no"),
    [
        ('header :contains "subject" "Hello"', {"subject": "oh HELLO"}, {"subject": "help"}),
        ('header :is "Subject" "hello"', {"subject": "Hello"}, {"subject": "hello you"}),
        ('header "subject" ["a", "b"]', {"subject": "b"}, {"subject": "c"}),
        ('header :matches "subject" "*[list]*"', {"subject": "x [list] y"}, {"subject": "list"}),
        ('header :matches "subject" "Re: *"', {"subject": "re: a"}, {"subject": "a re: b"}),
        ('header :matches "subject" "*done"', {"subject": "all done"}, {"subject": "done?"}),
        ('header :matches "subject" "a?c*d.e"', {"subject": "abc---d.e"}, {"subject": "abcd-e"}),
        ('header :matches "subject" "a\\\\*b"', {"subject": "a*b"}, {"subject": "axb"}),
        ('header :regex "subject" "^[0-9]+ new"', {"subject": "12 new"}, {"subject": "x 12 new"}),
        ('header :comparator "i;octet" :contains "subject" "ABC"', {"subject": "xABCx"}, {"subject": "abc"}),
        ('header :is "from" "a@x.example"', {"from_": "a@x.example"}, {"from_": "A <a@x.example>"}),
        ('header :contains "from" "Anna"', {"from_": "Anna B <b@x.example>"}, {"from_": "b@x.example"}),
        ('header :matches "from" "*<*@x.example>"', {"from_": "A <a@x.example>"}, {"from_": "a@x.example"}),
        ('header :is "from" "Anna <a@x.example>"', {"from_": "Anna <a@x.example>"}, {"from_": "a@x.example"}),
        ('header :contains ["to", "cc"] "x.example"', {"cc": "b@x.example"}, {"from_": "b@x.example"}),
        ('header :contains "list-id" "dev.example"', {"list_id": "D <dev.example.org>"}, {"list_id": "<ops.example>"}),
        ('header :is "list-id" "<dev.example>"', {"list_id": "<dev.example>"}, {"list_id": "D <dev.example>"}),
        ('header :is "X-Spam" "yes"', {"x_spam": "YES"}, {"x_spam": "yes, 5"}),
        ('header :contains "X-Spam" ""', {"x_spam": "no"}, {}),
        ('header :matches "X-Spam" "*"', {"x_spam": ""}, {}),
        ('address "from" "a@x.example"', {"from_": "A <A@x.example>"}, {"from_": '"a@x.example" <b@y.example>'}),
        ('address :domain "from" "x.example"', {"from_": "a@x.example"}, {"from_": "a@mail.x.example"}),
        ('address :localpart "from" "root"', {"from_": "root@x.example"}, {"from_": "groot@x.example"}),
        ('address :contains "from" "x.exa"', {"from_": "A <a@x.example>"}, {"from_": '"x.exa" <b@y.example>'}),
        ('address :domain :contains "from" "shop"', {"from_": "a@myshop.example"}, {"from_": "shop@x.example"}),
        ('address :matches "from" "*@x.example"', {"from_": "A <a@x.example>"}, {"from_": "a@x.example.net"}),
        ('address :matches "from" "no-reply@*"', {"from_": "No <no-reply@x.example>"}, {"from_": "a@no-reply.example"}),
        ('address :domain :matches "from" "*.edu"', {"from_": "a@x.edu"}, {"from_": "a.edu@x.example"}),
        ('address :detail "to" "shop"', {"to": "me+shop@x.example"}, {"to": "me+shopping@x.example"}),
        ('address :user "to" "me"', {"to": "me+shop@x.example"}, {"to": "meme+shop@x.example"}),
        ('address ["to", "cc"] "b@x.example"', {"cc": "b@x.example"}, {"from_": "b@x.example"}),
        ('exists ["x-spam", "x-tag"]', {"x_spam": "a", "x_tag": "b"}, {"x_spam": "a"}),
        ("size :over 100K", {"size": 102_401}, {"size": 102_400}),
        ("size :under 1M", {"size": 1_048_575}, {"size": 1_048_576}),
        ('allof (size :over 1, header "subject" "a")', {"subject": "a"}, {"subject": "b"}),
        ('anyof (header "subject" "a", header "x-spam" "a")', {"x_spam": "a"}, {"subject": "b"}),
        ('not header :contains "subject" "a"', {"subject": "b"}, {"subject": "a"}),
        ('not anyof (header "subject" "a", not size :over 1)', {"subject": "b"}, {"subject": "a"}),
    ],
)
def test_tests_mean_what_they_meant(test: str, yes: dict[str, object], no: dict[str, object]) -> None:
    """A test holds for the mail it held for, and not for mail that only looks alike."""

    found = imported(f'if {test} {{ fileinto "X"; }}')

    assert ["move X"] == done(found, mail(**yes))
    assert done(found, mail(**no)) is None
    assert () == found.remarks


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ('fileinto "Lists/Dev";', ["move Lists/Dev"]),
        ('fileinto :create "Lists";', ["move Lists"]),
        ('fileinto "\\\\Junk";', ["move \\Junk"]),
        ('fileinto :flags "\\\\Seen $Label1" "X";', ["flag \\Seen", "flag $Label1", "move X"]),
        ('addflag ["\\\\Seen", "\\\\Flagged"]; fileinto "X";', ["flag \\Seen", "flag \\Flagged", "move X"]),
        ('addflag "a"; setflag "b";', ["flag b", "move Rest"]),
        ('addflag "a"; addflag "b"; removeflag "a"; keep;', ["flag b"]),
        ('fileinto "X"; addflag "\\\\Seen";', ["move X"]),
        ('fileinto "X"; fileinto "Y";', ["copy Y", "move X"]),
        ('fileinto "X"; keep;', ["copy X"]),
        ('keep; fileinto :copy "X"; fileinto "X";', ["copy X"]),
        ('fileinto :copy "X"; addflag "\\\\Seen";', ["flag \\Seen", "copy X", "move Rest"]),
        ("discard;", ["move Rest"]),
        ("discard; stop;", ["move \\Trash"]),
        ('fileinto "INBOX"; addflag "a"; stop;', NOTHING),
        ("keep; stop;", NOTHING),
        ('redirect "a@x.example"; stop;', NOTHING),
        ('redirect "a@x.example"; discard; stop;', NOTHING),
        ('reject "no"; stop;', NOTHING),
        ('vacation :days 7 "away"; fileinto "X";', ["move X"]),
    ],
)
def test_actions_do_what_they_did(actions: str, expected: list[str]) -> None:
    """Each action becomes ours; what ours do not do leaves the mail where it is."""

    found = imported(f'if header "subject" "a" {{ {actions} }} fileinto "Rest";')

    assert expected == done(found, mail(subject="a"))


def test_discards_count_last() -> None:
    """A discard throws a mail away only if nothing files it, before or after."""

    found = imported(
        """
        if header :contains "subject" "a" { addflag "x"; discard; }
        if header :contains "subject" "b" { fileinto "B"; }
        if header :contains "subject" "c" { keep; }
        """
    )

    assert ["flag x", "move \\Trash"] == done(found, mail(subject="a"))
    assert ["flag x", "move B"] == done(found, mail(subject="ab"))
    assert ["flag x"] == done(found, mail(subject="ac"))


def test_if_elsif_else() -> None:
    """Of if, elsif and else one branch is taken, and what comes after them is reached from each."""

    found = imported(
        """
        require ["fileinto", "imap4flags"];
        if header :contains "subject" "a" { addflag "a"; }
        elsif header :contains "subject" "b" { fileinto "B"; stop; }
        else { addflag "c"; }
        if header :contains "subject" "x" { fileinto "X"; }
        """
    )

    assert ["flag a"] == done(found, mail(subject="ab"))
    assert ["flag a", "move X"] == done(found, mail(subject="abx"))
    assert ["move B"] == done(found, mail(subject="bx"))
    assert ["flag c", "move X"] == done(found, mail(subject="x"))


def test_nested_ifs() -> None:
    """Inner conditions hold only within the outer ones, and a stop ends all of them."""

    found = imported(
        """
        if address :domain "from" "x.example" {
            if header :contains "subject" "alert" { fileinto "Alerts"; }
            elsif header :contains "subject" "news" { fileinto "News"; }
            stop;
        }
        if header :contains "subject" "alert" { discard; }
        """
    )

    assert ["move Alerts"] == done(found, mail(from_="a@x.example", subject="alert"))
    assert ["move News"] == done(found, mail(from_="a@x.example", subject="news"))
    assert NOTHING == done(found, mail(from_="a@x.example", subject="other"))
    assert ["move \\Trash"] == done(found, mail(from_="a@y.example", subject="alert"))
    assert done(found, mail(subject="other")) is None


def test_unknown_stops_hold_mail_back() -> None:
    """Mail for which an unknown test may have ended the script is not touched by later rules."""

    script = """
        if allof (header :contains "subject" "boss", envelope "from" "boss@x.example") { keep; stop; }
        if header :contains "subject" "s" { fileinto "S"; }
    """

    assert NOTHING == done(imported(script), mail(subject="boss"))
    assert ["move S"] == done(imported(script), mail(subject="sale"))
    assert ["move S"] == done(imported(script, past_unknown_stops=True), mail(subject="boss"))


def test_unknown_stops_of_any_mail() -> None:
    """Behind a stop of which nothing is known, rules are comments only, unless asked for."""

    script = 'if spamtest :value "ge" :comparator "i;ascii-numeric" "5" { stop; } if true { fileinto "X"; }'

    assert 0 == imported(script).rules
    assert ["move X"] == done(imported(script, past_unknown_stops=True), mail())


@pytest.mark.parametrize(
    ("command", "part", "reason"),
    [
        ('if envelope "to" "a@x.example" { fileinto "X"; }', "envelope", "Delivered-To"),
        ('if not envelope "to" "a@x.example" { fileinto "X"; }', "envelope", "Delivered-To"),
        ('if header :count "gt" "to" "5" { fileinto "X"; }', "header :count", ":count"),
        ('if header :regex "from" "^a@x" { discard; }', "", "no name"),
        ('if header :comparator "i;octet" "from" "A@x.example" { discard; }', "header", "more mail"),
        ('if address :regex "from" "a" { discard; }', "address", "names beside"),
        ('if body :raw :contains "a" { discard; }', "body", ":raw"),
        ('if currentdate "hour" "12" { discard; }', "currentdate", "age"),
        ("if false { discard; }", "discard", "never true"),
        ('require "variables"; if true { fileinto "${x}"; }', "fileinto", "variable"),
        ('if true { fileinto "\\\\Drafts"; }', "fileinto", "role"),
        ('if header :contains "subject" "a" { notify "x"; }', "notify", "notified"),
        ('if header "a b" "c" { discard; }', "discard", "field's name"),
        ('if header "subject" "b" { keep; stop; discard; }', "discard", "ends before"),
    ],
)
def test_what_cannot_be_said_is_told(command: str, part: str, reason: str) -> None:
    """What cannot be carried over without becoming broader is told with its place."""

    found = imported(f"\n\n{command}")

    assert any(part in one.part and reason in one.reason and one.place.line == 3 for one in found.remarks)
    assert done(found, mail(from_="A <a@x.example>", subject="a")) is None


def test_what_is_not_read_of_a_body() -> None:
    """A body test holds for what is read of a text; that something is not in a text cannot be said."""

    found = imported('if body :contains "a" { fileinto "A"; } if not body :contains "b" { discard; }')

    assert ["move A"] == done(found, mail(text="an A"))
    assert done(found, mail(text="c")) is None
    assert ["narrowed", "left out", "changed", "left out"] == [str(one.effect) for one in found.remarks]


def test_names_come_from_comments() -> None:
    """Rules are named as webmail programs name them, or by the comment above them, or by what they do."""

    found = imported(
        """
        # rule:[My List]
        # https://x.example
        if header "list-id" "a" { fileinto "A"; stop; }
        ## Flag: |UniqueId:1|Rulename: Shop
        if header "subject" "b" { fileinto "B"; stop; }
        /* only a comment */
        if header "subject" "c" { fileinto "C"; stop; } # not this
        if header "subject" "d" { fileinto "D/d"; stop; }
        """
    )

    assert ["my-list", "shop", "only-a-comment", "d-d"] == [rule.name for rule in load_rules(found.text).rules]


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("fileinto", "1:1: the script ends too early: a bracket or a semicolon is missing"),
        ("if true {\n keep; ", "2:6: the script ends too early: a bracket or a semicolon is missing"),
        ("keep\nkeep;", '2:1: ";" is wanted here, not "keep"'),
        ('if header "a', "1:11: this text has no end"),
        ("/* x", "1:1: this comment has no end"),
        ("keep; }", '1:7: a command is wanted here, not "}"'),
        ("else { keep; }", '1:1: "else" stands behind no if'),
        ("if { keep; }", '1:1: "if" needs a test and a block in braces'),
        ("if true, false { keep; }", '1:8: ";" is wanted here, not ","'),
        ("$", '1:1: not readable as Sieve: "$"'),
        ("reject text:\nhello\n", "1:8: this text has no end: a line with a single dot ends it"),
        ('header ["a" "b"];', '1:13: "," is wanted here, not "b"'),
        ("if not " * 40 + "true { keep; }", "1:109: nested too deeply"),
        ("if size 5 { keep; }", "1:4: size needs :over or :under and a number"),
        ('if header "a" { keep; }', "1:4: header needs header names and keys"),
    ],
)
def test_scripts_that_are_none(script: str, text: str) -> None:
    """What is no Sieve script is refused with line and column."""

    with pytest.raises(InvalidRules) as caught:
        imported(script)

    assert f"a.sieve:{text}" == caught.value.detail


def test_multi_line_texts() -> None:
    """A text over several lines ends with a dot alone; of a line that begins with a dot one is taken off."""

    found = imported('reject text:\n..dot\nfoo\n.\n; if header "subject" "a" { fileinto "X"; }')

    assert ["move X"] == done(found, mail(subject="a"))


def test_bytes_that_are_no_text() -> None:
    """A script that is not UTF-8 is refused."""

    with pytest.raises(InvalidRules, match="not a UTF-8 text"):
        import_sieve(b"\xff\xfe", "f")


def test_too_much_is_refused() -> None:
    """A script whose ways are too long to follow is refused in bounded time."""

    keys = ", ".join(f'"k{number}"' for number in range(9_000))
    script = f'if header "x-tag" [{keys}] {{' + 'if header "subject" "a" { addflag "a"; }' * 2_000 + "}"

    with pytest.raises(InvalidRules, match="too much to import"):
        imported(script)
