"""What each rule said of a mail: retold from a trace, or asked now."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from shared.records import StoredEmail
from shared.rules.decide import decide
from shared.rules.explain import Said, ask_now, retell
from shared.rules.load import load_rules
from shared.status import Status

NOW = dt.datetime(2026, 11, 3, 12, 0, tzinfo=dt.UTC)
RULES = load_rules("""
version: 1
rules:
- {name: never, when: {not: {subject: x}, from: a@b.example}, then: keep}
- {name: star, when: {subject: x}, then: flag, continue: true}
- {name: either, when: {any: [{subject: y}, {from: c@d.example}]}, then: {move: Y}}
- {name: late, when: {subject: {contains: x}}, then: {move: X}}
- {name: body, when: {body: hello}, then: keep}
""")


def mail(subject: str, sender: str = "z@z.example", text: str | None = None) -> StoredEmail:
    return StoredEmail(
        id=1,
        account="work",
        mailbox="INBOX",
        flags=frozenset(),
        internaldate=NOW,
        size=1,
        headers={"subject": [subject], "from": [sender]},
        text=text,
    )


def said(subject: str, sender: str = "z@z.example") -> list[Said]:
    return [one.said for one in retell(RULES, decide(RULES, mail(subject, sender), NOW).trace)]


def test_the_way_of_a_decision_is_retold() -> None:
    """Who did not match, who added actions, who decided, who was not asked."""
    assert [Said.NO, Said.ADDS, Said.DECIDES, Said.NOT_ASKED, Said.NOT_ASKED] == said("x y")
    assert [Said.NO, Said.ADDS, Said.NO, Said.DECIDES, Said.NOT_ASKED] == said("x")


def test_a_decision_that_hangs_on_something_stops_there() -> None:
    """The rule that needs the text cannot be told."""
    assert [Said.NO, Said.NO, Said.NO, Said.NO, Said.UNKNOWN] == said("?")


def test_conditions_come_with_their_letters() -> None:
    """Each condition of a rule, in its order, with what it said."""
    [star] = [one for one in retell(RULES, decide(RULES, mail("x"), NOW).trace) if one.rule.name == "star"]

    assert [('subject contains "x"', "t")] == [(info.text, letter) for info, letter in star.conditions]


def test_a_trace_of_nothing_asks_nobody() -> None:
    """A mail that was not decided yet, or by an older trace, has no story."""
    assert {Said.NOT_ASKED} == {one.said for one in retell(RULES, "")}


def test_asked_now_all_rules_speak() -> None:
    """Those behind the deciding one too: what would match if it were not there."""
    asked = ask_now(RULES, mail("x y", text="hello"), NOW)

    assert Status.CLASSIFIED is asked.decision.status
    assert [Said.NO, Said.ADDS, Said.DECIDES, Said.WOULD_MATCH, Said.WOULD_MATCH] == [one.said for one in asked.rules]


@given(st.text("xyz?", max_size=4), st.sampled_from(["a@b.example", "c@d.example", "e@f.example"]), st.booleans())
def test_the_story_is_the_decision(subject: str, sender: str, has_text: bool) -> None:
    """Retold or asked now, the rule that decides is the rule that decided, for any mail."""
    email = mail(subject, sender, "hello" if has_text else None)
    decision = decide(RULES, email, NOW)
    expected = [decision.decided_by.removeprefix("rule:")] if decision.decided_by else []

    for rules in (retell(RULES, decision.trace), ask_now(RULES, email, NOW).rules):
        assert expected == [one.rule.name for one in rules if one.said is Said.DECIDES]
