"""Classification: claimed, decided and recorded in one transaction, or claimed with care after a worker died."""

import threading
import uuid

import pytest

from shared.errors import EmailAgentError, StaleClaim
from shared.records import ActionStep, Mode, StoredEmail
from shared.rules.model import Decision
from shared.status import ActionState, Filing, Status
from shared.store import PostgresStore
from tests.integration.store.values import MOVE, Clock, add_mails, decided, email_id, make_account

UNCERTAIN = decided(status=Status.UNCERTAIN, decided_by=None, reason="no rule matched")
BROKEN = decided(status=Status.FAILED, decided_by="error", reason="cannot be read")
TOKEN = uuid.UUID(int=5)
RUN = uuid.UUID(int=1)


def test_decisions_are_recorded(store: PostgresStore) -> None:
    """Each mail gets its status and filing, an event each, and what was decided can be read back."""
    account = make_account(store)
    add_mails(store, account, range(1, 5))
    by_subject = {"Mail 1": decided(MOVE), "Mail 2": decided(), "Mail 3": UNCERTAIN, "Mail 4": BROKEN}
    rule_set_id = store.rule_sets.push("rules", "digest")
    counts = store.emails.classify(
        account.id, 10, lambda mail: by_subject[mail.headers["subject"][0]], rule_set_id, uuid.UUID(int=1)
    )
    histories = [store.emails.get(f"<{uid}@example>") for uid in range(1, 5)]

    assert counts == {"claimed": 4, "classified": 2, "uncertain": 1, "failed": 1}
    assert [(history.status, history.filing) for history in histories] == [
        (Status.CLASSIFIED, Filing.PENDING),
        (Status.CLASSIFIED, Filing.KEPT),
        (Status.UNCERTAIN, Filing.NONE),
        (Status.FAILED, Filing.NONE),
    ]
    assert [[event.became for event in history.events] for history in histories] == [
        ["fetched", "classified", "pending"],
        ["fetched", "classified", "kept"],
        ["fetched", "uncertain"],
        ["fetched", "failed"],
    ]
    assert (histories[0].decided_by, histories[0].reason, histories[0].trace, histories[0].rule_set_id) == (
        "rule:test",
        "the subject says so",
        "tf-",
        rule_set_id,
    )


def test_newest_mail_comes_first(store: PostgresStore) -> None:
    """With a limit the newest mail is classified, with all that the rules need."""
    account = make_account(store)
    add_mails(store, account, range(1, 6))
    seen: list[StoredEmail] = []

    def decide(mail: StoredEmail) -> Decision:
        seen.append(mail)
        return decided()

    store.emails.classify(account.id, 2, decide, store.rule_sets.push("rules", "digest"))

    assert [(mail.account, mail.mailbox, mail.headers["subject"]) for mail in seen] == [
        ("work", "INBOX", ["Mail 5"]),
        ("work", "INBOX", ["Mail 4"]),
    ]


def test_a_worker_that_dies_leaves_nothing(store: PostgresStore) -> None:
    """An exception while deciding rolls everything back."""
    account = make_account(store)
    add_mails(store, account, range(1, 3))

    def decide(mail: StoredEmail) -> Decision:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        store.emails.classify(account.id, 10, decide, store.rule_sets.push("rules", "digest"))
    assert store.emails.waiting(account.id)["to_classify"] == 2


def test_a_fetched_mail_cannot_jump(store: PostgresStore) -> None:
    """A decision that leaves the state machine is refused, and nothing changes."""
    account = make_account(store)
    add_mails(store, account, range(1, 2))
    rule_set_id = store.rule_sets.push("rules", "digest")

    with pytest.raises(EmailAgentError, match="cannot become review"):
        store.emails.classify(account.id, 10, lambda mail: decided(status=Status.REVIEW), rule_set_id)
    assert store.emails.get("<1@example>").status == Status.FETCHED


def test_workers_share_the_mail(store: PostgresStore) -> None:
    """Four workers at once classify each mail exactly once."""
    account = make_account(store)
    add_mails(store, account, range(1, 401))
    rule_set_id = store.rule_sets.push("rules", "digest")
    barrier = threading.Barrier(4)
    claimed: list[int] = []

    def work() -> None:
        barrier.wait()
        for _ in range(10):
            claimed.append(store.emails.classify(account.id, 50, lambda mail: decided(MOVE), rule_set_id)["claimed"])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert (sum(claimed), store.emails.waiting(account.id)["to_classify"]) == (400, 0)


def test_only_the_poison_mail_fails(timed_store: PostgresStore, clock: Clock) -> None:
    """A mail that kills its worker each time is given up after its attempts; its neighbours are classified."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 6))
    rule_set_id = timed_store.rule_sets.push("rules", "digest")
    poison = email_id(timed_store, 3)
    for _ in range(20):
        token = uuid.uuid4()
        mails = timed_store.emails.claim_careful(account.id, 10, 60, token)
        if poison in {mail.id for mail in mails}:
            clock.advance(seconds=61)  # the worker died
        else:
            timed_store.emails.record_careful(token, {mail.id: decided() for mail in mails}, rule_set_id)
    statuses = [timed_store.emails.get(f"<{uid}@example>").status for uid in range(1, 6)]

    assert statuses == [Status.CLASSIFIED, Status.CLASSIFIED, Status.FAILED, Status.CLASSIFIED, Status.CLASSIFIED]


def test_a_careful_claim_is_left_alone(timed_store: PostgresStore) -> None:
    """While a claim lives, neither way of classifying touches its mail."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 3))
    timed_store.emails.claim_careful(account.id, 10, 60, TOKEN)
    rule_set_id = timed_store.rule_sets.push("rules", "digest")
    counts = timed_store.emails.classify(account.id, 10, lambda mail: decided(), rule_set_id)

    assert counts == {"claimed": 0}
    assert timed_store.emails.claim_careful(account.id, 10, 60, uuid.UUID(int=6)) == []


def test_a_late_worker_records_nothing(timed_store: PostgresStore, clock: Clock) -> None:
    """A worker whose claim was taken over is told so, and none of its decisions count."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 3))
    rule_set_id = timed_store.rule_sets.push("rules", "digest")
    mails = timed_store.emails.claim_careful(account.id, 10, 60, TOKEN)
    clock.advance(seconds=61)
    timed_store.emails.claim_careful(account.id, 10, 60, uuid.UUID(int=6))

    with pytest.raises(StaleClaim):
        timed_store.emails.record_careful(TOKEN, {mail.id: decided() for mail in mails}, rule_set_id)
    assert timed_store.emails.waiting(account.id)["to_classify"] == 2


@pytest.mark.parametrize(
    ("hours", "newer_rules", "mode", "given_back"),
    [
        (1, False, Mode.APPLY, 0),
        (25, False, Mode.APPLY, 2),
        (1, True, Mode.APPLY, 2),
        (25, True, Mode.OBSERVE, 0),
    ],
    ids=["fresh", "a day old", "newer rules", "observed"],
)
def test_what_waits_to_be_filed_is_decided_anew_when_it_is_old(
    timed_store: PostgresStore, clock: Clock, hours: int, newer_rules: bool, mode: Mode, given_back: int
) -> None:
    """In apply, what was decided a day ago or by older rules goes back to the rules and is filed as they say now."""
    account = make_account(timed_store, mode=mode)
    add_mails(timed_store, account, range(1, 3))
    rules = timed_store.rule_sets.push("rules", "digest")
    timed_store.emails.classify(account.id, 10, lambda _: decided(MOVE), rules, RUN)
    rules = timed_store.rule_sets.push("newer rules", "another digest") if newer_rules else rules
    clock.advance(hours=hours)

    assert given_back == timed_store.emails.waiting(account.id)["to_classify"]
    assert given_back == timed_store.emails.give_back_outdated(account.id, rules, RUN)
    timed_store.emails.classify(account.id, 10, lambda _: decided(MOVE), rules, RUN)
    history = timed_store.emails.get("<1@example>")

    again = ["fetched", "kept", "classified", "pending"] if given_back else []
    assert ["fetched", "classified", "pending", *again] == [event.became for event in history.events]
    assert (0, Filing.PENDING) == (timed_store.emails.waiting(account.id)["to_classify"], history.filing)


def test_what_a_person_decided_or_was_tried_is_not_decided_anew(timed_store: PostgresStore, clock: Clock) -> None:
    """A person's word holds however old it is, and a mail whose filing was tried goes on as it was decided."""
    account = make_account(timed_store)
    add_mails(timed_store, account, range(1, 3))
    rules = timed_store.rule_sets.push("rules", "digest")
    by_subject = {"Mail 1": decided(MOVE, decided_by="person"), "Mail 2": decided(MOVE)}
    timed_store.emails.classify(account.id, 10, lambda mail: by_subject[mail.headers["subject"][0]], rules, RUN)
    with timed_store.leases.hold(f"mailbox:{account.id}", "test", 60) as lease:
        (tried, _) = timed_store.actions.claim(account.id, "INBOX", 10, lease, RUN)
        steps = [
            ActionStep(action_id=action.id, was=ActionState.PLANNED, became=ActionState.SENT, source=tried.ref)
            for action in tried.actions
        ]
        timed_store.actions.advance(lease, steps)
    clock.advance(hours=48)

    assert 0 == timed_store.emails.give_back_outdated(account.id, rules + 1, RUN)
