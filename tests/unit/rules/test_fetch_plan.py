"""What a rule set needs to know of a mail."""

from shared.rules.fetch_plan import FetchPlan, fetch_plan
from shared.rules.load import load_rules


def plan(*conditions: str) -> FetchPlan:
    named = "".join(f"- {{name: r{number}, when: {when}, then: keep}}\n" for number, when in enumerate(conditions))
    return fetch_plan(load_rules(f"version: 1\nrules:\n{named}"))


def test_what_every_fetch_brings_needs_no_plan():
    """Rules on usual fields, flags, size and age ask for nothing more."""

    assert FetchPlan() == plan("{from: a@b.example, size: {over: 1}, header: {name: Precedence, is: bulk}}", "always")


def test_fields_are_fetched_with_each_mail_and_bodies_when_needed():
    """Header fields go into the fetch; the text and the attachments are parts a decision may want later."""

    assert FetchPlan(headers=("bcc", "x-a"), parts=frozenset({"text", "structure"})) == plan(
        "{bcc: a@b.example, header: X-A}", "{any: [{body: x}, {not: {header: x-a, attachment: true}}]}"
    )
