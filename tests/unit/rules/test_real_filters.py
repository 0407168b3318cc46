"""What people's filters say in other programs, said in rules: with mails that they take, and mails they leave."""

import json

import pytest

from shared.rules.check import run_rule_tests
from shared.rules.load import load_rules

SIXTY = ", ".join(f"sender{number}@shop{number}.example" for number in range(60))
HEADERS = {"from": "From", "to": "To", "cc": "Cc", "bcc": "Bcc", "list-id": "List-Id", "header": "X-Project"}


def holds(rules: str, *tests: str) -> list[str]:
    """The tests that fail, of a rule set whose last rule carries them."""
    carried = "".join(f"  - {test}\n" for test in tests)
    return [str(fault) for fault in run_rule_tests(load_rules(f"version: 1\n{rules}  tests:\n{carried}"))]


def rule(when: str, then: str = "keep", *, name: str = "r", goes_on: bool = False) -> str:
    more = "  continue: true\n" if goes_on else ""
    return f"- name: {name}\n  when: {when}\n  then: {then}\n{more}"


@pytest.mark.parametrize("field", HEADERS)
@pytest.mark.parametrize(
    ("asked", "takes", "leaves"),
    [
        ("is: anna@x.example", "anna@x.example", "joanna@x.example"),
        ("contains: anna", "Joanna <j@y.example>", "hanne@x.example"),
        ("matches: '^(anna|kim)@'", "KIM@y.example", "akim@y.example"),
    ],
)
def test_any_field_with_any_operator(field, asked, takes, leaves):
    """From, To, Cc, Bcc, List-Id and any other field are compared as a whole, in part, or with a pattern."""

    named = "name: X-Project, " if field == "header" else ""

    assert [] == holds(
        "rules:\n" + rule(f"{{{field}: {{{named}{asked}}}}}"),
        f"{{mail: {{{HEADERS[field]}: {takes}}}, matches: true}}",
        f"{{mail: {{{HEADERS[field]}: {leaves}}}, matches: false}}",
        "{mail: {subject: nothing else}, matches: false}",
    )


def test_from_somebody_but_not_from_their_orders():
    """One address of a domain is left out."""

    assert [] == holds(
        "rules:\n" + rule("{from: {domain: shop.example}, not: {from: orders@shop.example}}"),
        "{mail: {from: news@shop.example}, matches: true}",
        "{mail: {from: Orders@Shop.example}, matches: false}",
        "{mail: {from: news@workshop.example}, matches: false}",
    )


def test_a_list_of_sixty_senders():
    """A long list stands once, under a name, and may hold addresses and domains."""

    assert [] == holds(
        f"lists: {{vip: [{SIXTY}, family.example]}}\nrules:\n" + rule("{from: {in: vip}}"),
        "{mail: {from: Shop <SENDER59@shop59.example>}, matches: true}",
        "{mail: {from: mum@mail.family.example}, matches: true}",
        "{mail: {from: sender60@shop60.example}, matches: false}",
    )


def test_an_attachment_by_its_name():
    """invite.ics is found whatever it is called in front and whatever its case."""

    assert [] == holds(
        "rules:\n" + rule("{attachment: {name: invite.ics}}"),
        "{mail: {attachments: [notes.txt, Invite.ICS]}, matches: true}",
        "{mail: {attachments: [invite.ics.exe]}, matches: false}",
        "{mail: {subject: invite.ics}, matches: false}",
    )


def test_big_attachments_of_a_kind():
    """Name, type and size are those of one attachment."""

    assert [] == holds(
        "rules:\n" + rule("{attachment: {type: application/pdf, size: {over: 1 MB}}}"),
        "{mail: {attachments: [{name: a.pdf, type: application/pdf, size: 2 MB}]}, matches: true}",
        "{mail: {attachments: [{name: a.pdf, type: application/pdf}, {name: b.zip, size: 2 MB}]}, matches: false}",
    )


def test_old_mail_that_was_read_and_not_flagged():
    """Age, seen and flagged together: what an archive rule needs."""

    assert [] == holds(
        "rules:\n" + rule("{age: {over: 30d}, seen: true, flagged: false}", "archive"),
        "{mail: {age: 31d, flags: [\\Seen]}, matches: true, then: archive}",
        "{mail: {age: 31d}, matches: false}",
        "{mail: {age: 31d, flags: [\\Seen, \\Flagged]}, matches: false}",
        "{mail: {age: 29d, flags: [\\Seen]}, matches: false}",
    )


def test_plus_addresses():
    """A tag of any of my addresses, one whole address, or any tag at all; delivered to it too."""

    assert [] == holds(
        "rules:\n"
        + rule("{any: [{recipient: {plus: shop}}, {delivered-to: {plus: shop}}, {to: {starts-with: kim+}}]}"),
        "{mail: {to: me+Shop@home.example}, matches: true}",
        "{mail: {cc: you@x.example, to: me+shop@work.example}, matches: true}",
        "{mail: {to: list@x.example, delivered-to: me+shop@home.example}, matches: true}",
        "{mail: {to: kim+anything@home.example}, matches: true}",
        "{mail: {to: me+shopping@home.example}, matches: false}",
        "{mail: {to: shop@home.example}, matches: false}",
    )


def test_several_labels_on_one_mail():
    """Rules that continue add theirs; one rule may set several."""

    assert [] == holds(
        "rules:\n"
        + rule("{from: {domain: work.example}}", "{keyword: [$Work, $Team]}", name="work", goes_on=True)
        + rule("{subject: invoice}", "{keyword: $Invoice}", name="money", goes_on=True)
        + rule("always", name="rest"),
        "{mail: {from: a@work.example, subject: An invoice}, then: [{keyword: [$Work, $Team, $Invoice]}]}",
        "{mail: {from: a@work.example, subject: Hello}, then: [{keyword: [$Work, $Team]}]}",
        "{mail: {from: a@x.example, subject: Hello}, then: keep}",
    )


@pytest.mark.parametrize(
    ("then", "effects"),
    [
        ("read", [("flag", "\\Seen")]),
        ("[{keyword: $Important}, flag]", [("flag", "$Important"), ("flag", "\\Flagged")]),
        ("archive", [("move", "\\Archive")]),
        ("trash", [("move", "\\Trash")]),
        ("junk", [("move", "\\Junk")]),
        ("[read, archive]", [("flag", "\\Seen"), ("move", "\\Archive")]),
        ("{move: Work/Clients/Ærø}", [("move", "Work/Clients/Ærø")]),
        ("[unread, {unflag: $Todo}]", [("unflag", "\\Seen"), ("unflag", "$Todo")]),
    ],
)
def test_what_is_done_with_a_mail(then, effects):
    """Mark read, mark important, archive, trash: the words of other programs have their actions."""

    rules = load_rules("version: 1\nrules:\n" + rule("{seen: false}", then))

    assert effects == [(str(action.kind), action.target) for action in rules.rules[0].actions]


def test_never_spam():
    """A rule before the one that takes junk keeps its mail from it, and says so to the server."""

    assert [] == holds(
        "lists: {friends: [anna@x.example, family.example]}\nrules:\n"
        + rule("{from: {in: friends}}", "[{keyword: $NotJunk}, {unflag: $Junk}]", name="never-spam")
        + rule("{header: {name: X-Spam-Flag, is: 'yes'}}", "junk", name="spam"),
        "{mail: {from: mum@family.example, X-Spam-Flag: 'YES'}, then: [{keyword: $NotJunk}, {unflag: $Junk}]}",
        "{mail: {from: bad@x.example, X-Spam-Flag: 'YES'}, then: junk}",
        "{mail: {from: good@x.example, X-Spam-Flag: 'NO'}, uncertain: true}",
    )


def test_the_first_match_wins_and_the_rest_has_a_branch():
    """Order decides; `always` takes what is left, so that nothing is uncertain."""

    assert [] == holds(
        "categories: {work: {then: {move: Work}}, rest: {then: {move: Rest}}}\nrules:\n"
        "- {name: boss, when: {from: boss@work.example}, then: flag}\n"
        "- {name: work, when: {from: {domain: work.example}}, category: work}\n"
        "- name: rest\n  when: always\n  category: rest\n",
        "{mail: {from: boss@work.example}, then: flag}",
        "{mail: {from: a@work.example}, category: work}",
        "{mail: {from: a@x.example}, category: rest, matches: true, uncertain: false}",
    )


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        ("счёт", "Ваш СЧЁТ готов"),
        ("請求書", "【重要】請求書のお知らせ"),
        ("فاتورة", "فاتورة جديدة"),
        ("ÉTÉ", "les soldes d'été"),
        ("\uff21\uff22\uff23", "order abc"),
        ("नमस्ते", "नमस्ते दुनिया"),
        ("iş", "YENİ İŞ"),
    ],
)
def test_text_that_is_not_latin(value, subject):
    """Case and form do not matter in any script."""

    assert [] == holds(
        "rules:\n" + rule(f"{{subject: {value}}}"),
        f"{{mail: {{subject: {json.dumps(subject, ensure_ascii=False)}}}, matches: true}}",
        "{mail: {subject: something else}, matches: false}",
    )


@pytest.mark.parametrize(
    "value", ["[URGENT]", 'say "yes"', "it's {here}", "a: b # c", "50% (off)", "C:\\temp", "- x", "*"]
)
def test_values_with_brackets_and_quotes(value):
    """Whatever YAML can quote is a text to compare with, and never a pattern."""

    quoted = json.dumps(value)

    assert [] == holds(
        "rules:\n" + rule(f"{{subject: {quoted}}}"),
        f"{{mail: {{subject: {json.dumps('Re: ' + value + ' now')}}}, matches: true}}",
        "{mail: {subject: URGENT yes here}, matches: false}",
    )


def test_in_the_body_too():
    """Words of the text count as those of the subject do, over the ends of lines."""

    assert [] == holds(
        "rules:\n" + rule("{any: [{subject: [unsubscribe]}, {body: [unsubscribe here, se désabonner]}]}"),
        '{mail: {body: "To leave, unsubscribe\\n here."}, matches: true}',
        "{mail: {body: SE DÉSABONNER}, matches: true}",
        "{mail: {body: please subscribe here}, matches: false}",
    )


def test_either_of_several_groups_but_not_some():
    """all, any and not nest as deep as a thought does."""

    assert [] == holds(
        "rules:\n"
        + rule(
            "{any: [{all: [{from: {domain: a.example}}, {not: [{subject: ad}, {list-mail: true}]}]}, "
            "{to: {contains: team}, size: {under: 1 MB}}], not: {from: noreply@a.example}}"
        ),
        "{mail: {from: x@a.example, subject: Hello}, matches: true}",
        "{mail: {from: x@a.example, subject: an ad}, matches: false}",
        "{mail: {from: x@b.example, to: The Team <t@c.example>}, matches: true}",
        "{mail: {from: x@b.example, to: The Team <t@c.example>, size: 2 MB}, matches: false}",
        "{mail: {from: noreply@a.example, subject: Hello}, matches: false}",
    )
