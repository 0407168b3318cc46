"""RuleSet + mail -> Decision."""

import datetime as dt
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mail.headers import read_headers
from shared.records import ActionKind, Attachment, StoredEmail
from shared.rules.decide import decide
from shared.rules.load import load_rules
from shared.rules.model import Action
from shared.status import Status
from tests.unit.rules.invented import NOW, mail

EVERYTHING = """
version: 1
lists: {people: [a@b.example, c.example]}
rules:
- name: all
  then: keep
  when:
    all:
    - {from: a@b.example, to: {domain: b}, cc: {contains: x}, reply-to: {matches: x}, sender: {starts-with: x}}
    - {recipient: {ends-with: x}, bcc: a@b.example, delivered-to: {plus: x}, to: {in: people}}
- name: rest
  then: keep
  when:
    any:
    - {subject: x, list-id: x, header: {name: X-A, contains: x}}
    - {header: {name: X-B, exists: false}}
    - {list-mail: true, mailbox: x, account: x, size: {over: 1 KB}, age: {over: 1d}, seen: true, keyword: x}
    - {age: {under: 2h}, body: {contains: x, matches: x}, attachment: {name: {matches: x}, type: x, size: {over: 1}}}
    - {attachment: {count: {over: 1}, exists: true}}
"""


THREE = load_rules("""
version: 1
categories:
  boss: {then: [flag, {move: Boss}]}
rules:
- {name: star, when: {subject: urgent}, then: [{unflag: $Todo}, {move: Urgent}], continue: true}
- {name: boss, when: {from: boss@work.example, seen: true}, category: boss}
- {name: work, when: {from: {domain: work.example}}, then: keep}
""")


def test_the_first_rule_that_matches_wins():
    """The decision says category, actions, who and why; later rules are not asked."""

    decision = decide(THREE, mail(**{"from": "boss@work.example"}), NOW)

    assert (Status.CLASSIFIED, "boss", "rule:boss", "rule boss (rules:7)", "ftt-") == (
        decision.status,
        decision.category,
        decision.decided_by,
        decision.reason,
        decision.trace,
    )
    assert (
        Action(kind=ActionKind.FLAG, target="\\Flagged"),
        Action(kind=ActionKind.MOVE, target="Boss"),
    ) == decision.actions


def test_keep_is_a_decision_without_actions():
    """Left in place on purpose is classified, not uncertain."""

    decision = decide(THREE, mail(**{"from": "a@work.example"}), NOW)

    assert (Status.CLASSIFIED, None, (), "ff-t") == (
        decision.status,
        decision.category,
        decision.actions,
        decision.trace,
    )


def test_no_match_is_uncertain():
    """Mail that nothing knows stays undecided."""

    decision = decide(THREE, mail(subject="hi"), NOW)

    assert (Status.UNCERTAIN, None, "no rule matches", "ff-f") == (
        decision.status,
        decision.decided_by,
        decision.reason,
        decision.trace,
    )


def test_continue_adds_its_actions_and_its_move_wins():
    """Flags of both, and of two moves the first."""

    decision = decide(THREE, mail(**{"from": "boss@work.example", "subject": "urgent"}), NOW)

    assert ("rule:boss", "rule boss (rules:7), after star") == (decision.decided_by, decision.reason)
    assert [("unflag", "$Todo"), ("flag", "\\Flagged"), ("move", "Urgent")] == [
        (action.kind, action.target) for action in decision.actions
    ]


def test_only_continue_is_still_uncertain():
    """A rule that continues decides nothing by itself."""

    decision = decide(THREE, mail(subject="urgent"), NOW)

    assert (Status.UNCERTAIN, (), "only rules that continue match: star") == (
        decision.status,
        decision.actions,
        decision.reason,
    )


def test_an_unknown_rule_does_not_let_a_later_one_take_its_mail():
    """A decision that hangs on a field that was not fetched is not made."""

    rules = load_rules("""
version: 1
rules:
- {name: spam, when: {header: {name: X-Spam, is: 'yes'}}, then: junk}
- {name: rest, when: {seen: true}, then: {move: Read}}
""")

    unknown, known = decide(rules, mail(), NOW), decide(rules, mail(headers={"x-spam": []}), NOW)

    assert (Status.UNCERTAIN, "rule spam (rules:4) needs the field x-spam, which was not fetched", "u-") == (
        unknown.status,
        unknown.reason,
        unknown.trace,
    )
    assert ("rule:rest", "ft") == (known.decided_by, known.trace)


PARTS = load_rules("""
version: 1
rules:
- name: cheap-first
  when:
    all:
    - {body: total}
    - {attachment: true}
    - {header: {name: X-A, is: 'yes'}}
    - any: [{body: {matches: due}}, {flagged: true}]
    - {from: {domain: shop.example}}
  then: keep
- {name: rest, when: {not: {any: [{body: hello}, {seen: true}]}}, then: {move: Rest}}
""")
SHOP = {"from": "a@shop.example"}


@pytest.mark.parametrize(
    ("changes", "wanted", "trace"),
    [
        (SHOP, {"text", "structure", "header:x-a"}, "uuuuft--"),
        (SHOP | {"flags": frozenset({"\\Flagged"})}, {"text", "structure", "header:x-a"}, "uuu-tt--"),
        (SHOP | {"headers": {"from": ["a@shop.example"], "x-a": ["yes"]}}, {"text", "structure"}, "uutuft--"),
        (SHOP | {"headers": {"from": ["a@shop.example"], "x-a": []}, "text": ""}, set(), "--f--t-t"),
        (SHOP | {"attachments": (), "text": ""}, set(), "-fu--t-t"),
        ({}, set(), "-----f-t"),
        ({"flags": frozenset()}, {"text"}, "-----fuf"),
        (SHOP | {"unavailable": frozenset({"text"})}, {"structure", "header:x-a"}, "uuuuft--"),
    ],
)
def test_a_decision_says_what_it_hangs_on(changes, wanted, trace):
    """Wanted are the parts of the conditions that leave the rule open; cheap ones are asked before a body is."""

    if changes.get("headers"):
        changes = {name: value for name, value in changes.items() if name != "from"}

    decision = decide(PARTS, mail(**changes), NOW)

    assert (wanted, trace) == (decision.wanted, decision.trace)


@pytest.mark.parametrize(
    ("unavailable", "wanted", "reason"),
    [
        ((), {"text"}, "rule rest (rules:13) needs the text, which was not fetched"),
        (("text",), set(), "rule rest (rules:13) needs the text, which the mail server cannot give"),
    ],
)
def test_what_cannot_be_had_is_not_wanted(unavailable, wanted, reason):
    """A mail that hangs only on what the server does not give ends uncertain, with that reason."""

    decision = decide(PARTS, mail(flags=frozenset(), unavailable=frozenset(unavailable)), NOW)

    assert (Status.UNCERTAIN, wanted, reason) == (decision.status, decision.wanted, decision.reason)


def test_what_does_not_matter_is_not_wanted():
    """A condition that was unknown in a part that another one settled leaves no wish."""

    rules = load_rules("""
version: 1
rules:
- name: a
  when:
    all:
    - any: [{header: {name: X-A, is: a}}, {header: {name: X-B, is: b}}]
    - body: hello
  then: keep
""")

    decision = decide(rules, mail(headers={"x-b": ["b"]}), NOW)

    assert ({"text"}, "utu") == (decision.wanted, decision.trace)


def test_a_mail_whose_header_is_refused_matches_no_rule():
    """Neither what is absent nor what the server still tells of it makes a rule match."""

    rules = load_rules("""
version: 1
rules:
- {name: nobody, when: {from: {exists: false}}, then: junk}
- {name: seen, when: {seen: true}, then: {move: Read}}
""")

    decision = decide(rules, mail(unreadable=True), NOW)

    assert (Status.UNCERTAIN, "the mail server refuses the header of this mail", "--") == (
        decision.status,
        decision.reason,
        decision.trace,
    )


@pytest.mark.parametrize("name", ["Subject", "To"])
@pytest.mark.parametrize(
    "value", ["a" + "\u0315\u0316" * 4_500, "\u0315\uff9e" * 4_000, 'x(c)"a@b"' + "(c):" * 2_500, "é " * 5_000]
)
def test_a_hostile_mail_is_decided_at_once(name, value):
    """A header of a megabyte, full of what is expensive to normalise or to scan, does not hold up the others."""

    line = f"{name}: {value}\r\n".encode()
    headers = read_headers(line * (1_000_000 // len(line))).fields
    rules = load_rules("""
version: 1
rules:
- {name: a, when: {subject: {contains: invoice}}, then: flag}
- {name: b, when: {subject: {matches: 'invoi.e'}}, then: flag}
- {name: c, when: {recipient: {is: nobody@b.example}}, then: flag}
- {name: d, when: {to: {domain: nobody.example}}, then: flag}
- {name: e, when: {to: {matches: '^nobody@'}}, then: flag}
""")
    started = time.process_time()
    decision = decide(rules, mail(headers=headers), NOW)

    assert time.process_time() - started < 1
    assert "fffff" == decision.trace


def test_reasons_hold_no_mail_content():
    """Reasons go into logs and events: they name the rule, not the mail."""

    decision = decide(THREE, mail(**{"from": "boss@work.example", "subject": "secret"}), NOW)

    assert "secret" not in decision.reason + decision.trace
    assert "boss@" not in decision.reason


HEADERS = st.dictionaries(
    st.sampled_from(["from", "to", "cc", "bcc", "reply-to", "sender", "subject", "list-id", "precedence", "x-a"]),
    st.lists(st.text(st.characters()), max_size=3),
)


@settings(deadline=None)
@given(
    HEADERS,
    st.frozensets(st.text(max_size=9)),
    st.datetimes(timezones=st.one_of(st.none(), st.just(dt.UTC))),
    st.text(),
    st.one_of(st.none(), st.text(st.characters())),
    st.one_of(
        st.none(), st.lists(st.builds(Attachment, name=st.text(st.characters()), type=st.text(), bytes=st.integers()))
    ),
)
def test_any_stored_mail_is_decided(headers, flags, internaldate, name, text, attachments):
    """No mail raises, lone surrogates and naive times included; the trace has one letter per condition."""

    rules = load_rules(EVERYTHING)
    email = StoredEmail(
        id=1,
        account=name,
        mailbox=name,
        flags=flags,
        internaldate=internaldate,
        size=len(name),
        headers=headers,
        text=text,
        attachments=None if attachments is None else tuple(attachments),
    )

    assert len(rules.conditions) == len(decide(rules, email, NOW).trace)
