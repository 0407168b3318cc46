"""Which stored mail is given back to the rules, and which is left alone."""

import datetime as dt
from typing import Any

import pytest

from shared.records import ActionKind, StoredEmail
from shared.rules.diff import Effect
from shared.rules.load import load_rules
from shared.rules.model import Action, Decision
from shared.rules.reclassify import Fate, Preview, Reach, StoredDecision, judge
from shared.status import Filing, Status

NOW = dt.datetime(2026, 11, 3, 12, 0, tzinfo=dt.UTC)
MOVE = Action(kind=ActionKind.MOVE, target="Done")
BEFORE, ACTIVE = 1, 2
"""Versions of the rules."""
WAITING = Reach(limit=10)
ALL = Reach(filed=True, kept=True, limit=10)


def stored(number: int = 1, filing: Filing = Filing.PENDING, **fields: Any) -> StoredDecision:
    """A mail that was decided to be moved."""
    email = StoredEmail(
        id=number,
        account="work",
        mailbox="INBOX",
        flags=frozenset(),
        internaldate=NOW,
        size=1,
        headers={"subject": [f"mail {number}"]},
    )
    effect = Effect(status=Status.CLASSIFIED, category="a", decided_by="rule:a", actions=(MOVE,))
    usual: dict[str, Any] = {"effect": effect, "rule_set_id": BEFORE}
    return StoredDecision(email=email, filing=filing, **usual | fields)


def decision(**fields: Any) -> Decision:
    """The decision that `stored` had, unless said otherwise."""
    usual: dict[str, Any] = {
        "status": Status.CLASSIFIED,
        "reason": "a reason that no one compares",
        "category": "a",
        "decided_by": "rule:a",
        "actions": (MOVE,),
    }
    return Decision(**usual | fields)


OTHER = decision(category="b", decided_by="rule:b", actions=())


@pytest.mark.parametrize("filing", Filing)
def test_the_same_decision_leaves_mail_alone(filing: Filing) -> None:
    """Wherever the mail is: nothing would change."""
    assert Fate.SAME is judge(stored(filing=filing, kept_why="undone"), decision(), WAITING, ACTIVE)


@pytest.mark.parametrize(
    "changed",
    [
        decision(category="b"),
        decision(decided_by="rule:b"),
        decision(actions=()),
        decision(status=Status.UNCERTAIN, category=None, decided_by=None, actions=()),
    ],
)
def test_any_other_decision_goes_back(changed: Decision) -> None:
    """Another category, another rule, other actions, no decision."""
    assert Fate.BACK is judge(stored(), changed, WAITING, ACTIVE)


@pytest.mark.parametrize(
    ("filing", "usually", "with_all"),
    [
        (Filing.NONE, Fate.BACK, Fate.BACK),
        (Filing.PENDING, Fate.BACK, Fate.BACK),
        (Filing.HELD, Fate.BACK, Fate.BACK),
        (Filing.FAILED, Fate.BACK, Fate.BACK),
        (Filing.APPLIED, Fate.FILED, Fate.BACK),
        (Filing.KEPT, Fate.BY_PERSON, Fate.BACK),
        (Filing.APPLYING, Fate.BUSY, Fate.BUSY),
        (Filing.UNCLEAR, Fate.BUSY, Fate.BUSY),
        (Filing.VANISHED, Fate.BUSY, Fate.BUSY),
    ],
)
def test_where_a_mail_is_decides_whether_it_goes_back(filing: Filing, usually: Fate, with_all: Fate) -> None:
    """What was filed, and what a person kept, only if its owner says so; what is lost or at work never."""
    mail = stored(filing=filing, kept_why="moved back")

    assert [usually, with_all] == [judge(mail, OTHER, reach, ACTIVE) for reach in (WAITING, ALL)]


@pytest.mark.parametrize("why", ["nothing to do", "older than what was approved", "reclassify"])
def test_mail_that_was_kept_by_a_decision_goes_back(why: str) -> None:
    """No person said that it shall stay."""
    assert Fate.BACK is judge(stored(filing=Filing.KEPT, kept_why=why), OTHER, WAITING, ACTIVE)


@pytest.mark.parametrize(
    "why", ["moved back", "undone", "a person says: it stays", "seen at its new place", "a draft: left alone", None]
)
def test_mail_that_a_person_kept_stays(why: str | None) -> None:
    """Whatever is not known to be our own word is a person's."""
    assert Fate.BY_PERSON is judge(stored(filing=Filing.KEPT, kept_why=why), OTHER, WAITING, ACTIVE)


@pytest.mark.parametrize("fields", [{"is_busy": True}, {"is_lost": True}])
def test_mail_at_work_or_lost_stays(fields: dict[str, bool]) -> None:
    """Even if its owner asks for all."""
    assert Fate.BUSY is judge(stored(**fields), OTHER, ALL, ACTIVE)


def test_a_persons_decision_stays() -> None:
    """What a person decided, or moved on after it was filed, no rule decides anew unless asked."""
    by_person = stored(effect=Effect(status=Status.CLASSIFIED, category="c", decided_by="person", actions=(MOVE,)))
    moved_on = stored(filing=Filing.APPLIED, moved_on=True)

    filed = Reach(filed=True, limit=1)
    assert [Fate.BY_PERSON] * 2 == [judge(mail, OTHER, filed, ACTIVE) for mail in (by_person, moved_on)]
    assert [Fate.BACK] * 2 == [judge(mail, OTHER, ALL, ACTIVE) for mail in (by_person, moved_on)]


def test_what_needs_a_part_goes_back_once() -> None:
    """A condition added later fetches what it needs; the version that had read it does not ask again."""
    needs = decision(status=Status.UNCERTAIN, category=None, decided_by=None, actions=(), wanted=frozenset({"text"}))

    assert Fate.BACK is judge(stored(), needs, WAITING, ACTIVE)
    assert Fate.SAME is judge(stored(rule_set_id=ACTIVE), needs, WAITING, ACTIVE)


def test_the_same_decision_may_be_carried_out_now() -> None:
    """Mail that was older than what was approved, and is not any more; mail that a person kept, if asked."""
    older = stored(filing=Filing.KEPT, kept_why="older than what was approved", is_older=True)
    not_any_more = stored(filing=Filing.KEPT, kept_why="older than what was approved")
    undone = stored(filing=Filing.KEPT, kept_why="undone")

    assert [Fate.SAME, Fate.BACK, Fate.SAME] == [
        judge(mail, decision(), WAITING, ACTIVE) for mail in (older, not_any_more, undone)
    ]
    assert Fate.BACK is judge(undone, decision(), ALL, ACTIVE)


RULES = "version: 1\nrules: [{name: r, when: {subject: mail}, then: {move: Mails}}]"


def test_a_preview_counts_and_names() -> None:
    """Mails that go back are listed by filing; what is left alone is counted, and what stays as it is older."""
    preview = Preview(rule_set=load_rules(RULES), rule_set_id=ACTIVE, now=NOW, reach=WAITING)

    preview.look([stored(1), stored(2, Filing.HELD), stored(3, Filing.APPLIED), stored(4, is_older=True)])

    assert {Filing.PENDING: [1, 4], Filing.HELD: [2]} == preview.back
    assert {Fate.BACK: 3, Fate.FILED: 1} == preview.fates
    assert (4, 3, 1) == (preview.changes.compared, preview.changes.changed, preview.older)


def test_a_preview_stops_at_its_limit() -> None:
    """No more mails go back than its owner allowed."""
    preview = Preview(rule_set=load_rules(RULES), rule_set_id=ACTIVE, now=NOW, reach=Reach(limit=2))

    preview.look([stored(number) for number in range(1, 6)])

    assert (True, [1, 2]) == (preview.is_full, preview.back[Filing.PENDING])
