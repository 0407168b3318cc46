"""Two rule sets over the same mails: what is counted as a change, and how it is told."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from shared.records import StoredEmail
from shared.rules.diff import SAMPLES, UNDECIDED, Changes, compare, in_words
from shared.rules.load import load_rules
from shared.rules.rule_set import RuleSet

NOW = dt.datetime(2026, 11, 3, 12, 0, tzinfo=dt.UTC)
SHOPS = """
version: 1
categories: {orders: {then: {move: Orders}}}
rules:
- {name: shops, when: {from: {domain: shop.example}}, category: orders}
- {name: rest, when: {subject: news}, then: [read, {move: News}]}
"""


def mail(number: int, **headers: str) -> StoredEmail:
    return StoredEmail(
        id=number,
        account="work",
        mailbox="INBOX",
        flags=frozenset(),
        internaldate=NOW,
        size=1,
        headers={name.rstrip("_"): [value] for name, value in headers.items()},
    )


def differences(active: RuleSet | None, candidate: RuleSet, *emails: StoredEmail) -> Changes:
    changes = Changes()
    compare(active, candidate, emails, NOW, changes)
    return changes


ORDER, NEWS, OTHER = (
    {"from_": "a@shop.example", "subject": "order"},
    {"from_": "b@x.example", "subject": "news"},
    {"subject": "?"},
)


def test_the_same_rules_change_nothing() -> None:
    """Whatever their text looks like."""
    active, candidate = load_rules(SHOPS), load_rules("# another line\n" + SHOPS)

    changes = differences(active, candidate, mail(1, **ORDER), mail(2, **NEWS), mail(3, **OTHER))

    assert (3, 0, []) == (changes.compared, changes.changed, changes.kinds)


def test_changes_are_told_by_kind() -> None:
    """Category, who decides, and actions count; the most frequent kind comes first, with some mails of it."""
    candidate = load_rules(
        SHOPS.replace("move: News", "move: Letters").replace("domain: shop.example", "domain: y.example")
    )

    changes = differences(load_rules(SHOPS), candidate, mail(1, **ORDER), *(mail(n, **NEWS) for n in range(2, 8)))

    assert (7, 7) == (changes.compared, changes.changed)
    assert [
        (
            6,
            [2, 3, 4],
            "no category (rule:rest) → flag \\Seen, move News",
            "no category (rule:rest) → flag \\Seen, move Letters",
        ),
        (1, [1], "orders (rule:shops) → move Orders", "uncertain"),
    ] == [(one.mails, one.samples, str(one.was), str(one.becomes)) for one in changes.kinds]
    assert SAMPLES == 3


def test_the_first_rules_change_everything_they_decide() -> None:
    """Without active rules nothing was decided yet."""
    changes = differences(None, load_rules(SHOPS), mail(1, **ORDER))

    assert [(UNDECIDED, "not decided yet")] == [(one.was, str(one.was)) for one in changes.kinds]


def test_what_needs_its_text_is_told() -> None:
    """A rule that hangs on a text that was not fetched decides nothing yet, and says what it needs."""
    candidate = load_rules(SHOPS.replace("subject: news", "body: news, attachment: {name: {contains: news}}"))

    changes = differences(load_rules(SHOPS), candidate, mail(1, **NEWS))

    [kind] = changes.kinds
    assert "not known before the list of attachments and the text can be read" == str(kind.becomes)
    assert (1, {"text": 1, "structure": 1}) == (changes.waiting, dict(changes.wanted))


def test_parts_in_words() -> None:
    """Header fields are named."""
    assert "the field x-spam, the list of attachments and the text" == in_words({"text", "structure", "header:x-spam"})


@given(st.lists(st.sampled_from([ORDER, NEWS, OTHER]), max_size=30))
def test_counts_add_up(contents: list[dict[str, str]]) -> None:
    """The kinds of change together are the changed mails, never more than were compared."""
    candidate = load_rules(SHOPS.replace("move: News", "move: Letters"))

    changes = differences(load_rules(SHOPS), candidate, *(mail(n, **headers) for n, headers in enumerate(contents)))

    assert (len(contents), contents.count(NEWS)) == (changes.compared, changes.changed)
    assert changes.changed == sum(one.mails for one in changes.kinds)
