"""`rules diff` and `reclassify` on stored mail: what they show, what they change, when they ask."""

import io
import json
from pathlib import Path

import pytest

from shared.status import Filing, Status
from tests.integration.cli.conftest import Desk
from tests.integration.store.values import apply_all, email_id

NEWS = "rules: [{name: news, when: {subject: news}, then: {move: News}}]\n"
LETTERS = """
categories: {letters: {then: {move: Letters}}}
rules: [{name: letters, when: {subject: [news, letter]}, category: letters}]
"""


@pytest.fixture
def filled(desk: Desk) -> Desk:
    """Three mails decided by NEWS: two wait to be moved, one is uncertain."""
    assert 0 == desk.run("rules", "push", desk.rules(NEWS))[0]
    desk.add("news 1", "news 2", "letter 3")
    desk.classify()
    return desk


def state(desk: Desk, uid: int) -> tuple[Status, Filing]:
    history = desk.store.emails.get(f"<{uid}@example>")
    return history.status, history.filing


WAITING = (Status.CLASSIFIED, Filing.PENDING)
BACK = (Status.FETCHED, Filing.KEPT)


def test_diff_shows_what_would_change_and_changes_nothing(filled: Desk) -> None:
    """Kinds of change with numbers and samples, against the active version."""
    code, out, _ = filled.run("rules", "diff", filled.rules(LETTERS))

    assert 0 == code
    assert "3 mails compared with version 1, the active one: 3 would be decided otherwise" in out
    assert "no category (rule:news) → move News" in out
    assert "letters (rule:letters) → move Letters" in out
    assert [WAITING, WAITING, (Status.UNCERTAIN, Filing.NONE)] == [state(filled, uid) for uid in (1, 2, 3)]


def test_diff_as_json(filled: Desk) -> None:
    """One object: each kind of change with what was and what would be."""
    _, out, _ = filled.run("rules", "diff", filled.rules(LETTERS), "--json")

    document = json.loads(out)
    assert (1, False, 3, 3) == tuple(document[key] for key in ("active", "same_rules", "compared", "changed"))
    assert {
        "was": {
            "status": "classified",
            "category": None,
            "decided_by": "rule:news",
            "actions": [{"kind": "move", "target": "News"}],
            "needs": [],
        },
        "becomes": {
            "status": "classified",
            "category": "letters",
            "decided_by": "rule:letters",
            "actions": [{"kind": "move", "target": "Letters"}],
            "needs": [],
        },
        "mails": 2,
        "samples": [email_id(filled.store, 2), email_id(filled.store, 1)],
    } == document["changes"][0]


def test_diff_of_the_active_rules(filled: Desk) -> None:
    """The same text is the same rules."""
    assert "these rules are the active ones (version 1)\n" == filled.run("rules", "diff", filled.rules(NEWS))[1]


def test_diff_before_the_first_push(desk: Desk) -> None:
    """Then all that the rules decide is new."""
    desk.add("news")

    code, out, _ = desk.run("rules", "diff", desk.rules(NEWS))

    assert (0, True, True) == (code, "no rules: none were pushed yet: 1 would be" in out, "not decided yet" in out)


def test_diff_of_faulty_rules(desk: Desk) -> None:
    """Faults come with their place, and exit code 3."""
    code, _, err = desk.run("rules", "diff", desk.rules("rules: [{name: x, then: keep, when: {form: a}}]\n"))

    assert (3, True) == (code, err.startswith("rules.yml:2:"))


@pytest.mark.parametrize(
    ("words", "compared"),
    [
        (["--limit", "2"], 2),
        (["--mailbox", "INBOX"], 3),
        (["--mailbox", "Nowhere"], 0),
        (["--since", "2026-03-01T12:02"], 2),
        (["--until", "2026-03-01T12:02"], 1),
        (["--account", "work"], 3),
    ],
)
def test_diff_of_some_mail(filled: Desk, words: list[str], compared: int) -> None:
    """The mails that are compared can be chosen."""
    _, out, _ = filled.run("rules", "diff", filled.rules(LETTERS), "--json", *words)

    assert compared == json.loads(out)["compared"]


@pytest.mark.parametrize("command", [["rules", "diff"], ["reclassify"]])
def test_an_account_that_is_not_there(filled: Desk, command: list[str]) -> None:
    """A name that nobody has is an error, not an empty answer."""
    code, _, err = filled.run(*command, "--account", "home")

    assert (1, True) == (code, "known: work" in err)


@pytest.mark.parametrize("when", ["yesterday", "2026-13-01", "30"])
def test_a_time_that_is_none(filled: Desk, when: str) -> None:
    """Exit code 2, before anything is read."""
    assert 2 == filled.run("reclassify", "--since", when)[0]


def test_nothing_to_reclassify(filled: Desk) -> None:
    """The rules that decided are the active ones."""
    code, out, _ = filled.run("reclassify")

    assert (0, True) == (code, "0 would be decided otherwise" in out)


def test_without_a_terminal_reclassify_waits_for_a_word(filled: Desk) -> None:
    """It shows what it would do, does nothing, and says so with exit code 5."""
    filled.run("rules", "push", filled.rules(LETTERS))

    code, out, err = filled.run("reclassify")

    assert (5, True, True) == (code, "3 would be decided otherwise" in out, "--yes" in err)
    assert [WAITING] * 2 == [state(filled, uid) for uid in (1, 2)]


class Terminal(io.StringIO):
    """A person who answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "expected"), [("y\n", BACK), ("n\n", WAITING), ("\n", WAITING)])
def test_at_a_terminal_it_asks(
    filled: Desk, monkeypatch: pytest.MonkeyPatch, answer: str, expected: tuple[Status, Filing]
) -> None:
    """Only a yes gives mail back; a no is no error."""
    filled.run("rules", "push", filled.rules(LETTERS))
    monkeypatch.setattr("sys.stdin", Terminal(answer))

    code, _, err = filled.run("reclassify")

    assert (0, expected, True) == (code, state(filled, 1), "Decide these 3 mails anew?" in err)


def test_a_dry_run_only_shows(filled: Desk) -> None:
    """Exit code 0: nothing is waited for."""
    filled.run("rules", "push", filled.rules(LETTERS))

    code, out, _ = filled.run("reclassify", "--dry-run", "--yes", "--json")

    document = json.loads(out)
    assert (0, "dry_run", 3, 0) == (code, document["outcome"], document["changed"], document["sent_back"])
    assert [WAITING] * 2 == [state(filled, uid) for uid in (1, 2)]


def test_reclassified_mail_is_decided_anew(filled: Desk) -> None:
    """With --yes it goes back, the next sync decides it by the active rules, and then nothing is left to do."""
    filled.run("rules", "push", filled.rules(LETTERS))

    code, out, _ = filled.run("reclassify", "--yes", "--json")

    assert (0, "done", 3) == (code, json.loads(out)["outcome"], json.loads(out)["sent_back"])
    assert [BACK, BACK, (Status.FETCHED, Filing.NONE)] == [state(filled, uid) for uid in (1, 2, 3)]
    filled.classify()
    assert [WAITING] * 3 == [state(filled, uid) for uid in (1, 2, 3)]
    assert [("INBOX", "move", "Letters", 3)] == filled.store.actions.plan(filled.account.id)
    assert "nothing" == json.loads(filled.run("reclassify", "--json")[1])["outcome"]


def test_filed_mail_is_counted_and_left_alone(filled: Desk) -> None:
    """Until its owner includes it."""
    apply_all(filled.store, filled.account)
    filled.run("rules", "push", filled.rules(LETTERS))

    _, out, _ = filled.run("reclassify", "--yes")

    assert "2 more are left alone: filed already; --filed includes them" in out
    assert (Status.CLASSIFIED, Filing.APPLIED) == state(filled, 1)
    filled.run("reclassify", "--filed", "--yes")
    filled.classify()
    assert ("Done", "move", "Letters", 2) in filled.store.actions.plan(filled.account.id)


def test_limit_and_status_bound_it(filled: Desk) -> None:
    """At most so many go back, and only those of the statuses asked for."""
    filled.run("rules", "push", filled.rules(LETTERS))

    _, first, _ = filled.run("reclassify", "--yes", "--json", "--status", "classified", "--limit", "1")
    _, second, _ = filled.run("reclassify", "--yes", "--json", "--status", "uncertain")

    assert [1, 1] == [json.loads(out)["sent_back"] for out in (first, second)]
    assert [WAITING, BACK, (Status.FETCHED, Filing.NONE)] == [state(filled, uid) for uid in (1, 2, 3)]


def test_a_body_condition_added_later_asks_for_the_text(filled: Desk) -> None:
    """The preview says what must be fetched; the mail goes back, and its next decision wishes for its text."""
    path = filled.rules("rules: [{name: news, when: {subject: news, body: sale}, then: {move: Sales}}]\n")
    filled.run("rules", "push", path)

    _, out, _ = filled.run("reclassify", "--yes")

    assert "2 mails need something fetched first: the text" in out
    assert [BACK] * 2 == [state(filled, uid) for uid in (1, 2)]


def test_rules_explain_asks_now(filled: Desk) -> None:
    """A stored mail and other rules: what they would decide, rule by rule."""
    path = filled.rules(LETTERS)

    code, out, _ = filled.run("rules", "explain", "<1@example>", path, "--json")

    document = json.loads(out)
    assert (0, "letters", "move") == (
        code,
        document["decision"]["category"],
        document["decision"]["actions"][0]["kind"],
    )
    assert [("letters", "decides")] == [(row["rule"], row["said"]) for row in document["rules"]]
    assert ["true"] == [row["value"] for row in document["conditions"]]


def test_rules_explain_reads_a_file(filled: Desk, tmp_path: Path) -> None:
    """A message in a file is known as a whole: its body, and that it has no other field."""
    message = tmp_path / "mail.eml"
    message.write_bytes(b"From: a@x.example\r\nSubject: hello\r\n\r\nbig sale\r\n")
    path = filled.rules(
        "rules: [{name: spam, when: {header: {name: X-Spam, exists: false}, body: sale}, then: {move: Sales}}]\n"
    )

    _, out, _ = filled.run("rules", "explain", str(message), path)

    assert "no category (rule:spam) → move Sales" in out


def test_rules_explain_without_files_asks_the_active_rules(filled: Desk) -> None:
    """What would be decided about a stored mail if it came now."""
    assert "no category (rule:news) → move News" in filled.run("rules", "explain", "<1@example>")[1]


def test_check_warns(desk: Desk) -> None:
    """What is legal and probably not meant is told with its place, and is no fault."""
    path = desk.rules(
        "rules:\n- {name: a, when: {from: {domain: x.example}}, then: keep}\n"
        "- {name: b, when: {from: c@x.example}, then: {move: B}}\n"
    )

    code, out, _ = desk.run("rules", "check", path)

    assert (0, True) == (code, out.endswith("2 rules, 0 categories: no faults\n"))
    assert 'rules.yml:4:4: warning: rule "b" never wins: "a" (rules.yml:3) takes all of its mail' in out
