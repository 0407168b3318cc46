"""What may change while an account lives: what is allowed, what is read, how it logs in. And its end."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from shared.records import Mode, Tls
from tests.fixtures.agent import Agent, StoreClock
from tests.fixtures.mailserver import DovecotPost, logged_in
from tests.fixtures.messages import mail
from tests.integration.accounts.conftest import Office

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
- {name: letters, when: {from: {domain: news.example}}, then: [{move: News}]}
- {name: flags, when: {subject: {contains: alert}}, then: [flag]}
"""


@pytest.fixture
def work(office: Office) -> Office:
    """One account, observing."""
    code, _, err = office.add_ours()
    assert 0 == code, err
    office.store.rule_sets.push(RULES, RULES)
    return office


# -- what is allowed


def test_the_cap_is_set(work: Office) -> None:
    """The cap bounds what the next sync may touch, and `show` tells what is left of this hour."""
    assert 0 == work.run("accounts", "cap", "work", "7")[0]

    shown = json.loads(work.run("accounts", "show", "work", "--json")[1])
    assert (7, 7) == (shown["max_actions_per_hour"], shown["left_this_hour"])
    assert [2, 2, 1] == [
        work.run("accounts", "cap", *words)[0] for words in (["work", "-1"], ["work", "x"], ["nobody", "1"])
    ]


def test_the_interval_is_set(work: Office) -> None:
    """An account has an interval of its own, or that of all."""
    minutes = [
        work.run("accounts", "interval", "work", word)[0] for word in ("30", "default", "0", "99999", "1.5", "-5")
    ]

    assert [0, 0, 2, 2, 2, 2] == minutes


def test_apply_wants_an_approval(work: Office) -> None:
    """Without a terminal the approval must be given; the account goes on observing."""
    code, _, err = work.run("accounts", "mode", "work", "apply")

    assert (2, Mode.OBSERVE) == (code, work.store.accounts.get("work").mode)
    assert "--approve" in err


def test_apply_twice_approves_once(work: Office) -> None:
    """Said again, `apply` changes nothing, above all not which mail is new."""
    work.post.deliver("a", mail(1))
    work.run("accounts", "mode", "work", "apply", "--approve", "all")

    code, out, _ = work.run("accounts", "mode", "work", "apply")

    assert (0, 1) == (code, work.store.accounts.get("work").approved_moves)
    assert "already; 1 approved moves are left" in out


def test_what_waits_is_shown_by_target(work: Office, read: Callable[..., None]) -> None:
    """Before the question stands how many mails would go where."""
    for number in range(3):
        work.post.deliver("letter", mail(number, sender="a@news.example"))
    read()

    code, shown = work.type("accounts", "mode", "work", "apply", answers=[("all that is there", "all")])

    assert (0, 3) == (code, work.store.accounts.get("work").approved_moves), shown
    assert "3 mails wait to be moved" in shown
    assert "3  move News" in shown


def test_apply_waits_for_a_sync_at_work(work: Office) -> None:
    """While a sync decides, nobody can say what is new: exit code 6, and nothing is changed. The brakes go at once."""
    account = work.store.accounts.get("work")
    with work.store.leases.hold(f"sync:{account.id}", "a sync", 60):
        assert 6 == work.run("accounts", "mode", "work", "apply", "--approve", "new")[0]
        assert 0 == work.run("accounts", "mode", "work", "paused")[0]

    assert Mode.PAUSED == work.store.accounts.get("work").mode


# -- what is read, and how


@pytest.fixture
def read(work: Office) -> Callable[..., None]:
    """Read and classify what is there, as a sync does."""

    def sync() -> None:
        agent = Agent(store=work.store, open_mailbox=work.root.open_mailbox, clock=StoreClock())
        batch = agent.batch()
        agent.fetch(batch)
        agent.classify(batch)
        work.store.runs.close(batch.run, "done")

    return sync


def test_other_mailboxes_are_read(work: Office) -> None:
    """The new list takes the old one's place, INBOX in capitals; one that the server does not have is refused."""
    assert 0 == work.run("accounts", "mailboxes", "work", "inbox", "Archive", "inbox")[0]
    assert 1 == work.run("accounts", "mailboxes", "work", "Nowhere")[0]

    assert ("INBOX", "Archive") == work.store.accounts.get("work").mailboxes


def test_a_password_is_changed_after_a_login(work: Office) -> None:
    """A password that the server refuses is not stored; one that it takes opens the next login."""
    outdated = replace(work.store.accounts.get("work"), secret=work.root.vault.seal("an old one"))
    work.store.accounts.set_login(outdated)
    refused = work.run("accounts", "password", "work", "--password-file", work.password("wrong"))
    assert (1, outdated) == (refused[0], work.store.accounts.get("work"))

    code, out, err = work.run("accounts", "password", "work", "--password-file", work.password())

    assert (0, work.user.password) == (code, work.root.password_of(work.store.accounts.get("work")))
    assert work.user.password not in out + err


def test_a_login_moves_to_another_server(work: Office) -> None:
    """Host and port change after a login there, with the stored password; the rest stays."""
    code, _, _ = work.run("accounts", "login", "work", "--host", "imap.example.org", "--tls", "starttls")

    account = work.store.accounts.get("work")
    assert (0, "imap.example.org", 143, Tls.STARTTLS) == (code, account.host, account.port, account.tls)
    assert (work.user.user, work.user.password) == (account.username, work.root.password_of(account))
    assert 2 == work.run("accounts", "login", "work")[0]
    assert 3 == work.run("accounts", "login", "work", "--tls", "none")[0]


def test_show_tells_no_password(work: Office) -> None:
    """All about an account but its password, sealed or not."""
    secret = work.store.accounts.get("work").secret.decode()
    out = work.run("accounts", "show", "work")[1] + work.run("accounts", "show", "work", "--json")[1]

    assert "mail.example.org" in out
    assert (False, False) == (work.user.password in out, secret[:20] in out)
    assert 1 == work.run("accounts", "show", "nobody")[0]


def test_a_key_is_rotated(work: Office) -> None:
    """In one step or in two, the stored password opens with the one key that is left."""
    (first,) = work.root.secrets.fernet_keys()
    assert 0 == work.run("accounts", "rotate-key")[0]
    (second,) = work.root.secrets.fernet_keys()
    assert 0 == work.run("accounts", "rotate-key", "--add-only")[0]
    third, *old = work.root.secrets.fernet_keys()
    assert 0 == work.run("accounts", "rotate-key", "--drop-old")[0]

    assert ([second], [third], 3) == (old, work.root.secrets.fernet_keys(), len({first, second, third}))
    assert 0 == work.run("accounts", "test", "work")[0]
    assert 2 == work.run("accounts", "rotate-key", "--add-only", "--drop-old")[0]


# -- the end


def everything(url: str) -> dict[str, list[str]]:
    """All rows of all tables, as text; an account's own and those of anybody else."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
        ).fetchall()
        return {
            name: sorted(row for (row,) in connection.execute(f"SELECT t::text FROM {name} AS t").fetchall())
            for (name,) in tables
        }


FILLED = {"accounts", "mailboxes", "emails", "email_events", "actions", "corrections", "runs", "leases"}
"""Tables that a full life leaves rows in."""


def live(agent: Agent, post: DovecotPost) -> None:
    """Sync, have a mail moved back, begin a sync and die: rows in every table."""
    for number in range(3):
        post.deliver("letter", mail(number, sender="a@news.example"))
    post.deliver("alert", mail(9, subject="alert"))
    agent.sync()
    with logged_in(post.user) as person:
        person.select("News")
        person.uid("MOVE", "1", "INBOX")
    agent.sync()
    agent.store.runs.open(agent.store.accounts.get(agent.account).id, agent.batch().run, dry_run=False)


def test_a_removed_account_leaves_no_row(
    office: Office, real_agent: Callable[..., Agent], database_url: str, dovecot: Any
) -> None:
    """After a full life of two accounts and the removal of one, every table holds what it held without that one."""
    post = DovecotPost(user=dovecot)
    stays = real_agent(dovecot, RULES, mailboxes=("Archive",))
    post.deliver("kept", mail(50, subject="alert"), "Archive")
    stays.sync()
    before = everything(database_url)
    goes = real_agent(dovecot, RULES)
    live(goes, post)
    goes.tick()
    full = everything(database_url)

    refused = office.run("accounts", "remove", goes.account, "--yes")[0]
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE leases SET expires_at = now() - INTERVAL '1 day'")
    removed = office.run("accounts", "remove", goes.account, "--yes")[0]

    assert (6, 0) == (refused, removed)
    assert set() == FILLED - {name for name, rows in full.items() if len(rows) > len(before[name])}
    assert before == everything(database_url)


def test_removal_asks(work: Office) -> None:
    """Without a yes nothing is removed: a script must say --yes, a person y."""
    assert 2 == work.run("accounts", "remove", "work")[0]
    assert 130 == work.type("accounts", "remove", "work", answers=[("[y/N]", "n")])[0]
    assert ["work"] == [account.name for account in work.store.accounts.list()]

    assert 0 == work.type("accounts", "remove", "work", answers=[("[y/N]", "y")])[0]
    assert [] == work.store.accounts.list()


@pytest.mark.parametrize("lease", ["sync", "mailbox"])
def test_removal_waits_for_a_sync_at_work(work: Office, lease: str) -> None:
    """An account whose mail is being filed cannot go in the middle: exit code 6, and all of it is there."""
    account = work.store.accounts.get("work")
    with work.store.leases.hold(f"{lease}:{account.id}", "a sync", 60):
        code, _, err = work.run("accounts", "remove", "work", "--yes")

    assert (6, True, [account]) == (code, "at work" in err, work.store.accounts.list())
