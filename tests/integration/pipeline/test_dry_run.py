"""A dry run tells exactly what an apply then does: any rules, any mails, counted on the server."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.mail_server import FakeMailServer
from tests.fixtures.agent import Agent

WORDS = ("invoice", "hello", "alert", "news")
MOVES, COPIES, KEYWORDS = ("Bills", "News"), ("Reading", "Projects"), ("$a", "$b")
LABELS = [{"keyword": name} for name in KEYWORDS] + [{"copy": name} for name in COPIES] + ["read"]


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Rules on a word of the subject: labels and copies in any number, at most one move, some go on."""
    found = []
    for number in range(draw(st.integers(1, 5))):
        then = draw(st.lists(st.sampled_from(LABELS), max_size=3, unique_by=json.dumps))
        then += [{"move": name} for name in draw(st.lists(st.sampled_from(MOVES), max_size=1))]
        when = {"subject": draw(st.sampled_from(WORDS))}
        goes_on = "true" if draw(st.booleans()) else "false"
        found.append({"name": f"r{number}", "when": when, "then": then or "keep", "continue": goes_on})
    return json.dumps({"version": "1", "rules": found})


def planned(plan: Sequence[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter({(row["action"], row["target"]): row["mails"] for row in plan})


def done(server: FakeMailServer) -> Counter[tuple[str, str]]:
    """What happened to mails that had no flags and were all in INBOX; a copy carries the flags of its source along."""
    effects: Counter[tuple[str, str]] = Counter()
    for name, mailbox in server.mailboxes.items():
        effects[("move" if name in MOVES else "copy", name)] += len(mailbox.messages) if name != "INBOX" else 0
        if name not in COPIES:
            effects.update(("flag", flag) for message in mailbox.messages.values() for flag in message.flags)
    return +effects


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=rules(), subjects=st.lists(st.lists(st.sampled_from(WORDS), max_size=3), min_size=1, max_size=6))
def test_a_dry_run_is_the_plan_of_the_apply_after_it(
    agent_for: Callable[[FakeMailServer, str], Agent], text: str, subjects: list[list[str]]
) -> None:
    """The plan of a dry run, and what the next sync does on the server, are the same; the dry run did nothing."""
    server = FakeMailServer()
    for number, words in enumerate(subjects, start=1):
        header = f"From: a@b.example\r\nSubject: {' '.join(words)}\r\nMessage-ID: <{number}@b.example>\r\n\r\n"
        server.deliver("INBOX", f"mail-{number}", header.encode())
    agent = agent_for(server, text)

    plan = agent.sync(dry_run=True).plan
    assert Counter() == done(server)
    agent.sync()

    assert planned(plan or []) == done(server)
