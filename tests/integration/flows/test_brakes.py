"""What stops filing: the anomaly stop, approvals by number, the hourly cap, the pause, the account's mode."""

from collections.abc import Callable

import pytest

from shared.errors import BadRequest
from shared.records import Mode
from tests.fixtures.agent import Agent
from tests.fixtures.mailserver import DovecotPost, logged_in
from tests.fixtures.messages import mail

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{move: News}]
"""
MANY = 51
"""One more move than passes the anomaly stop in a small mailbox."""


def deliver(post: DovecotPost, letters: int, others: int = 0, *, first: int = 1) -> None:
    for number in range(first, first + letters):
        post.deliver("letter", mail(number, sender="a@news.example"))
    for number in range(first + letters, first + letters + others):
        post.deliver("other", mail(number))


def sizes(post: DovecotPost) -> dict[str, int]:
    return {mailbox: len(mails) for mailbox, mails in post.found().items()}


@pytest.fixture
def agent(post: DovecotPost, real_agent: Callable[..., Agent]) -> Agent:
    return real_agent(post.user, RULES)


def account_id(agent: Agent) -> int:
    return int(agent.store.accounts.get(agent.account).id)


def test_unusually_many_moves_are_held(post: DovecotPost, agent: Agent) -> None:
    """More than 50 mails and more than 30 % of the mailbox: nothing moves, in this run nor in the next."""
    deliver(post, MANY, 10)
    before = post.files()

    answer = agent.sync()

    assert ("held", MANY) == (answer.outcome, answer.counts["held"])
    agent.sync()
    assert before == post.files()


def test_flags_are_not_held(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """The stop is for moves: mail that is only flagged goes on in the same run."""
    deliver(post, MANY)
    post.deliver("alert", mail(1000, subject="alert"))
    rules = RULES + "  - {name: alerts, when: {subject: {is: alert}}, then: flag}\n"

    answer = real_agent(post.user, rules).sync()

    assert ("held", MANY, 1) == (answer.outcome, answer.counts["held"], answer.counts["applied"])
    assert {"INBOX": ["alert F", *["letter"] * MANY]} == post.found()


def test_held_mail_that_its_owner_moves_is_not_chased(post: DovecotPost, agent: Agent) -> None:
    """What left the mailbox while it was held is not touched when the owner confirms."""
    deliver(post, MANY)
    held = agent.sync().run
    with logged_in(post.user) as person:
        person.select("INBOX")
        person.uid("MOVE", "1:5", "Archive")

    answer = agent.sync(confirm=held)

    assert {"Archive": 5, "News": MANY - 5} == sizes(post)
    assert 5 == answer.counts["vanished"]


@pytest.mark.parametrize(("letters", "others"), [(50, 0), (60, 140)], ids=["50 mails", "30 %"])
def test_usual_numbers_are_not_held(post: DovecotPost, agent: Agent, letters: int, others: int) -> None:
    """Up to 50 mails, or up to 30 % of the mailbox, move without asking."""
    deliver(post, letters, others)

    assert "done" == agent.sync().outcome
    assert letters == sizes(post)["News"]


def test_a_usual_mailbox_is_not_held_for_another(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """The share is that of the mailbox: few moves of a small one go on after many of a big one."""
    deliver(post, 58, 142)
    for number in range(20):
        sender = "a@news.example" if number < 2 else "b@friends.example"
        post.deliver("second", mail(1000 + number, sender=sender), "Second")
    agent = real_agent(post.user, RULES, mailboxes=("INBOX", "Second"))

    assert "done" == agent.sync().outcome
    assert {"INBOX": 142, "News": 60, "Second": 18} == sizes(post)


def test_many_small_calls_are_one_run(post: DovecotPost, agent: Agent) -> None:
    """The stop counts what the run has moved before: small calls do not slip under it."""
    deliver(post, 40)
    batch = agent.batch()
    agent.fetch(batch)
    agent.classify(batch)
    agent.apply(batch)
    assert 40 == sizes(post)["News"]
    deliver(post, 40, first=100)
    agent.fetch(batch)
    agent.classify(batch)

    answer = agent.apply(batch)

    assert ("held", 40, 40) == (answer.outcome, answer.counts["held"], answer.counts["applied"])
    assert {"INBOX": 40, "News": 40} == sizes(post)


def test_a_held_run_does_not_keep_the_next_waiting(post: DovecotPost, agent: Agent) -> None:
    """What is held ends the run, whichever call it was: the owner can confirm at once."""
    deliver(post, MANY)
    batch = agent.batch()
    agent.fetch(batch)
    agent.classify(batch)
    assert "held" == agent.apply(batch).outcome

    agent.sync(confirm=batch.run)

    assert {"News": MANY} == sizes(post)


def test_an_undo_has_no_dry_run(post: DovecotPost, agent: Agent) -> None:
    """A request that asks for both is refused: a dry run never writes."""
    deliver(post, 1)
    run = agent.sync().run

    with pytest.raises(BadRequest):
        agent.apply(agent.batch(undo=run, dry_run=True))

    assert {"News": 1} == sizes(post)


def test_confirm_releases_exactly_what_that_run_held(post: DovecotPost, agent: Agent) -> None:
    """What another run held stays held."""
    deliver(post, MANY)
    held = agent.sync().run
    deliver(post, 2 * MANY, first=1000)
    assert "held" == agent.sync().outcome

    answer = agent.sync(confirm=held)

    assert ("done", {"News": MANY}) == (answer.outcome, answer.targets)
    assert {"INBOX": 2 * MANY, "News": MANY} == sizes(post)
    agent.sync()
    assert {"INBOX": 2 * MANY, "News": MANY} == sizes(post)


def test_an_approval_by_number_is_for_one_run(post: DovecotPost, agent: Agent) -> None:
    """What waited when the owner said yes moves; as many again are held."""
    deliver(post, MANY)
    accounts = agent.store.accounts
    accounts.set_mode(account_id(agent), Mode.OBSERVE)
    agent.sync()
    assert MANY == accounts.set_mode(account_id(agent), Mode.APPLY, approve="all")

    assert "done" == agent.sync().outcome

    assert {"News": MANY} == sizes(post)
    deliver(post, MANY, first=1000)
    assert "held" == agent.sync().outcome
    assert {"INBOX": MANY, "News": MANY} == sizes(post)


def test_more_than_was_approved_is_held(post: DovecotPost, agent: Agent) -> None:
    """An approval of 51 does not cover 52."""
    deliver(post, MANY)
    accounts = agent.store.accounts
    accounts.set_mode(account_id(agent), Mode.OBSERVE)
    agent.sync()
    accounts.set_mode(account_id(agent), Mode.APPLY, approve="all")
    deliver(post, 1, first=1000)

    assert "held" == agent.sync().outcome
    assert {"INBOX": MANY + 1} == sizes(post)


def test_only_new_mail_approved(post: DovecotPost, agent: Agent) -> None:
    """What waited stays where it is; what comes from now on is filed."""
    deliver(post, 3)
    accounts = agent.store.accounts
    accounts.set_mode(account_id(agent), Mode.OBSERVE)
    agent.sync()
    accounts.set_mode(account_id(agent), Mode.APPLY, approve="new")
    deliver(post, 1, first=1000)

    for _ in range(2):
        agent.sync()
        assert {"INBOX": 3, "News": 1} == sizes(post)


def test_the_hourly_cap(post: DovecotPost, real_agent: Callable[..., Agent]) -> None:
    """No more mails than the cap are touched within an hour, however often we sync; later the rest follows."""
    deliver(post, 8)
    agent = real_agent(post.user, RULES, max_actions_per_hour=3)

    for _ in range(2):
        agent.sync()
        assert {"INBOX": 5, "News": 3} == sizes(post)
    agent.tick(minutes=61)
    agent.sync()
    assert {"INBOX": 2, "News": 6} == sizes(post)


def test_the_global_pause(post: DovecotPost, agent: Agent) -> None:
    """While paused nothing happens, not even an undo; after it all of it does."""
    deliver(post, 3)
    accounts = agent.store.accounts
    accounts.pause()
    before = post.files()

    assert "paused" == agent.sync().outcome
    assert before == post.files()

    accounts.resume()
    run = agent.sync().run
    accounts.pause()
    assert "paused" == agent.undo(run).outcome
    assert {"News": 3} == sizes(post)
    accounts.resume()
    agent.undo(run)
    assert {"INBOX": 3} == sizes(post)


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.PAUSED])
def test_a_mode_that_forbids_filing(post: DovecotPost, agent: Agent, mode: Mode) -> None:
    """Neither a sync nor a confirmation moves mail of an account that may only be observed, or is paused."""
    deliver(post, MANY)
    held = agent.sync().run
    agent.store.accounts.set_mode(account_id(agent), mode)
    before = post.files()

    agent.sync()
    agent.sync(confirm=held)

    assert before == post.files()


def test_a_dry_run_confirms_nothing(post: DovecotPost, agent: Agent) -> None:
    """`dry_run` wins over `confirm` in one request."""
    deliver(post, MANY)
    held = agent.sync().run

    agent.sync(confirm=held, dry_run=True)
    agent.sync()

    assert {"INBOX": MANY} == sizes(post)
