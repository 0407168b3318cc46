"""What becomes of mail that no rule decides, once a language model is there."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.records import Mode
from shared.status import Filing, Status
from tests.fakes.language_model import FakeModel, verdict
from tests.integration.llm_chain.asker import CATEGORIES, Asker, deliver, mailbox

AskerFor = Callable[..., Asker]


def test_a_sure_verdict_files_mail(asker_for: AskerFor) -> None:
    """The category's actions are carried out in the same sync; the summary says who decided, each mail in one place."""
    server = mailbox()
    deliver(server, "hello", "howdy")
    deliver(server, "parcel", sender="x@shop.example")
    asker = asker_for(server)
    summary = asker.sync()

    assert {"Letters": ["hello", "howdy"], "Shop": ["parcel"]} == {k: v for k, v in server.census().items() if v}
    assert {"llm": 2, "rule:shop": 1} == summary.decided_by
    assert (3, 0, 3) == tuple(summary.counts[name] for name in ("classified", "uncertain", "applied"))
    assert (None, "done") == (summary.llm, summary.outcome)


def test_a_verdict_is_written_down(asker_for: AskerFor) -> None:
    """Category, who, how sure, how long, and an event; the text is gone with the decision."""
    server = mailbox()
    deliver(server, "hello")
    asker = asker_for(server)
    asker.sync()
    mail = asker.mail("hello")

    assert ("letters", "llm", 0.9, "tiny is 90% sure") == (
        mail.category,
        mail.decided_by,
        mail.confidence,
        mail.reason,
    )
    assert (Status.CLASSIFIED, Filing.APPLIED, None) == (mail.status, mail.filing, mail.email.text)
    assert mail.processing_time_ms is not None
    assert mail.processing_time_ms >= 10
    statuses = [(event.was, event.became, event.by) for event in mail.events if event.what == "status"]
    assert (("uncertain", "classified", "llm"), 0) == (statuses[-1], mail.attempts)


def test_the_model_is_shown_the_text(asker_for: AskerFor) -> None:
    """The text is fetched for exactly the mail it is asked about, and all categories are offered."""
    server = mailbox()
    deliver(server, "hello")
    deliver(server, "parcel", sender="x@shop.example")
    asker = asker_for(server)
    asker.sync()

    assert (["hello"], "This is hello.") == (asker.model.subjects, asker.model.asked[0].text.strip())
    assert [("letters", "bills", "nothing")] == asker.model.menus
    assert ["fetch-batch", "apply-actions", "classify-llm"] * 2 == asker.order[:6]


def test_a_text_that_cannot_be_had_is_done_without(asker_for: AskerFor) -> None:
    """The mail is asked about all the same, once."""
    server = mailbox()
    deliver(server, "hello")
    asker = asker_for(server)
    asker.read()
    asker.ask()
    server.mailboxes["INBOX"].messages.clear()
    asker.sync()

    assert ([None], {"text"}) == ([mail.text for mail in asker.model.asked], set(asker.mail("hello").email.unavailable))


def test_rules_that_go_on_add_their_actions(asker_for: AskerFor) -> None:
    """What they would do beside is done beside, whoever decides."""
    server = mailbox()
    deliver(server, "star-mail")
    asker = asker_for(server)
    asker.sync()

    [(_, message)] = server.mailboxes["Letters"].messages.items()
    assert {"\\Flagged", "$Letter"} == message.flags


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (verdict("bills", 0.5), "tiny says bills, but is only 50% sure"),
        (verdict("bills", 0.9, margin=0.01), "tiny says bills, but would rather have said something else"),
        (verdict("bills", None), "tiny says bills, but its server does not tell how sure it is"),
        (verdict(None, 0.9), "tiny is unsure what it is"),
        (
            verdict("bills", 0.99, suspicions=frozenset({"instruction"})),
            "tiny says bills, but the mail looks like an attack on it (instruction)",
        ),
    ],
)
def test_a_doubtful_verdict_waits_for_a_person(said: object, why: str, asker_for: AskerFor) -> None:
    """The mail stays where it is, in review, with the reason; it is not asked about again; a person can decide."""
    server = mailbox()
    deliver(server, "hello")
    asker = asker_for(server, FakeModel(says=lambda _email: said))  # type: ignore[arg-type, return-value]
    summary = asker.sync()
    mail = asker.mail("hello")
    asker.sync()

    assert (Status.REVIEW, Filing.NONE, "llm", why) == (mail.status, mail.filing, mail.decided_by, mail.reason)
    assert (1, 0, None) == (summary.counts["review"], summary.counts["uncertain"], summary.llm)
    assert (["hello"], 1) == (server.census()["INBOX"], len(asker.model.asked))
    assert {"review": 1} == asker.agent.store.reviews.count()
    assert Filing.KEPT is asker.agent.store.reviews.keep(mail.email.id)


def test_newer_rules_come_before_the_model(asker_for: AskerFor) -> None:
    """Mail that waits is decided by the rules of today when its turn comes, and nobody is asked about it."""
    server = mailbox()
    deliver(server, "hello", "howdy")
    asker = asker_for(server)
    asker.read()
    newer = CATEGORIES + "rules: [{name: hello, when: {subject: hello}, category: bills}]\n"
    asker.agent.store.rule_sets.push(newer, "newer")
    asker.sync()

    assert ("rule:hello", "bills", ["howdy"]) == (
        asker.mail("hello").decided_by,
        asker.mail("hello").category,
        asker.model.subjects,
    )
    assert {"Bills": ["hello"], "Letters": ["howdy"]} == {k: v for k, v in server.census().items() if v}


def test_rules_that_change_during_a_slice_hold_for_the_next_mail(asker_for: AskerFor) -> None:
    """Each mail is looked at again right before its call."""
    server = mailbox()
    deliver(server, "old", "new")
    asker = asker_for(server)
    asker.read_with_text()
    newer = CATEGORIES + "rules: [{name: old, when: {subject: old}, category: bills}]\n"
    asker.model.meanwhile = lambda: asker.agent.store.rule_sets.push(newer, "newer")
    asker.ask()

    assert (["new"], "rule:old") == (asker.model.subjects, asker.mail("old").decided_by)


def test_a_newer_rule_that_hangs_on_what_was_not_fetched_waits_for_it(asker_for: AskerFor) -> None:
    """The model does not take what may be the rule's mail: it waits for its attachments, then the rule decides."""
    server = mailbox()
    deliver(server, "old", "new")
    asker = asker_for(server)
    asker.read_with_text()
    rule = "{name: bare, when: {subject: old, not: {attachment: {name: {ends-with: .pdf}}}}, category: bills}"
    newer = CATEGORIES + f"rules: [{rule}]\n"
    asker.model.meanwhile = lambda: asker.agent.store.rule_sets.push(newer, "newer")
    asker.ask()
    asker.model.meanwhile = lambda: None

    assert (["new"], Status.UNCERTAIN) == (asker.model.subjects, asker.mail("old").status)
    asker.sync()
    assert (False, "rule:bare") == ("old" in asker.model.subjects, asker.mail("old").decided_by)


@pytest.mark.parametrize("moves", [True, False])
def test_mail_that_its_owner_moved_back_is_not_moved_again(moves: bool, asker_for: AskerFor) -> None:
    """A verdict on mail that was given back files it, unless its owner was faster: then it stays where it was put."""
    server = mailbox()
    deliver(server, "parcel", sender="x@shop.example")
    asker = asker_for(server)
    store = asker.agent.store
    asker.sync()
    store.rule_sets.push(CATEGORIES, "no rules")
    store.reclassify.send_back([asker.mail("parcel").email.id], Filing.APPLIED)
    if moves:
        server.mailboxes["INBOX"].add(server.mailboxes["Shop"].messages.pop(1))
    asker.read()
    assert (Status.UNCERTAIN, Filing.KEPT) == (asker.mail("parcel").status, asker.mail("parcel").filing)
    asker.sync()

    assert (Status.CLASSIFIED, "llm") == (asker.mail("parcel").status, asker.mail("parcel").decided_by)
    assert {"INBOX" if moves else "Letters": ["parcel"]} == {k: v for k, v in server.census().items() if v}


@pytest.mark.parametrize("dry_run", [False, True])
def test_verdicts_are_given_without_anything_being_done(dry_run: bool, asker_for: AskerFor) -> None:
    """In observe, and in a dry run, mail is decided and stays; the plan says what would be done."""
    server = mailbox()
    deliver(server, "hello")
    asker = asker_for(server, mode=Mode.APPLY if dry_run else Mode.OBSERVE)
    summary = asker.sync(dry_run=dry_run)

    assert (["hello"], "letters", Filing.PENDING) == (
        server.census()["INBOX"],
        asker.mail("hello").category,
        asker.mail("hello").filing,
    )
    assert (summary.plan is not None) == dry_run
    assert "done" == summary.outcome


def test_the_model_alone_decides_where_the_owner_says_so(asker_for: AskerFor) -> None:
    """With the strategy llm no rule decides, at fetch or later."""
    server = mailbox()
    deliver(server, "parcel", sender="x@shop.example")
    asker = asker_for(server)
    asker.agent.limits = replace(asker.agent.limits, rules_decide=False)
    asker.sync()

    assert ("llm", ["parcel"]) == (asker.mail("parcel").decided_by, server.census()["Letters"])


@pytest.mark.parametrize("rules", ["version: 1\nrules: [{name: n, when: {subject: never}, then: keep}]\n", None])
def test_nobody_is_asked_where_there_is_nothing_to_choose(rules: str | None, asker_for: AskerFor) -> None:
    """Without categories, or with the strategy rules, a sync makes the calls it always made."""
    server = mailbox()
    deliver(server, "hello")
    asker = asker_for(server, **({"rules": rules} if rules else {}))
    if rules is None:
        asker.agent.limits = replace(asker.agent.limits, asks_llm=False)
    summary = asker.sync()

    assert (["fetch-batch", "apply-actions"], None) == (asker.order, summary.llm)
    assert (Status.UNCERTAIN, []) == (asker.mail("hello").status, asker.model.asked)
    asker.sync()
    assert ["fetch-batch"] == asker.order


def test_new_mail_goes_before_the_next_slice(asker_for: AskerFor) -> None:
    """What comes in while the model thinks is read, decided and filed before it is asked about more."""
    server = mailbox()
    deliver(server, "one", "two")
    asker = asker_for(server)
    asker.agent.limits = replace(asker.agent.limits, llm_mails=1)
    arrived = [lambda: deliver(server, "parcel", sender="x@shop.example", day=9)]
    filed_at_call: list[list[str]] = []

    def meanwhile() -> None:
        filed_at_call.append(server.census().get("Shop", []))
        arrived.pop()() if arrived else None

    asker.model.meanwhile = meanwhile
    summary = asker.sync()

    assert ([[], ["parcel"]], ["two", "one"]) == (filed_at_call, asker.model.subjects)
    assert 3 == summary.counts["applied"]


@pytest.mark.parametrize(("asks_for_s", "asked"), [(0.0, 0), (0.001, 1), (None, 3)])
def test_a_sync_asks_for_as_long_as_it_may(asks_for_s: float | None, asked: int, asker_for: AskerFor) -> None:
    """Not at all, until its time is over, or until none waits; what is left is told, unless it was not wanted."""
    server = mailbox()
    deliver(server, "one", "two", "three")
    asker = asker_for(server)
    asker.read_with_text()
    asker.agent.limits = replace(asker.agent.limits, llm_mails=1)
    summary = asker.sync(asks_for_s=asks_for_s)

    assert (asked, "done") == (len(asker.model.asked), summary.outcome)
    assert (summary.llm or {}).get("waiting") == {0: None, 1: 2, 3: None}[asked]
