"""Undo on a real Dovecot: what we did is taken back, what a person did since is left alone."""

from collections.abc import Callable

import pytest

from shared.records import Mode
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.mailserver import DovecotPost, logged_in
from tests.fixtures.messages import mail

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{keyword: $News}, read, {move: News}]
  - name: alerts
    when: {subject: {contains: alert}}
    then: [flag, unread]
"""
LETTERS = 8

ways = pytest.mark.parametrize(
    "proxy", [(), ("MOVE",), ("UIDPLUS",)], ids=["all", "no-MOVE", "no-UIDPLUS"], indirect=True
)


@pytest.fixture
def agent(post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]) -> Agent:
    return real_agent(post.user, RULES, proxy=proxy)


def deliver_letters(post: DovecotPost, count: int = LETTERS) -> list[str]:
    """Deliver letters and return their names; in the target they get the UIDs 1, 2, …"""
    names = [f"letter-{number}" for number in range(1, count + 1)]
    for number, name in enumerate(names, 1):
        post.deliver(name, mail(number, sender="a@news.example"))
    return names


def uid_in(post: DovecotPost, mailbox: str, number: int) -> bytes:
    """Ask the server which UID a mail has in a mailbox."""
    with logged_in(post.user) as client:
        client.select(mailbox, readonly=True)
        return bytes(client.uid("SEARCH", "HEADER", "Message-ID", f"<{number}@mail.example>")[1][0])


@ways
def test_new_arrivals_are_no_hindrance(post: DovecotPost, agent: Agent) -> None:
    """Mail that came since in the source and in the target stays; what was filed goes back, and stays there."""
    letters = deliver_letters(post)
    run = agent.sync().run
    post.deliver("friend", mail(100), flags="S")
    post.deliver("own", mail(101), "News")

    agent.undo(run)

    expected = {"INBOX": ["friend S", *letters], "News": ["own"]}
    assert expected == post.found()
    post.deliver("late", mail(102, sender="a@news.example"))
    for _ in range(2):
        agent.sync()
        assert expected | {"News": ["late $News S", "own"]} == post.found()


@ways
def test_what_a_person_touched_is_left_alone_and_reported(post: DovecotPost, agent: Agent) -> None:
    """Three moved and two flagged stay as the person left them; the others go back, and two syncs change nothing."""
    letters = deliver_letters(post)
    run = agent.sync().run
    uids = [uid_in(post, "News", number) for number in range(1, 6)]
    with logged_in(post.user) as person:
        person.create("Mine")
        person.select("News")
        person.uid("MOVE", b",".join(uids[:3]).decode(), "Mine")
        person.uid("STORE", b",".join(uids[3:]).decode(), "+FLAGS", "(\\Flagged)")

    answer = agent.undo(run)

    expected = {
        "INBOX": letters[5:],
        "News": [f"{name} $News F S" for name in letters[3:5]],
        "Mine": [f"{name} $News S" for name in letters[:3]],
    }
    assert expected == post.found()
    assert 5 == answer.counts["left_alone"]
    for _ in range(2):
        agent.sync()
        assert expected == post.found()


def test_reading_a_mail_is_no_touch(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """A mail that was read or answered since goes back too, and stays read."""
    post.deliver("bill", mail(1, subject="bill"))
    post.deliver("other", mail(2, subject="bill"))
    agent = real_agent(
        post.user, "version: 1\nrules: [{name: bills, when: {subject: {is: bill}}, then: {move: Bills}}]"
    )
    run = agent.sync().run
    with logged_in(post.user) as person:
        person.select("Bills")
        person.uid("STORE", uid_in(post, "Bills", 1).decode(), "+FLAGS", "(\\Seen \\Answered)")

    answer = agent.undo(run)

    assert {"INBOX": ["bill R S", "other"]} == post.found()
    assert 0 == answer.counts.get("left_alone", 0)


def test_flags_are_taken_back_without_a_move(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Only flags that we changed are changed back: what was flagged or unread before stays so."""
    post.deliver("fresh", mail(1, subject="alert"))
    post.deliver("flagged", mail(2, subject="alert"), flags="F")
    post.deliver("seen", mail(3, subject="alert"), flags="S")
    before = post.found()
    agent = real_agent(post.user, RULES)
    run = agent.sync().run
    assert {"INBOX": ["flagged F", "fresh F", "seen F"]} == post.found()

    agent.undo(run)

    assert before == post.found()
    for _ in range(2):
        agent.sync()
        assert before == post.found()


def test_flags_that_were_taken_away_come_back(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Removed flags and keywords are set again, and the mail goes back."""
    post.deliver("bill", mail(1, subject="bill"), flags="FS")
    with logged_in(post.user) as person:
        person.select("INBOX")
        person.uid("STORE", "1", "+FLAGS", "($Bill)")
    before = post.found()
    then = "[{unflag: $Bill}, unflag, unread, {move: Bills}]"
    agent = real_agent(post.user, f"version: 1\nrules: [{{name: b, when: {{subject: {{is: bill}}}}, then: {then}}}]")
    run = agent.sync().run
    assert {"Bills": ["bill"]} == post.found()

    agent.undo(run)

    assert before == post.found()


def test_an_owner_who_went_back_to_observe_can_undo(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Observe first, then take back: undo is the owner's own command; the next sync in observe changes nothing."""
    letters = deliver_letters(post)
    agent = real_agent(post.user, RULES)
    run = agent.sync().run
    agent.store.accounts.set_mode(agent.store.accounts.get(agent.account).id, Mode.OBSERVE)

    agent.undo(run)
    agent.sync()

    assert {"INBOX": letters} == post.found()


def test_only_that_run_is_undone(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Undo takes back one run; what an earlier one filed stays filed."""
    post.deliver("first", mail(1, sender="a@news.example"))
    agent = real_agent(post.user, RULES)
    first = agent.sync().run
    post.deliver("second", mail(2, sender="a@news.example"))
    second = agent.sync().run

    agent.undo(second)

    assert {"INBOX": ["second"], "News": ["first $News S"]} == post.found()
    agent.undo(first)
    assert {"INBOX": ["first", "second"]} == post.found()


def test_a_mail_deleted_since_stays_deleted(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """What the person marked deleted, or expunged, does not come back."""
    letters = deliver_letters(post, 3)
    agent = real_agent(post.user, RULES)
    run = agent.sync().run
    with logged_in(post.user) as person:
        person.select("News")
        person.uid("STORE", uid_in(post, "News", 1).decode(), "+FLAGS", "(\\Deleted)")
        person.expunge()
        person.uid("STORE", uid_in(post, "News", 2).decode(), "+FLAGS", "(\\Deleted)")

    answer = agent.undo(run)

    assert {"INBOX": letters[2:], "News": ["letter-2 $News S T"]} == post.found()
    assert 2 == answer.counts["left_alone"]


def test_a_mailbox_renumbered_since(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Under a new UIDVALIDITY our UIDs mean nothing: no mail is touched by them, and undo says so."""
    deliver_letters(post, 3)
    agent = real_agent(post.user, RULES)
    run = agent.sync().run
    post.user.bump_uidvalidity("News")
    filed = post.found()

    answer = agent.undo(run)

    assert (filed, 3) == (post.found(), answer.counts["left_alone"])


def test_a_source_deleted_since_is_made_again(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Undo leads back even where the mailbox the mail came from is gone."""
    post.deliver("letter", mail(1, sender="a@news.example"), "Second")
    agent = real_agent(post.user, RULES, mailboxes=("INBOX", "Second"))
    run = agent.sync().run
    with logged_in(post.user) as person:
        person.delete("Second")

    agent.undo(run)

    assert {"Second": ["letter"]} == post.found()
    for _ in range(2):
        agent.sync()
        assert {"Second": ["letter"]} == post.found()


def test_a_mailbox_deleted_since_stops_nothing(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Where a whole target mailbox is gone, its mails are reported and those of the others go back."""
    rules = RULES + "  - {name: bills, when: {subject: {is: bill}}, then: {move: Bills}}\n"
    letters = deliver_letters(post, 2)
    post.deliver("bill", mail(9, subject="bill"))
    agent = real_agent(post.user, rules)
    run = agent.sync().run
    with logged_in(post.user) as person:
        person.delete("Bills")

    answer = agent.undo(run)

    assert {"INBOX": letters} == post.found()
    assert 1 == answer.counts["left_alone"]
