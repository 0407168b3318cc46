"""Progressive sync where the mail server's days are not ours."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from tests.fakes.mail_server import FakeMailServer
from tests.fixtures.agent import LIMITS, Agent

RULES = """
version: 1
rules:
  - name: letters
    when: {from: {domain: news.example}}
    then: [flag]
"""
MORNING = 6
FAR_WEST = dt.timezone(dt.timedelta(hours=-12))


def test_mail_of_the_window_is_not_missed_for_its_time_zone(agent_for: Callable[..., Agent]) -> None:
    """Received within 30 days, and by the server's own calendar a day before them: it belongs to the window."""
    server = FakeMailServer()
    agent = agent_for(server, RULES)
    agent.limits = replace(LIMITS, windows_days=(30,))
    agent.tick(hours=24 + MORNING - agent.clock().hour)
    begin = agent.clock() - dt.timedelta(days=30)
    ages = {"old": dt.timedelta(days=-300), "edge": dt.timedelta(hours=1), "new": dt.timedelta(days=29)}
    for number, (serial, after) in enumerate(ages.items()):
        header = f"From: a@news.example\r\nMessage-ID: <{number}@x>\r\n\r\n".encode()
        uid = server.deliver("INBOX", serial, header)
        server.mailboxes["INBOX"].messages[uid].internaldate = (begin + after).astimezone(FAR_WEST)

    counts = agent.fetch(agent.batch(final=True)).counts

    assert (2, 1) == (counts["fetched"], counts["partly_read"])
