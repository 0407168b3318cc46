"""Rule sets: every version ever pushed, one of them active."""

from collections.abc import Callable
from typing import Any

from shared.errors import InvalidRules, NotFound
from shared.store.database import Database

NO_RULES_HINT = "push a rule set: scripts/agent rules push"


class RuleSets:
    """Rows of `rule_sets`; `parse` makes a rule set of a version's text, once per version and process."""

    def __init__(self, database: Database, *, parse: Callable[[str], Any]) -> None:
        self._database = database
        self._parse = parse
        self._parsed: tuple[int, Any] | None = None

    def push(self, text: str, digest: str) -> int:
        """Make this text the active version and return its number; the same digest again changes nothing."""
        with self._database.transaction() as transaction:
            active = transaction.one("active_rules")
            if active is not None and active["digest"] == digest:
                return int(active["id"])
            transaction.run("deactivate_rules")
            return int(transaction.value("push_rules", text=text, digest=digest))

    def active_text(self) -> tuple[int, str]:
        """Return the active version's number and text; InvalidRules if none was pushed."""
        with self._database.transaction() as transaction:
            row = transaction.one("active_rules")
        if row is None:
            raise InvalidRules("no rules were pushed yet", hint=NO_RULES_HINT)
        return int(row["id"]), str(row["text"])

    def active(self) -> tuple[int, Any]:
        """Return the active version's number and content; InvalidRules if none was pushed."""
        with self._database.transaction() as transaction:
            active_id = transaction.value("active_rules_id")
        if self._parsed is None or self._parsed[0] != active_id:
            number, text = self.active_text()
            self._parsed = (number, self._parse(text))
        return self._parsed

    def version(self, number: int) -> Any:
        """Return the content of one version, active or not."""
        if self._parsed is not None and self._parsed[0] == number:
            return self._parsed[1]
        with self._database.transaction() as transaction:
            row = transaction.one("read_rules", id=number)
        if row is None:
            raise NotFound("there is no such version of the rules")
        return self._parse(str(row["text"]))
