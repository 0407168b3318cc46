"""Gmail's filters -> rules that do the same, and for no mail more."""

from xml.sax.saxutils import quoteattr

import pytest

from shared.errors import InvalidRules
from shared.rules.imports.gmail import import_gmail
from shared.rules.imports.imported import Imported
from shared.rules.load import load_rules
from tests.unit.rules.imports.mails import done, mail

HEAD = """<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns='http://www.w3.org/2005/Atom' xmlns:apps='http://schemas.google.com/apps/2006'>
<title>Mail Filters</title><author><name>Me</name><email>me@home.example</email></author>
"""
UNUSED = {"sizeOperator": "s_sl", "sizeUnit": "s_smb"}
"""What Gmail writes into each filter, with or without a size."""


def feed(*filters: dict[str, str]) -> bytes:
    entries = []
    for properties in filters:
        lines = [
            f"<apps:property name={quoteattr(name)} value={quoteattr(value)}/>" for name, value in properties.items()
        ]
        entries.append(
            "<entry><category term='filter'/><title>Mail Filter</title>\n" + "\n".join(lines) + "\n</entry>\n"
        )
    return (HEAD + "".join(entries) + "</feed>").encode()


def imported(**properties: str) -> Imported:
    return import_gmail(feed(UNUSED | {"shouldArchive": "true"} | properties), "mailFilters.xml")


def matches(found: Imported, **about: object) -> bool:
    return done(found, mail(**about)) is not None


@pytest.mark.parametrize(
    ("query", "yes", "no"),
    [
        ("from:anna@x.example", {"from_": "Anna <anna@x.example>"}, {"from_": "anna@x.example.net"}),
        ("from:shop.com", {"from_": "a@mail.shop.com"}, {"from_": "a@shop.com.evil.example"}),
        ("from:*@shop.com", {"from_": "a@shop.com"}, {"from_": "shop.com@x.example"}),
        ("from:anna", {"from_": "Anna B <b@x.example>"}, {"from_": "annabel@x.example"}),
        ("from:(a@x.example OR b@x.example)", {"from_": "b@x.example"}, {"from_": "c@x.example"}),
        ("from:{a@x.example b@x.example}", {"from_": "a@x.example"}, {"from_": "c@x.example"}),
        ("from:(a@x.example|b@x.example)", {"from_": "b@x.example"}, {"from_": "c@x.example"}),
        ("to:me", {"cc": "me@home.example"}, {"to": "you@home.example"}),
        ("cc:b@x.example", {"cc": "b@x.example"}, {"to": "b@x.example"}),
        ("deliveredto:me@home.example", {"delivered_to": "me@home.example"}, {"to": "me@home.example"}),
        ("subject:invoice", {"subject": "Your invoice"}, {"subject": "invoices"}),
        ("subject:(two words)", {"subject": "words: two"}, {"subject": "two"}),
        ('subject:"two words"', {"subject": "two, words"}, {"subject": "words two"}),
        ("subject:été", {"subject": "L'ÉTÉ arrive"}, {"subject": "étémaire"}),
        ("subject:会議", {"subject": "明日の会議について"}, {"subject": "明日"}),
        ("list:dev.lists.example.org", {"list_id": "Dev <dev.lists.example.org>"}, {"list_id": "<x.example.org>"}),
        ("list:(<dev.example.org>)", {"list_id": "<dev.example.org>"}, {"list_id": "<dev.example.com>"}),
        ("list:dev@example.org", {"list_id": "<dev.example.org>"}, {"list_id": "<ops.example.org>"}),
        ("has:attachment", {"attachments": ("a.pdf",)}, {}),
        ("filename:pdf", {"attachments": ("a.pdf",)}, {"attachments": ("pdf.exe",)}),
        ("filename:invite.ics", {"attachments": ("invite.ics",)}, {"attachments": ("invite.txt",)}),
        ("larger:10M", {"size": 10_485_761}, {"size": 10_000_001}),
        ("smaller:10K", {"size": 9_999}, {"size": 10_001}),
        ("older_than:2d", {}, {"from_": "a@x.example"} | {"age": 1}),
        ("unicorn", {"text": "a unicorn came"}, {"text": "unicorns"}),
        ("unicorn", {"subject": "Unicorn"}, {"attachments": ("unicorn.pdf",)}),
        ("a b OR c", {"subject": "a c"}, {"subject": "b c"}),
        ("from:a@x.example -subject:order", {"from_": "a@x.example"}, {"from_": "a@x.example", "subject": "order 7"}),
        ("-{subject:one subject:two} three", {"subject": "three"}, {"subject": "three two"}),
        ("subject:one AND subject:two", {"subject": "two one"}, {"subject": "one"}),
        ("https://x.example/a", {"text": "see https://x.example/a"}, {"text": "https a"}),
    ],
)
def test_queries_mean_what_they_meant(query: str, yes: dict[str, object], no: dict[str, object]) -> None:
    """A query holds for the mail it held for, and not for mail that only looks alike."""

    found = imported(hasTheWord=query)

    assert matches(found, **yes)
    assert "age" in no or not matches(found, **no)
    assert () == found.remarks


@pytest.mark.parametrize(
    ("properties", "yes", "no"),
    [
        (
            {"from": "a@x.example", "subject": "hello"},
            {"from_": "a@x.example", "subject": "Hello"},
            {"subject": "hello"},
        ),
        ({"to": "list@x.example"}, {"to": "List <list@x.example>"}, {"from_": "list@x.example"}),
        (
            {"doesNotHaveTheWord": "subject:spam", "from": "a@x.example"},
            {"from_": "a@x.example"},
            {"from_": "a@x.example", "subject": "spam"},
        ),
        ({"hasAttachment": "true"}, {"attachments": ("a",)}, {}),
        ({"size": "5", "sizeOperator": "s_sl"}, {"size": 6_000_000}, {"size": 4_000_000}),
        ({"size": "5", "sizeOperator": "s_ss", "sizeUnit": "s_skb"}, {"size": 4_000}, {"size": 6_000}),
        ({"from": "a@x.example", "excludeChats": "true"}, {"from_": "a@x.example"}, {}),
    ],
)
def test_conditions_of_filters(properties: dict[str, str], yes: dict[str, object], no: dict[str, object]) -> None:
    """All properties of a filter must hold."""

    found = imported(**properties)

    assert matches(found, **yes)
    assert not matches(found, **no)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ({"shouldArchive": "true"}, ["move \\Archive"]),
        ({"shouldArchive": "true", "label": "Work/Été"}, ["move Work/Été"]),
        ({"label": "Work"}, ["flag Work"]),
        ({"label": "Été 2026"}, ["flag Ete_2026"]),
        ({"shouldTrash": "true", "label": "Old"}, ["flag Old", "move \\Trash"]),
        ({"shouldMarkAsRead": "true", "shouldStar": "true"}, ["flag \\Seen", "flag \\Flagged"]),
        ({"shouldAlwaysMarkAsImportant": "true"}, ["flag $Important"]),
        ({"shouldNeverSpam": "true"}, ["flag $NotJunk", "unflag $Junk"]),
        ({"label": "A", "smartLabelToApply": "^smartlabel_personal"}, ["flag A"]),
        ({"label": "A", "forwardTo": "b@x.example"}, ["flag A"]),
    ],
)
def test_actions_of_filters(actions: dict[str, str], expected: list[str]) -> None:
    """Each action of Gmail's becomes ours; a label that leaves mail in the inbox becomes a keyword."""

    found = import_gmail(feed({"from": "a@x.example"} | actions), "f")

    assert expected == done(found, mail(from_="a@x.example"))


@pytest.mark.parametrize(
    ("properties", "part", "reason"),
    [
        ({"hasTheWord": "label:work"}, "label:work", "no labels"),
        ({"hasTheWord": "has:drive"}, "has:drive", "Gmail only"),
        ({"hasTheWord": "category:promotions"}, "category:promotions", "not seen over IMAP"),
        ({"hasTheWord": "after:2020/01/01"}, "after:2020/01/01", "ages, not dates"),
        ({"from": "a*b@x.example"}, "from:a*b@x.example", "wildcards"),
        ({"hasTheWord": "(a OR b"}, "hasTheWord", "brackets"),
        ({"subject": "one NOT two"}, "subject", "NOT is no operator"),
        ({"doesNotHaveTheWord": "label:work", "from": "a@x.example"}, "label:work", "no labels"),
        ({"doesNotHaveTheWord": "unsubscribe", "from": "a@x.example"}, "a word", "only the beginning"),
        ({"hasTheWord": "-unsubscribe from:a@x.example"}, "a word", "only the beginning"),
        ({"unheardOf": "7", "from": "a@x.example"}, "unheardOf", "not known"),
        ({"from": "a@x.example", "forwardTo": "b@x.example"}, "forwardTo", "never forwarded"),
        ({}, "the filter", "no condition"),
        ({"from": "!!"}, "from:!!", "no word"),
    ],
)
def test_what_cannot_be_said_is_left_out(properties: dict[str, str], part: str, reason: str) -> None:
    """A filter that cannot be carried over without becoming broader stands there as a comment, with line and reason."""

    found = imported(**properties)

    assert (0, 1) == (found.rules, found.asleep)
    assert any(part in one.part and reason in one.reason and one.place.line >= 4 for one in found.remarks)
    assert () == load_rules(found.text).rules


def test_alternatives_that_cannot_be_said_are_left_out() -> None:
    """Of alternatives those that can be said remain, and the others are told."""

    found = imported(hasTheWord="label:work OR from:a@x.example")

    assert matches(found, from_="a@x.example")
    assert ["narrowed"] == [str(one.effect) for one in found.remarks]


def test_all_filters_act() -> None:
    """Where two filters hold for a mail both act on it; of two moves the first counts."""

    found = import_gmail(
        feed(
            {"from": "a@x.example", "label": "A", "shouldArchive": "true"},
            {"subject": "hello", "shouldStar": "true"},
            {"subject": "world", "label": "W", "shouldArchive": "true"},
        ),
        "f",
    )

    assert ["flag \\Flagged", "move A"] == done(found, mail(from_="a@x.example", subject="hello world"))
    assert ["flag \\Flagged"] == done(found, mail(subject="hello"))
    assert ["move A"] == done(found, mail(from_="a@x.example"))
    assert done(found, mail(subject="neither")) is None


def test_hostile_texts_stay_texts() -> None:
    """Nothing that stands in a filter can leave its comment or its quotes."""

    evil = "x\n- name: evil\n  when: always\n  then: trash\n#"
    found = import_gmail(feed({"from": "a@x.example", "label": evil}, {"subject": evil, "shouldStar": "true"}), "f")

    assert all("evil" not in rule.name or "name-evil" in rule.name for rule in load_rules(found.text).rules)
    assert done(found, mail(subject="quiet")) is None


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"", "f:1:1: not readable as XML: no element found"),
        (b"<html></html>", 'f:1:1: not a Gmail filter export: it begins with "html", not with a feed'),
        (b"<feed>\n <entry></feed>", "f:2:11: not readable as XML: mismatched tag"),
        (b'<!DOCTYPE feed [<!ENTITY a "b">]><feed/>', "f:1:16: a document type is not allowed here"),
        (b"<feed>" + b"<a>" * 50, "f:1:64: nested too deeply"),
        (b"<?xml version='1.0' encoding='klingon'?><feed/>", "f:1:31: not readable as XML: unknown encoding"),
        (b"<feed/>" + b" " * 8_000_000, "f:1:1: the file is too large"),
    ],
)
def test_files_that_are_no_export(octets: bytes, text: str) -> None:
    """What is no filter export, or an attack, is refused with its place."""

    with pytest.raises(InvalidRules) as caught:
        import_gmail(octets, "f")

    assert text == caught.value.detail


def test_an_empty_export() -> None:
    """An export without filters gives no rules."""

    assert 0 == import_gmail(feed(), "f").rules
