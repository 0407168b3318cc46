"""The commands that work in-process: what they print, what they store, and their exit codes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.chain.client import GatewayDown
from shared.cli.app import main
from shared.cli.exits import exit_of
from shared.errors import (
    DatabaseDown,
    EmailAgentError,
    InvalidRules,
    InvalidSettings,
    LeaseHeld,
    LoginRefused,
    NotFound,
    Unauthorized,
)
from shared.records import Mode
from shared.security.secret_files import SecretFiles
from shared.settings import Settings
from shared.timetable import Leader, Timetable
from shared.wiring import wired
from tests.fakes.command_line import NOW, FakeStore, FakeWiring

RULES = """\
version: 1
rules:
  - name: shop
    when: {from: {domain: shop.example}}
    then: {move: Shop}
    tests:
      - {mail: {from: a@shop.example}, matches: true}
"""
Agent = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStore]:
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "secrets"))
    SecretFiles(folder=tmp_path / "secrets").create_missing()
    root = FakeWiring(Settings.from_environment())
    root.store = FakeStore()
    with wired(root):
        yield root.store


@pytest.fixture
def agent(store: FakeStore, capsys: pytest.CaptureFixture[str]) -> Agent:
    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(words)
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


@pytest.fixture
def add(agent: Agent, tmp_path: Path) -> Agent:
    def run(*more: str, password: str = "right\n") -> tuple[int, str, str]:
        file = tmp_path / "password"
        file.write_text(password)
        words = ["--name", "work", "--host", "imap.example.org", "--username", "u", "--password-file", str(file)]
        return agent("accounts", "add", *words, *more)

    return run


def test_new_account_observes(add: Agent, store: FakeStore) -> None:
    """An added account may only be watched, and its password is stored encrypted."""
    code, _, _ = add()

    (account,) = store.accounts.known
    assert (0, Mode.OBSERVE, 993, ("INBOX",)) == (code, account.mode, account.port, account.mailboxes)
    assert b"right" not in account.secret


def test_wrong_password_stores_nothing(add: Agent, store: FakeStore) -> None:
    """The login is tried first."""
    code, out, err = add(password="wrong")

    assert (1, "", "the server refuses the login\n", []) == (code, out, err, store.accounts.known)


def test_unknown_mailbox_stores_nothing(add: Agent, store: FakeStore) -> None:
    """A mailbox that the server does not have is told before anything is stored."""
    code, _, err = add("--mailbox", "Nowhere")

    assert (1, []) == (code, store.accounts.known)
    assert "Nowhere" in err


def test_same_name_twice_is_refused(add: Agent) -> None:
    """Names are unique."""
    add()

    code, _, err = add()

    assert (1, "there is an account 'work' already\n") == (code, err)


@pytest.mark.parametrize(
    ("host", "more", "expected"),
    [
        ("imap.example.org", [], 3),
        ("imap.example.org", ["--allow-plaintext"], 0),
        ("127.0.0.1", [], 0),
        ("::1", [], 0),
        ("localhost", [], 0),
        ("localhost.example.org", [], 3),
    ],
)
def test_plaintext_only_to_this_machine(add: Agent, host: str, more: list[str], expected: int) -> None:
    """Without TLS another machine is only reached when the owner writes it down."""
    code, _, _ = add("--tls", "none", "--host", host, *more)

    assert expected == code


def test_apply_for_all_is_approved_by_number(add: Agent, agent: Agent, store: FakeStore) -> None:
    """What waits and what the server holds bounds the first run."""
    add()

    code, out, _ = agent("accounts", "mode", "work", "apply", "--approve", "all")

    assert (0, [(Mode.APPLY, "all", 250)]) == (code, store.accounts.modes)
    assert "250" in out


def test_apply_for_new_mail_approves_nothing(add: Agent, agent: Agent, store: FakeStore) -> None:
    """With `new` what waits stays where it is."""
    add()

    agent("accounts", "mode", "work", "apply", "--approve", "new")

    assert [(Mode.APPLY, "new", 0)] == store.accounts.modes


def test_removed_account_is_gone(add: Agent, agent: Agent, store: FakeStore) -> None:
    """Removing forgets the account."""
    add()

    code, _, _ = agent("accounts", "remove", "work", "--yes")

    assert (0, []) == (code, store.accounts.known)


def test_faulty_rules_are_not_pushed(agent: Agent, store: FakeStore, tmp_path: Path) -> None:
    """Each fault is told with its place, the exit code is 3, and the active version stays."""
    (tmp_path / "r.yml").write_text(RULES.replace("then:", "than:"))

    code, out, err = agent("rules", "push", str(tmp_path / "r.yml"))

    assert (3, "", []) == (code, out, store.rule_sets.texts)
    assert err.startswith("r.yml:")


def test_rules_whose_tests_fail_are_not_pushed(agent: Agent, store: FakeStore, tmp_path: Path) -> None:
    """A rule set that contradicts its own tests is refused."""
    (tmp_path / "r.yml").write_text(RULES.replace("matches: true", "matches: false"))

    code, _, err = agent("rules", "push", str(tmp_path / "r.yml"))

    assert (3, []) == (code, store.rule_sets.texts)
    assert err.startswith("r.yml:7:")


def test_good_rules_are_pushed(agent: Agent, store: FakeStore, tmp_path: Path) -> None:
    """Rules whose tests pass become the active version."""
    (tmp_path / "r.yml").write_text(RULES)

    code, _, _ = agent("rules", "push", str(tmp_path / "r.yml"))

    assert (0, 1) == (code, len(store.rule_sets.texts))


def test_default_rules_pass_their_tests(agent: Agent) -> None:
    """The rules that come with the agent are good."""
    assert 0 == agent("rules", "test")[0]


def test_warnings_stand_on_one_line_with_their_place(agent: Agent, tmp_path: Path) -> None:
    """`file:line:column` is for programs to read: nothing is folded, and line 100 is no picture."""
    name = "a" * 80
    text = f"version: 1\nrules:\n{chr(10) * 97}- {{name: {name}, when: always, then: keep, tests: []}}\n"
    (tmp_path / f"{name}.yml").write_text(text + f"- {{name: b{name[1:]}, when: always, then: keep}}\n")

    code, out, _ = agent("rules", "check", str(tmp_path / f"{name}.yml"))

    assert (0, 3) == (code, len(out.splitlines()))
    assert out.startswith(f"{name}.yml:100:4: warning: ")


def test_status_is_one_object(add: Agent, agent: Agent) -> None:
    """`status --json` has the documented shape."""
    add()

    code, out, _ = agent("status", "--json")

    document = json.loads(out)
    assert (0, False, {"classified": 2}) == (code, document["paused"], document["accounts"][0]["counts"])
    assert {"name", "mode", "last_success_at", "counts"} <= set(document["accounts"][0])


@pytest.mark.parametrize(("lasts_s", "says"), [(20.0, "vm:7 is at work"), (-90.0, "gone since 90 s: nobody syncs")])
def test_status_says_how_the_trigger_is_doing(
    add: Agent, agent: Agent, store: FakeStore, lasts_s: float, says: str
) -> None:
    """Who leads or is gone, and which accounts are silent, in words and as JSON."""
    add()
    store.schedule.led = Leader(holder="vm:7", lasts_s=lasts_s)
    awake_since = NOW.timestamp() - 6000.0
    store.schedule.accounts = [
        Timetable(account="work", interval_s=600.0, started_at=awake_since, awake_since=awake_since)
    ]

    _, text, _ = agent("status")
    _, out, _ = agent("status", "--json")

    assert (True, True) == (says in text, "work is silent: 10 times" in text)
    assert {"leader": "vm:7", "is_alive": lasts_s > 0, "silent": {"work": 10}} == json.loads(out)["trigger"]


def test_without_a_trigger_nothing_is_said_of_it(add: Agent, agent: Agent) -> None:
    """Who syncs by hand has no silent accounts."""
    add()

    _, text, _ = agent("status")

    assert ("trigger" in text, "silent" in text) == (False, False)


def test_pause_and_resume(agent: Agent, store: FakeStore) -> None:
    """The pause is a switch in the store."""
    agent("pause")
    paused = store.accounts.is_paused
    agent("resume")

    assert (True, False) == (paused, store.accounts.is_paused)


def test_explain_pairs_conditions_with_what_they_said(agent: Agent, store: FakeStore) -> None:
    """`explain --json` names rule, line and truth of each condition that was asked."""
    store.rule_sets.push(RULES, "")

    code, out, _ = agent("explain", "<m@x>", "--json")

    document = json.loads(out)
    keys = {"email", "status", "filing", "decision", "why", "rules", "conditions", "events", "actions"}
    assert keys == set(document)
    assert (0, "shop", 4, "true") == (code, *(document["conditions"][0][key] for key in ("rule", "line", "value")))


def test_explain_shows_no_escape_sequences(agent: Agent, store: FakeStore) -> None:
    """A stranger's header does not reach the terminal as it is."""
    store.rule_sets.push(RULES, "")

    _, out, _ = agent("explain", "<m@x>")

    assert "\x1b" not in out


def test_error_is_json_with_json(agent: Agent) -> None:
    """With --json an error is one object on stderr, and stdout stays empty."""
    code, out, err = agent("explain", "<other@x>", "--json")

    assert (1, "") == (code, out)
    assert {"error": "NotFound", "detail": "there is no such mail", "hint": ""} == json.loads(err)


def test_a_wrong_word_is_guessed(agent: Agent) -> None:
    """Commands, their commands and options: the nearest is named."""
    told = [agent(*words)[2] for words in (["snyc"], ["accounts", "lits"], ["status", "--jsn"])]

    assert [True] * 3 == [word in err for word, err in zip(("'sync'", "'list'", "'--json'"), told, strict=True)]


def test_a_group_without_a_command_says_what_there_is(agent: Agent) -> None:
    """Its help is told once, and nobody is sent to look for it."""
    code, _, err = agent("accounts")

    assert (2, 1) == (code, err.count("Commands:"))
    assert "--help\n" not in err.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["accounts", "mode", "work", "maybe"],
        ["sync", "--limit", "0"],
        ["sync", "--confirm", "nonsense"],
        ["undo", "nonsense"],
    ],
)
def test_usage_error_is_2(agent: Agent, words: list[str]) -> None:
    """What the command line does not understand is exit code 2, before anybody is asked anything."""
    assert 2 == agent(*words)[0]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidRules(), 3),
        (InvalidSettings(), 3),
        (DatabaseDown(), 4),
        (GatewayDown(), 4),
        (LeaseHeld(), 6),
        (LoginRefused(), 1),
        (NotFound(), 1),
        (Unauthorized(), 1),
    ],
)
def test_exit_codes_say_what_kind_of_error(error: EmailAgentError, expected: int) -> None:
    """Scripts can tell errors apart."""
    assert expected == exit_of(error)
