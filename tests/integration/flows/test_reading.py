"""What is read, in which order and in what portions."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from shared.errors import NotFound, StaleClaim
from shared.pipeline.limits import Limits
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import LIMITS, Agent
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{move: News}]
"""
SMALL = Limits(imap_timeout_s=LIMITS.imap_timeout_s, claim_timeout_s=LIMITS.claim_timeout_s, chunk_mails=3)


class Forgetting:
    """The emails of a store whose database crashes once, and with it forgets the first chunk."""

    def __init__(self, emails: Any, database_url: str) -> None:
        self._emails = emails
        self._database_url = database_url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._emails, name)

    def add(self, *arguments: Any, **more: Any) -> Any:
        counts = self._emails.add(*arguments, **more)
        if self._database_url:
            with psycopg.connect(self._database_url) as connection:
                connection.execute("TRUNCATE emails CASCADE")
                connection.execute("UPDATE mailboxes SET uidvalidity = NULL, uid_low = NULL, uid_high = NULL")
            self._database_url = ""
        return counts


def deliver(post: DovecotPost, *numbers: int, mailbox: str = "INBOX") -> None:
    for number in numbers:
        post.deliver(f"letter-{number}", mail(number, sender="a@news.example"), mailbox)


def known(agent: Agent, numbers: range) -> list[int]:
    """Return which of these mails were read."""
    found = []
    for number in numbers:
        try:
            agent.store.emails.get(f"<{number}@mail.example>")
        except NotFound:
            continue
        found.append(number)
    return found


def names(*numbers: int) -> list[str]:
    return sorted(f"letter-{number}" for number in numbers)


def test_a_mailbox_is_read_in_chunks(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """A chunk smaller than the mailbox loses none at its borders."""
    deliver(post, *range(1, 12))

    answer = real_agent(post.user, RULES, limits=SMALL).sync()

    assert {"News": names(*range(1, 12))} == post.found()
    assert 11 == answer.counts["fetched"]


def test_a_limit_reads_the_newest(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """`limit` bounds a call of each function; the newest mail comes first, the rest later."""
    deliver(post, *range(1, 11))
    agent = real_agent(post.user, RULES, limits=SMALL)
    batch = agent.batch(limit=6)

    fetched = agent.fetch(batch)

    assert (6, True) == (fetched.counts["fetched"], fetched.more)
    assert [5, 6, 7, 8, 9, 10] == known(agent, range(1, 11))
    agent.classify(batch)
    assert 2 == agent.apply(agent.batch(batch.run, limit=2)).counts["moved"]
    assert 2 == len(post.found()["News"])


def test_new_mail_goes_before_the_backlog(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """What arrives while old mail is still unread is read first; in the end all is filed."""
    deliver(post, *range(1, 11))
    agent = real_agent(post.user, RULES, limits=SMALL)
    batch = agent.batch(limit=3)
    agent.fetch(batch)
    deliver(post, 11, 12)

    agent.fetch(batch)

    assert [7, 8, 9, 10, 11, 12] == known(agent, range(1, 13))
    agent.sync(run=batch.run)
    assert {"News": names(*range(1, 13))} == post.found()


def test_a_sparse_mailbox(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """A few mails among a million UIDs cost a search, not a thousand FETCHes."""
    deliver(post, 1, 2, 3)
    post.user.doveadm("fetch", "-u", post.user.user, "uid", "mailbox", "INBOX")
    post.user.kick()
    next_uid(post, 1_000_000)
    deliver(post, 4, 5)

    with WireProxy(upstream=(post.user.host, post.user.port)) as proxy:
        real_agent(post.user, RULES, proxy=proxy).sync()

        assert {"News": names(1, 2, 3, 4, 5)} == post.found()
        assert proxy.counts["UID FETCH"] < 10
        assert 1_000_001 in proxy.moved_uids()


def next_uid(post: DovecotPost, uid: int) -> None:
    """Let the mailbox go on with another UID."""
    folder = post.user.maildir()
    for path in folder.glob("dovecot.index*"):
        path.unlink()
    header, _, rest = (folder / "dovecot-uidlist").read_text().partition("\n")
    words = [f"N{uid}" if word[0] == "N" else word for word in header.split(" ")]
    (folder / "dovecot-uidlist").write_text(" ".join(words) + "\n" + rest)


@pytest.mark.parametrize("proxy", [(), ("MOVE",), ("UIDPLUS",)], ids=["all", "no-MOVE", "no-UIDPLUS"], indirect=True)
def test_a_target_that_is_read_too(post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]) -> None:
    """Mail we moved there is known there: it is neither read as new nor taken for a person's doing."""
    deliver(post, 1, 2)
    deliver(post, 3, mailbox="News")
    deliver(post, 4, mailbox="Third")
    agent = real_agent(post.user, RULES, proxy=proxy, mailboxes=("INBOX", "News", "Third"))

    for _ in range(3):
        agent.sync()
        assert {"News": names(1, 2, 3, 4)} == post.found()
    events = [event for number in (1, 2, 4) for event in agent.store.emails.get(f"<{number}@mail.example>").events]
    assert "person" not in {event.by for event in events}
    assert 3 == sum(event.became == "classified" for event in events)


@pytest.mark.parametrize("proxy", [(), ("MOVE",), ("UIDPLUS",)], ids=["all", "no-MOVE", "no-UIDPLUS"], indirect=True)
def test_undo_among_mailboxes_that_are_read(
    post: DovecotPost, proxy: WireProxy, real_agent: Callable[..., Agent]
) -> None:
    """Taken back from a mailbox that is read too, each mail goes to the one it came from, and is known there."""
    deliver(post, 1, 2)
    deliver(post, 3, mailbox="Third")
    agent = real_agent(post.user, RULES, proxy=proxy, mailboxes=("INBOX", "News", "Third"))
    post.deliver("own", mail(9), "News")
    run = agent.sync().run
    agent.sync()

    agent.undo(run)

    for _ in range(3):
        assert {"INBOX": names(1, 2), "News": ["own"], "Third": names(3)} == post.found()
        agent.sync()


def test_a_missing_mailbox_stops_no_other(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Where one of the listed mailboxes is gone, the others are read and filed, and the answer says so."""
    deliver(post, 1)
    deliver(post, 2, mailbox="Second")
    agent = real_agent(post.user, RULES, mailboxes=("INBOX", "Gone", "Second"))
    batch = agent.batch()

    assert 1 == agent.fetch(batch).counts["missing_mailboxes"]
    agent.sync(run=batch.run)

    assert {"News": names(1, 2)} == post.found()


def test_one_named_mailbox(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """A request may name one of the listed mailboxes; the other waits."""
    deliver(post, 1)
    deliver(post, 2, mailbox="Second")
    agent = real_agent(post.user, RULES, mailboxes=("INBOX", "Second"))

    agent.sync(mailbox="Second")

    assert {"INBOX": names(1), "News": names(2)} == post.found()


def test_a_mailbox_that_is_not_listed(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """A request for a mailbox that the account does not read is refused, and reads nothing."""
    deliver(post, 1)
    agent = real_agent(post.user, RULES)

    with pytest.raises(NotFound):
        agent.fetch(agent.batch(mailbox="Archive"))

    assert [] == known(agent, range(1, 2))


def test_an_empty_mailbox(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """Nothing to read is no error, and the first mail after it is new mail."""
    agent = real_agent(post.user, RULES)
    agent.sync()
    deliver(post, 1)

    agent.sync()

    assert {"News": names(1)} == post.found()


def test_a_chunk_that_the_database_forgot_is_read_again(
    post: DovecotPost, real_agent: Callable[..., Agent], database_url: str
) -> None:
    """No checkpoint goes past a chunk whose relaxed commit was lost in a crash: the call ends, the next reads it."""
    deliver(post, *range(1, 12))
    agent = real_agent(post.user, RULES, limits=SMALL)
    forgetting = Forgetting(agent.store.emails, database_url)
    with pytest.raises(StaleClaim):
        replace(agent, store=SimpleNamespace(**vars(agent.store) | {"emails": forgetting})).sync()

    agent.sync()

    assert {"News": names(*range(1, 12))} == post.found()
