"""What each condition asks of a mail."""

import pytest

from shared.records import Attachment, StoredEmail
from shared.rules.decide import decide
from shared.rules.load import load_rules
from shared.status import Status
from tests.unit.rules.invented import NOW, mail


def holds(when: str, email: StoredEmail) -> bool | None:
    """Whether a condition holds; None where it is unknown."""
    text = f"version: 1\nrules:\n- name: r\n  then: keep\n  when: {when}\n"
    decision = decide(load_rules(text), email, NOW)
    return None if "not fetched" in decision.reason else decision.status is Status.CLASSIFIED


PDF = Attachment(name="Report.pdf", type="application/pdf", bytes=2_000_000)
ICS = Attachment(name="invite.ics", type="text/calendar", bytes=900)
FROM = mail(**{"from": '"Shop, Inc" <News@Mail.Shop.example>'})


@pytest.mark.parametrize(
    ("when", "email", "expected"),
    [
        ("{from: news@mail.shop.EXAMPLE}", FROM, True),
        ("{from: {domain: shop.example}}", FROM, True),
        ("{from: {domain: hop.example}}", FROM, False),
        ("{from: {contains: 'shop, inc'}}", FROM, True),
        ("{from: {starts-with: shop}}", FROM, False),
        ("{from: {starts-with: [x, news@]}}", FROM, True),
        ("{from: {ends-with: .example}}", FROM, True),
        ("{from: {matches: '^news@.*\\.example$'}}", FROM, True),
        ("{from: {domain: shop.example, starts-with: nobody@}}", FROM, False),
        ("{from: {exists: true}, to: {exists: false}}", FROM, True),
        ("{recipient: b@c}", mail(cc="A <a@c>, B <b@c>"), True),
        ("{to: b@c}", mail(cc="A <a@c>, B <b@c>"), False),
        ("{subject: straße}", mail(subject="Die STRASSE"), True),
        ("{subject: invoice}", mail(subject="\uff29\uff4e\uff56oice"), True),
        ("{subject: invoice}", mail(subject="in\u200bvoi\u00adce"), True),
        ("{subject: {is: hello}}", mail(subject="hello you"), False),
        ("{subject: {matches: '^RE: \\d+$'}}", mail(subject="re: 17"), True),
        ("{list-id: daily.news.example}", mail(list_id="The Daily <daily.news.example>"), True),
        ("{list-id: {ends-with: .news.example}}", mail(list_id="<daily.news.example>"), True),
        ("{list-id: {domain: news.example}}", mail(list_id="daily.news.example"), True),
        ("{list-id: {contains: the daily}}", mail(list_id="The Daily <daily.news.example>"), True),
        ("{list-mail: true}", mail(precedence="Bulk"), True),
        ("{list-mail: false}", mail(subject="x"), True),
        ("{header: {name: Precedence, is: bulk}}", mail(precedence="bulk"), True),
        ("{header: {name: X-A, is: b}}", mail(x_a="b"), True),
        ("{header: X-A}", mail(x_a="b"), True),
        ("{header: X-A}", mail(headers={"x-a": []}), False),
        ("{header: X-A}", mail(), None),
        ("{not: {header: X-A}}", mail(), None),
        ("{any: [{header: X-A}, {seen: true}]}", mail(), True),
        ("{header: X-A, seen: false}", mail(), False),
        ("{mailbox: inbox, account: WORK}", mail(), True),
        ("{mailbox: [Lists, Other]}", mail(), False),
        ("{size: {over: 4 KB, under: 5KB}}", mail(), True),
        ("{size: {over: 1 MB}}", mail(), False),
        ("{age: {over: 2d, under: 1 week}}", mail(), True),
        ("{age: {under: 48h}}", mail(), False),
        ("{seen: true, flagged: false}", mail(), True),
        ("{answered: true}", mail(), False),
        ("{keyword: $paid}", mail(), True),
        ("{not: {seen: true, flagged: true}}", mail(), True),
        ("{not: [{seen: true}, {flagged: true}]}", mail(), False),
        ("{all: [{seen: true}, {any: {flagged: true, keyword: $Paid}}]}", mail(), True),
        ("{bcc: a@b.example}", mail(bcc="A <a@b.example>"), True),
        ("{bcc: a@b.example}", mail(), None),
        ("{bcc: {exists: true}}", mail(headers={"bcc": []}), False),
        ("{delivered-to: {plus: shop}}", mail(delivered_to="me+shop@b.example"), True),
        ("{delivered-to: {domain: b.example}}", mail(), None),
        ("{to: {plus: SHOP}}", mail(to="Me <me+shop@b.example>"), True),
        ("{to: {plus: [news, shop]}}", mail(to="me+shoes@b.example"), False),
        ("{to: {plus: shop}}", mail(to="me@b.example"), False),
        ("{recipient: {plus: a+b}}", mail(cc="me+a+b@b.example"), True),
        ("{body: invoice}", mail(text="Your INVOICE"), True),
        ("{body: your invoice}", mail(text="Here is your\r\n  invoice"), True),
        ("{body: {contains: 'your\u00a0invoice'}}", mail(text="your\tinvoice"), True),
        ("{body: invoice}", mail(text=""), False),
        ("{body: invoice}", mail(), None),
        ("{body: straße}", mail(text="an der STRASSE — “hier”"), True),
        ("{body: {matches: '(?m)^total: +\\d+$'}}", mail(text="a\nTotal:  12\nb"), True),
        ("{body: {starts-with: dear}}", mail(text="Dear Kim"), True),
        ("{body: {exists: false}}", mail(text=" \n"), True),
        ("{attachment: true}", mail(attachments=(PDF,)), True),
        ("{attachment: false}", mail(attachments=()), True),
        ("{attachment: false}", mail(attachments=(PDF,)), False),
        ("{attachment: {exists: true}}", mail(), None),
        ("{attachment: report.pdf}", mail(attachments=(ICS, PDF)), True),
        ("{attachment: [a.pdf, report.pdf]}", mail(attachments=(ICS,)), False),
        ("{attachment: {name: {ends-with: [.doc, .pdf]}}}", mail(attachments=(PDF,)), True),
        ("{attachment: {name: {matches: '^rep.*\\.PDF$'}}}", mail(attachments=(PDF,)), True),
        ("{attachment: {type: text/calendar}}", mail(attachments=(ICS,)), True),
        ("{attachment: {type: {starts-with: image/}}}", mail(attachments=(ICS, PDF)), False),
        ("{attachment: {name: report.pdf, size: {over: 1 MB}}}", mail(attachments=(PDF, ICS)), True),
        ("{attachment: {name: invite.ics, size: {over: 1 MB}}}", mail(attachments=(PDF, ICS)), False),
        ("{attachment: {count: {over: 1}}}", mail(attachments=(PDF, ICS)), True),
        ("{attachment: {count: {under: 2}, type: {contains: pdf}}}", mail(attachments=(PDF,)), True),
        ("{attachment: {size: {over: 1 KB, under: 1 MB}}}", mail(attachments=(PDF,)), False),
        ("always", mail(), True),
    ],
)
def test_conditions_hold_or_not(when, email, expected):
    """Each condition asks what docs/rules.md says it asks."""

    assert expected is holds(when, email)


@pytest.mark.parametrize(
    ("authors", "truth"),
    [
        (["thief@bad.example, service@bank.example"], None),
        (["service@bank.example, <thief@bad.example>"], None),
        (["service@bank.example", "thief@bad.example"], None),
        (["service@bank.example, thief@bad.example@bank.example"], None),
        (["a@bank.example, B <b@mail.bank.example>"], True),
        (["thief@bad.example, other@bad.example"], False),
        (["service@bank.example <thief@bad.example>"], False),
    ],
)
@pytest.mark.parametrize(
    "when",
    ["{from: {domain: bank.example}}", "{from: {ends-with: bank.example}}", "{not: {from: {domain: bank.example}}}"],
)
def test_no_stranger_makes_himself_another_author(when, authors, truth):
    """Of several authors all must be meant, or none: else neither the condition nor its opposite holds."""

    rules = load_rules(
        f"version: 1\nrules:\n- {{name: r, when: {when}, then: keep}}\n- {{name: s, when: always, then: keep}}"
    )

    decision = decide(rules, mail(headers={"from": authors}), NOW)

    expected = {
        None: (None, "u-", frozenset()),
        True: ("rule:r", "t-", frozenset()),
        False: ("rule:s", "ft", frozenset()),
    }
    opposite = {True: ("rule:s", "tt", frozenset()), False: ("rule:r", "f-", frozenset())}
    outcomes = expected | opposite if when.startswith("{not") else expected
    assert outcomes[truth] == (decision.decided_by, decision.trace, decision.wanted)


def test_a_second_author_is_told_as_the_reason():
    """A mail that stays undecided for its second author says so, and not that something was not fetched."""

    rules = load_rules("version: 1\nrules:\n- {name: r, when: {from: a@x.example}, then: keep}\n")

    decision = decide(rules, mail(**{"from": "a@x.example, b@y.example"}), NOW)

    assert decision.reason == "rule r (rules:3) asks who sent this mail, and From names others beside"


@pytest.mark.parametrize(
    "sender",
    [
        "thief@bad.example@bank.example",
        "service@pay\u200bbank.example",
        "service@\uff42ank.example",
        "service@[bank.example]",
        "thief@bad.example\uff20bank.example",
        "service@xn--ank-y63j.example",
    ],
)
def test_what_only_looks_like_a_domain_is_not_taken_for_it(sender):
    """A domain that is another one for who checks senders, or none, matches no rule about the one it resembles."""

    bank = "[bank.example, paybank.example]"
    for when in (f"{{from: {{domain: {bank}}}}}", f"{{from: {{ends-with: {bank}}}}}"):
        assert holds(when, mail(**{"from": f"<{sender}>"})) is False


@pytest.mark.parametrize("named", ["müller.example", "MÜLLER.example", "xn--mller-kva.example", "m\u00adüller.example"])
@pytest.mark.parametrize("sent", ["müller.example", "mu\u0308ller.example", "XN--mller-kva.example"])
def test_a_domain_is_the_same_in_both_its_spellings(named, sent):
    """What people read, and what stands in the header in ASCII (RFC 5890), is one domain."""

    email = mail(**{"from": f"<a@mail.{sent}>"})

    assert [True, True, True] == [
        holds(f"{{from: {{domain: {named}}}}}", email),
        holds(f"{{from: {{ends-with: .{named}}}}}", email),
        holds(f"{{from: a@mail.{named}}}", email),
    ]


def test_sharp_s_is_a_letter_of_its_own_in_domains():
    """Since RFC 5891 they are two domains, and anybody may own the other one."""

    assert holds("{from: {domain: strasse.example}}", mail(**{"from": "a@straße.example"})) is False
    assert holds("{from: {domain: straße.example}}", mail(**{"from": "a@xn--strae-oqa.example"})) is True
