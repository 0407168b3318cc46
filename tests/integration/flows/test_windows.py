"""Progressive sync: recent mail first, and older mail window by window, on a real server."""

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from shared.errors import BadAnswer, MailServerDown, NotFound
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import LIMITS, Agent
from tests.fixtures.dovecot import DovecotUser
from tests.fixtures.messages import mail

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{keyword: $News}]
"""
WINDOWS = replace(LIMITS, windows_days=(30, 90))
IN_ORDER = {1: 400, 2: 200, 3: 80, 4: 60, 5: 20, 6: 1}
"""How many days ago each mail was received, as in a mailbox that mail only ever arrives in."""
IMPORTED = {1: 80, 2: 5, 3: 400, 4: 60, 5: 200, 6: 10}
"""The same where mail was put together from elsewhere: then UIDs say nothing of age."""


def deliver(user: DovecotUser, ages: dict[int, int]) -> None:
    now = dt.datetime.now(dt.UTC)
    for number, days in ages.items():
        user.deliver("INBOX", mail(number, sender="a@news.example"), "", now - dt.timedelta(days=days))


def known(agent: Agent) -> set[int]:
    found = set()
    for number in range(1, 10):
        try:
            agent.store.emails.get(f"<{number}@mail.example>")
            found.add(number)
        except NotFound:
            pass
    return found


def test_windows_open_one_after_the_other(dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> None:
    """The first sync reads 30 days, the next 90, the one after it all; each says that older mail is left."""
    deliver(dovecot, IN_ORDER)
    agent = real_agent(dovecot, RULES, limits=WINDOWS)
    seen = []

    for _ in range(4):
        counts = agent.fetch(agent.batch(final=True)).counts
        seen.append((known(agent), counts.get("partly_read", 0), counts.get("fetched", 0)))
        agent.tick()

    assert [({5, 6}, 1, 2), ({3, 4, 5, 6}, 1, 2), ({1, 2, 3, 4, 5, 6}, 0, 2), ({1, 2, 3, 4, 5, 6}, 0, 0)] == seen


def test_no_mail_of_a_window_is_missed_where_uids_say_nothing_of_age(
    dovecot: DovecotUser, real_agent: Callable[..., Agent]
) -> None:
    """In a mailbox that was imported a window reaches down to the lowest UID in it: older mail comes along."""
    deliver(dovecot, IMPORTED)
    agent = real_agent(dovecot, RULES, limits=WINDOWS)
    seen = []

    for _ in range(3):
        agent.fetch(agent.batch(final=True))
        seen.append(known(agent))
        agent.tick()

    assert [{2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}] == seen


def test_new_mail_does_not_wait_for_a_window(dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> None:
    """What arrives while windows are being read is read by the next sync, however old it says it is."""
    deliver(dovecot, IN_ORDER)
    agent = real_agent(dovecot, RULES, limits=WINDOWS)
    agent.fetch(agent.batch(final=True))
    deliver(dovecot, {7: 0, 8: 300})
    agent.tick()

    agent.fetch(agent.batch(final=True))

    assert {3, 4, 5, 6, 7, 8} == known(agent)


def test_a_window_is_read_in_portions(dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> None:
    """A limit ends a call in the middle of a window: it says `more`, and the window stays open until it is read."""
    deliver(dovecot, IN_ORDER | {7: 3, 8: 2, 9: 1})
    agent = real_agent(dovecot, RULES, limits=WINDOWS)
    seen = []

    for _ in range(3):
        answer = agent.fetch(agent.batch(limit=3))
        seen.append((known(agent), answer.more))
        agent.tick()

    assert [({7, 8, 9}, True), ({5, 6, 7, 8, 9}, False), ({3, 4, 5, 6, 7, 8, 9}, False)] == seen


def test_an_empty_window_is_passed(dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> None:
    """A sync reads the next window that has mail; where all mail is older than the windows it reads all."""
    deliver(dovecot, {1: 400, 2: 60})
    agent = real_agent(dovecot, RULES, limits=WINDOWS)
    fetched = []

    for _ in range(2):
        fetched.append(agent.fetch(agent.batch(final=True)).counts["fetched"])
        agent.tick()

    assert [1, 1] == fetched


@pytest.mark.parametrize("answer", [b"NO [CANNOT] no search by date", b"NO [BADCHARSET (UTF-8)] no", b"BAD what?"])
def test_where_no_date_can_be_searched_for_all_is_read(
    dovecot: DovecotUser, proxy: WireProxy, real_agent: Callable[..., Agent], answer: bytes
) -> None:
    """A server that refuses SEARCH SINCE, for ever, hides no mail, old or new: windows only say what is read first."""
    deliver(dovecot, IN_ORDER)
    agent = real_agent(dovecot, RULES, limits=WINDOWS, proxy=proxy)
    agent.fetch(agent.batch(final=True))
    agent.tick()
    proxy.on("UID SEARCH", when="before-send", do=answer, nth=0)
    deliver(dovecot, {7: 0})

    for _ in range(4):  # BAD ends the connection each time
        with suppress(BadAnswer, MailServerDown):
            agent.fetch(agent.batch(final=True))
        agent.tick()

    assert {*IN_ORDER, 7} == known(agent)


def test_a_call_that_fails_opens_no_window(
    dovecot: DovecotUser, proxy: WireProxy, real_agent: Callable[..., Agent]
) -> None:
    """The first window is read first, however often its first call had to be repeated."""
    deliver(dovecot, IN_ORDER)
    agent = real_agent(dovecot, RULES, limits=WINDOWS, proxy=proxy)
    for _ in range(2):
        proxy.on("UID SEARCH", when="before-send", do="cut")
        with pytest.raises(MailServerDown):
            agent.fetch(agent.batch(final=True))
        agent.tick()

    agent.fetch(agent.batch(final=True))

    assert {5, 6} == known(agent)


def test_switched_off_all_is_read_at_once(dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> None:
    """Without windows a window that was begun is no bound any longer."""
    deliver(dovecot, IN_ORDER)
    agent = real_agent(dovecot, RULES, limits=WINDOWS)
    agent.fetch(agent.batch(final=True))
    agent.limits = LIMITS
    agent.tick()

    agent.fetch(agent.batch(final=True))

    assert set(IN_ORDER) == known(agent)


def test_switched_on_later_it_bounds_nothing(dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> None:
    """A mailbox that was begun without windows is read on without them."""
    deliver(dovecot, IN_ORDER)
    agent = real_agent(dovecot, RULES)
    agent.fetch(agent.batch(limit=1))
    agent.limits = WINDOWS
    agent.tick()

    agent.fetch(agent.batch(final=True))

    assert set(IN_ORDER) == known(agent)


def test_a_renumbered_mailbox_is_read_in_its_window(dovecot: DovecotUser, real_agent: Callable[..., Agent]) -> None:
    """Another UIDVALIDITY begins no window anew: known mail is known again, and the next window opens after it."""
    deliver(dovecot, IN_ORDER)
    agent = real_agent(dovecot, RULES, limits=WINDOWS)
    agent.fetch(agent.batch(final=True))
    dovecot.bump_uidvalidity()
    agent.tick()

    counts = agent.fetch(agent.batch(final=True)).counts

    assert (2, 2, {3, 4, 5, 6}) == (counts["remapped"], counts["fetched"], known(agent))
