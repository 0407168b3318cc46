"""`review` and `explain` on stored mail: what waits for a person, what the person says, and the story of a mail."""

import json

import pytest

from shared.status import Filing, Status
from tests.integration.cli.conftest import Desk
from tests.integration.store.values import apply_all, email_id

RULES = """
categories: {letters: {description: What people write, then: {move: Letters}}, nothing: {then: keep}}
rules:
- {name: star, when: {subject: star}, then: flag, continue: true}
- {name: news, when: {subject: news}, then: {move: News}}
- {name: last, when: {subject: never}, then: keep}
"""


@pytest.fixture
def filled(desk: Desk) -> Desk:
    """Mail 1 is decided, 2 and 3 are uncertain."""
    desk.run("rules", "push", desk.rules(RULES))
    desk.add("star news", "hello \x1b[31m", "bye")
    desk.classify()
    return desk


def state(desk: Desk, uid: int) -> tuple[Status, Filing]:
    history = desk.store.emails.get(f"<{uid}@example>")
    return history.status, history.filing


def test_what_waits_is_shown(filled: Desk) -> None:
    """Numbers, then the mails with sender, subject and reason; no stranger's text moves the cursor."""
    code, out, _ = filled.run("review", "list")

    assert (0, True) == (code, out.startswith("waiting for a person: 2 uncertain\n"))
    assert ("no rule matches" in out, "bye" in out, "\x1b" in out) == (True, True, False)


def test_nothing_waits(desk: Desk) -> None:
    """An empty list is a sentence."""
    assert (0, "waiting for a person: nothing\n") == desk.run("review", "list")[:2]


def test_what_waits_as_json(filled: Desk) -> None:
    """Counts, and an object for each mail."""
    _, out, _ = filled.run("review", "list", "--limit", "1", "--json")

    document = json.loads(out)
    assert ({"uncertain": 2}, 1) == (document["counts"], len(document["mails"]))
    assert ("uncertain", "bye", "INBOX") == tuple(
        document["mails"][0][key] for key in ("waits_for", "subject", "mailbox")
    )


def test_a_category_is_given_to_several(filled: Desk) -> None:
    """By id and by Message-ID."""
    code, out, _ = filled.run(
        "review", "decide", "<2@example>", str(email_id(filled.store, 3)), "--category", "letters"
    )

    assert (0, True) == (code, "scripts/agent sync" in out)
    assert [(Status.CLASSIFIED, Filing.PENDING)] * 2 == [state(filled, uid) for uid in (2, 3)]
    assert ("INBOX", "move", "Letters", 2) in filled.store.actions.plan(filled.account.id)
    assert "waiting for a person: nothing\n" == filled.run("review", "list")[1]


def test_an_unknown_category_decides_nothing(filled: Desk) -> None:
    """The known ones are named."""
    code, _, err = filled.run("review", "decide", "<2@example>", "--category", "letter")

    assert (1, True) == (code, "known: letters, nothing" in err)
    assert (Status.UNCERTAIN, Filing.NONE) == state(filled, 2)


def test_one_that_cannot_be_decided_does_not_keep_the_others(filled: Desk) -> None:
    """What can be decided is; the rest is told with a way out, and the exit code is 1."""
    code, out, err = filled.run("review", "decide", "<1@example>", "<9@example>", "<2@example>", "--retry", "--json")

    assert (1, 2) == (code, json.loads(out)["failed"])
    assert [{"id": email_id(filled.store, 2), "became": "fetched"}] == json.loads(out)["decided"]
    assert ["Conflict", "NotFound"] == [json.loads(line)["error"] for line in err.splitlines()]


@pytest.mark.parametrize("words", [[], ["--keep", "--retry"], ["--keep", "--category", "letters"]])
def test_one_word_is_wanted(filled: Desk, words: list[str]) -> None:
    """None, or two, is a usage error."""
    assert 2 == filled.run("review", "decide", "<2@example>", *words)[0]


def test_a_persons_decision_outlives_reclassify(filled: Desk) -> None:
    """Newer rules do not overwrite what a person said, unless asked."""
    filled.run("review", "decide", "<2@example>", "--keep")
    filled.run("rules", "push", filled.rules(RULES.replace("never", "hello")))

    left = json.loads(filled.run("reclassify", "--yes", "--json")[1])["left_alone"]

    assert (1, (Status.CLASSIFIED, Filing.KEPT)) == (left["by_person"], state(filled, 2))


def test_the_story_of_a_filed_mail(filled: Desk) -> None:
    """Who decided, who added, who did not match, who was not asked, and what was done."""
    apply_all(filled.store, filled.account)

    document = json.loads(filled.run("explain", "<1@example>", "--json")[1])

    assert [
        "Rule news decided (rules.yml:6), after star.",
        "Rule star matched before, and added its actions.",
        "1 rule behind was not asked.",
        "It got the flag \\Flagged.",
        "It was moved from INBOX to Done.",
    ] == document["why"]
    assert [("star", "adds its actions"), ("news", "decides"), ("last", "not asked")] == [
        (row["rule"], row["said"]) for row in document["rules"]
    ]


def test_the_story_of_an_uncertain_mail(filled: Desk) -> None:
    """Why no rule took it."""
    _, out, _ = filled.run("explain", "<3@example>")

    assert "No rule decided it: no rule matches." in out
    assert "Nothing was done with it." in out


def test_the_story_of_a_persons_decision(filled: Desk) -> None:
    """A person's word, with what the category is for."""
    filled.run("review", "decide", "<2@example>", "--category", "letters")

    why = json.loads(filled.run("explain", "<2@example>", "--json")[1])["why"]

    assert "A person decided: it is letters (What people write)." == why[0]
    assert "It waits to be filed: the next sync does that, if its account is in apply." == why[-1]


def test_a_mail_given_back_says_what_was_before(filled: Desk) -> None:
    """Until it is decided anew the earlier decision is told as such."""
    filled.run("rules", "push", filled.rules(RULES.replace("move: News", "move: Letters")))
    filled.run("reclassify", "--yes")

    why = json.loads(filled.run("explain", "<1@example>", "--json")[1])["why"]

    assert "It waits to be decided: the next sync does that." == why[0]
    assert "Before that, rule news decided (rules.yml:6), after star: no category." == why[1]
    assert "It stays where it is until then." == why[-1]
