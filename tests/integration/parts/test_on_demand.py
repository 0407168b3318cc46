"""Rules that hang on a text, an attachment or a field that was not fetched: it is fetched for exactly those mails."""

from collections.abc import Callable

import pytest

from shared.imap.parts import TEXT_BYTES
from shared.records import Attachment, Mode
from shared.rules.load import load_rules
from shared.status import Filing, Status
from shared.store.history import EmailHistory
from shared.store.parts import EXCERPT_DAYS
from tests.faults.proxy import WireProxy
from tests.fixtures.agent import Agent
from tests.fixtures.mailserver import DovecotPost
from tests.fixtures.messages import mail
from tests.integration.parts.conftest import invitation

pytestmark = pytest.mark.dovecot

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{move: News}]
  - name: invitations
    when: {attachment: invite.ics}
    then: [{move: Calendar}]
  - name: bills
    when: {body: {contains: amount due}}
    then: [{move: Bills}]
"""
HEADERS_ONLY = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [{move: News}]
"""
BILL = "Dear customer,\n\nthe amount due is 12.00.\n"

RealAgent = Callable[..., Agent]


def get(agent: Agent, number: int) -> EmailHistory:
    return agent.store.emails.get(f"<{number}@mail.example>")


def push(agent: Agent, rules: str) -> None:
    agent.store.rule_sets.push(rules, load_rules(rules, "rules.yml").digest)


def send_back(agent: Agent, *numbers: int) -> None:
    """Give undecided mail back to the rules, as `reclassify` does."""
    agent.store.reclassify.send_back([get(agent, number).email.id for number in numbers], Filing.NONE)


def deliver_all(post: DovecotPost) -> None:
    post.deliver("letter", mail(1, sender="a@news.example"))
    post.deliver("meeting", invitation(2))
    post.deliver("bill", mail(3, body=BILL))
    post.deliver("friend", mail(4))


def test_text_and_attachments_decide(post: DovecotPost, proxy: WireProxy, real_agent: RealAgent) -> None:
    """Each mail goes where its text or its attachment says; what the rules did not need was not asked for."""
    deliver_all(post)
    agent = real_agent(post.user, RULES, proxy=proxy)
    agent.sync()

    assert {"News": ["letter"], "Calendar": ["meeting"], "Bills": ["bill"], "INBOX": ["friend"]} == post.found()
    assert Status.UNCERTAIN is get(agent, 4).status
    assert (None, None) == (get(agent, 1).email.attachments, get(agent, 1).email.text)


def test_parts_cost_few_commands(post: DovecotPost, proxy: WireProxy, real_agent: RealAgent) -> None:
    """Fifty mails, one FETCH for the headers and one for each kind of part; the second sync asks for none."""
    for number in range(50):
        post.deliver("bill", mail(number, body=BILL))
    agent = real_agent(post.user, RULES, proxy=proxy)
    agent.sync()
    asked = proxy.counts["UID FETCH"]
    agent.sync()

    assert 50 == len(post.found()["Bills"])
    assert asked <= 1 + 2 + 1  # headers; structures and texts; flags before the move
    assert asked == proxy.counts["UID FETCH"]


def test_the_text_is_forgotten_with_the_decision(post: DovecotPost, real_agent: RealAgent) -> None:
    """A decided mail has no excerpt; an undecided one keeps it for some days."""
    deliver_all(post)
    agent = real_agent(post.user, RULES)
    agent.sync()
    friend = get(agent, 4).email

    assert (None, "Hello,\n\nsee you soon.", ()) == (get(agent, 3).email.text, friend.text, friend.attachments)
    agent.tick(days=EXCERPT_DAYS, hours=1)
    agent.sync()
    assert (None, ()) == (get(agent, 4).email.text, get(agent, 4).email.attachments)


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.APPLY])
def test_reading_parts_changes_nothing_on_the_server(mode: Mode, post: DovecotPost, real_agent: RealAgent) -> None:
    """Observed or in a dry run: flags, names and bytes of the files stay, and the decision is the same."""
    deliver_all(post)
    post.deliver_recent("unseen", mail(5, body=BILL))
    before = post.files()
    agent = real_agent(post.user, RULES, mode=mode)
    agent.sync(dry_run=mode is Mode.APPLY)

    assert before == post.files()
    decided = [(get(agent, number).category, get(agent, number).decided_by) for number in (2, 3, 5)]
    assert [(None, "rule:invitations"), (None, "rule:bills"), (None, "rule:bills")] == decided


def test_a_body_rule_added_later_fetches_what_it_needs(post: DovecotPost, real_agent: RealAgent) -> None:
    """Stored uncertain mail is not said to have no such text: given back to the rules, it is read and filed."""
    deliver_all(post)
    agent = real_agent(post.user, HEADERS_ONLY)
    agent.sync()
    assert ["bill", "friend", "meeting"] == post.found()["INBOX"]
    push(agent, RULES)
    send_back(agent, 2, 3, 4)
    agent.sync()

    assert {"News": ["letter"], "Calendar": ["meeting"], "Bills": ["bill"], "INBOX": ["friend"]} == post.found()


def test_a_field_named_later_is_fetched(post: DovecotPost, real_agent: RealAgent) -> None:
    """A field that the header fetch did not ask for: there, or known to be absent."""
    post.deliver("marked", mail(1, headers={"X-Project": "Garden"}))
    post.deliver("plain", mail(2))
    agent = real_agent(post.user, HEADERS_ONLY)
    agent.sync()
    push(agent, HEADERS_ONLY + """
  - name: garden
    when: {header: {name: X-Project, is: garden}}
    then: [{move: Garden}]
""")  # fmt: skip
    send_back(agent, 1, 2)
    agent.sync()

    assert {"Garden": ["marked"], "INBOX": ["plain"]} == post.found()
    assert ([], "no rule matches") == (get(agent, 2).email.headers["x-project"], get(agent, 2).reason)


def test_a_giant_mail_costs_no_more_than_its_beginning(
    post: DovecotPost, proxy: WireProxy, real_agent: RealAgent
) -> None:
    """Of sixty megabytes as many octets travel as were asked for."""
    post.deliver("giant", mail(1, body=BILL + "x" * 76 + "\n" + "y" * 60_000_000))
    agent = real_agent(post.user, RULES, proxy=proxy)
    agent.sync()

    assert {"Bills": ["giant"]} == post.found()
    assert TEXT_BYTES < proxy.bytes_to_client < TEXT_BYTES + 8_192


def test_attachments_are_stored_as_they_are(post: DovecotPost, real_agent: RealAgent) -> None:
    """Name, type and size of what is attached."""
    post.deliver("meeting", invitation(2))
    agent = real_agent(post.user, RULES, mode=Mode.OBSERVE)
    agent.sync()

    assert (Attachment(name="invite.ics", type="text/calendar", bytes=14),) == get(agent, 2).email.attachments
