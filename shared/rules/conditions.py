"""`when:` in YAML -> a matcher. Each condition (a leaf) gets its place in the decision's trace."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.rules import operators
from shared.rules.faults import Faults, Place, meant, quoted
from shared.rules.rule_set import ConditionInfo
from shared.rules.tree import List, Map, Node, Text, read_bool
from shared.rules.truth import Ask, Matcher, all_of, any_of, leaf, none_of
from shared.rules.view import ACCOUNT, ADDRESS_FIELDS, FETCHED_HEADERS, MAILBOX, RECIPIENT, MailView, fold

MAX_VALUE_CHARS = 1_000
MAX_VALUES = 10_000
MAX_EXTRA_HEADERS = 50
_HEADER_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_BULK = frozenset({"bulk", "list"})

TEXT_FIELDS = {
    "from": "from",
    "to": "to",
    "cc": "cc",
    "reply-to": "reply-to",
    "sender": "sender",
    "recipient": RECIPIENT,
    "subject": "subject",
    "list-id": "list-id",
    "mailbox": MAILBOX,
    "account": ACCOUNT,
}
FLAG_FIELDS = {"seen": "\\seen", "flagged": "\\flagged", "answered": "\\answered"}
LOGIC = frozenset({"all", "any", "not"})
NOT_YET = {
    "body": "body conditions are not available yet",
    "text": "body conditions are not available yet",
    "attachment": "attachment conditions are not available yet",
}
KNOWN = LOGIC | frozenset(TEXT_FIELDS) | frozenset(FLAG_FIELDS) | {"header", "list-mail", "keyword", "size", "age"}


@dataclass(slots=True)
class ConditionReader:
    """Reads the conditions of a rule set, rule after rule, and counts them."""

    faults: Faults
    rule: str = ""
    conditions: list[ConditionInfo] = field(default_factory=list)
    headers: set[str] = field(default_factory=set)

    def read(self, node: Node) -> Matcher:
        """Read a map of conditions: all of them must hold."""
        return all_of(self._parts(node))

    def _parts(self, node: Node) -> list[Matcher]:
        if not isinstance(node, Map) or not node.items:
            self.faults.add(node.place, "conditions are a map, such as {from: {domain: github.com}}")
            return []
        return [self._condition(key, node.keys[key], value) for key, value in node.items.items()]

    def _condition(self, key: str, place: Place, node: Node) -> Matcher:
        if key in LOGIC:
            return self._logic(key, place, node)
        if key in TEXT_FIELDS:
            return self._text(key, TEXT_FIELDS[key], place, node)
        if key == "header":
            return self._header(place, node)
        if key in {"size", "age"}:
            return self._quantity(key, place, node)
        if key in KNOWN:
            return self._flags(key, place, node)
        return self._fault(place, NOT_YET.get(key, f"unknown condition {quoted(key)}{meant(key, KNOWN)}"))

    def _fault(self, place: Place, text: str) -> Matcher:
        """Note a fault; the matcher only lets reading go on."""
        self.faults.add(place, text)
        return any_of([])

    def _logic(self, key: str, place: Place, node: Node) -> Matcher:
        parts = [self._group(item, key) for item in node.items] if isinstance(node, List) else self._parts(node)
        if not parts:
            return self._fault(place, f"{quoted(key)} needs at least one condition")
        if key == "not":
            return none_of(parts if isinstance(node, List) else [all_of(parts)])
        return any_of(parts) if key == "any" else all_of(parts)

    def _group(self, node: Node, key: str) -> Matcher:
        if isinstance(node, Text):
            return self._fault(node.place, f"{quoted(key)} holds conditions, such as - {{subject: hello}}")
        return self.read(node)

    def _leaf(self, place: Place, text: str, ask: Ask) -> Matcher:
        info = ConditionInfo(rule=self.rule, file=place.file, line=place.line, text=text)
        self.conditions.append(info)
        return leaf(len(self.conditions) - 1, ask)

    def _text(self, shown: str, name: str, place: Place, node: Node) -> Matcher:
        if isinstance(node, Map):
            known = frozenset(operators.TEXT_OPERATORS) | {"exists"}
            node.refuse_unknown(known, self.faults, f"the condition {quoted(shown)}")
            asked = [(key, node.keys[key], node.items[key]) for key in node.items if key in known]
            return self._operators(shown, name, place, asked) if asked or not node.items else any_of([])
        return self._operators(shown, name, place, [("contains" if name == "subject" else "is", node.place, node)])

    def _operators(self, shown: str, name: str, place: Place, asked: Sequence[tuple[str, Place, Node]]) -> Matcher:
        if not asked:
            return self._fault(place, f"{quoted(shown)} needs a text or an operator such as contains")
        return all_of([self._operator(shown, name, *one) for one in asked])

    def _operator(self, shown: str, name: str, operator: str, place: Place, node: Node) -> Matcher:
        if operator == "exists":
            wanted = read_bool(node, self.faults, "exists")
            return self._leaf(place, f"{shown} exists {str(wanted).lower()}", operators.ask_exists(name, wanted))
        values = self._values(node)
        text = f"{shown} {operator} {', '.join(quoted(value) for value in values[:3])}{', …' if values[3:] else ''}"
        if name in ADDRESS_FIELDS and operator == "is":
            self._refuse_bare_domains(node)
        if operator == "domain" and name not in ADDRESS_FIELDS | {"list-id"}:
            self.faults.add(place, f"{quoted(shown)} has no domain; use ends-with or contains")
        try:
            return self._leaf(place, text, operators.TEXT_OPERATORS[operator](name, values))
        except ValueError as error:
            return self._fault(node.place, f"not a usable pattern: {error}")

    def _values(self, node: Node) -> list[str]:
        items = node.items if isinstance(node, List) else [node]
        values = []
        for item in items:
            if not isinstance(item, Text):
                self.faults.add(item.place, "a text is wanted here, or a list of texts")
            elif not fold(item.value).strip():
                self.faults.add(item.place, "an empty text would match every mail")
            elif len(item.value) > MAX_VALUE_CHARS:
                self.faults.add(item.place, f"a text may have {MAX_VALUE_CHARS} characters")
            else:
                values.append(item.value)
        if not items or len(items) > MAX_VALUES:
            self.faults.add(node.place, f"a list holds 1 to {MAX_VALUES} texts")
        return values

    def _refuse_bare_domains(self, node: Node) -> None:
        for item in node.items if isinstance(node, List) else [node]:
            value = item.value.strip() if isinstance(item, Text) else ""
            if value and ("@" not in value or value.startswith(("@", "*"))):
                domain = value.lstrip("*@.")
                self.faults.add(item.place, f"{quoted(value)} is no address; for a domain write {{domain: {domain}}}")

    def _header(self, place: Place, node: Node) -> Matcher:
        if isinstance(node, Text):
            node = Map(place, {"name": node, "exists": Text(place, "true")}, {"name": place, "exists": place})
        if not isinstance(node, Map):
            return self._fault(place, "a header condition is a map, such as {name: X-Spam, contains: yes}")
        known = (frozenset(operators.TEXT_OPERATORS) - {"domain"}) | {"name", "exists"}
        node.refuse_unknown(known, self.faults, 'the condition "header"')
        name = node.text("name", self.faults) or ""
        if not _HEADER_NAME.fullmatch(name):
            self.faults.add(place, "a header condition needs the field's name, such as {name: X-Spam, contains: yes}")
        field_name = name.lower()
        if field_name not in FETCHED_HEADERS and name:
            self.headers.add(field_name)
            if len(self.headers) > MAX_EXTRA_HEADERS:
                self.faults.add(place, f"rules may name {MAX_EXTRA_HEADERS} header fields beyond the usual ones")
        asked = [(key, node.keys[key], node.items[key]) for key in node.items if key in known - {"name"}]
        return self._operators(f"header {name}", field_name, place, asked)

    def _quantity(self, key: str, place: Place, node: Node) -> Matcher:
        example = "5 MB" if key == "size" else "7d"
        if not isinstance(node, Map) or not node.items:
            return self._fault(place, f"{quoted(key)} needs over or under, such as {{over: {example}}}")
        known = frozenset({"over", "under"})
        node.refuse_unknown(known, self.faults, f"the condition {quoted(key)}")
        found = [self._comparison(key, one, node) for one in node.items if one in known]
        return all_of(found) if found else any_of([])

    def _comparison(self, key: str, operator: str, node: Map) -> Matcher:
        text = node.text(operator, self.faults) or ""
        try:
            limit = operators.read_bytes(text) if key == "size" else operators.read_seconds(text)
        except ValueError as error:
            self.faults.add(node.items[operator].place, str(error))
            limit = 0
        over = operator == "over"

        def ask(view: MailView) -> bool:
            found = view.email.size if key == "size" else view.age_s()
            return found > limit if over else found < limit

        return self._leaf(node.keys[operator], f"{key} {operator} {text}", ask)

    def _flags(self, key: str, place: Place, node: Node) -> Matcher:
        if key == "keyword":
            wanted = frozenset(value.lower() for value in self._values(node))
            return self._leaf(place, f"keyword {', '.join(sorted(wanted))}", _ask_flags(wanted, expected=True))
        expected = read_bool(node, self.faults, key)
        text = f"{key} {str(expected).lower()}"
        if key == "list-mail":
            return self._leaf(place, text, lambda view: is_list_mail(view) is expected)
        return self._leaf(place, text, _ask_flags(frozenset({FLAG_FIELDS[key]}), expected=expected))


def _ask_flags(wanted: frozenset[str], *, expected: bool) -> Ask:
    def ask(view: MailView) -> bool:
        return any(flag.lower() in wanted for flag in view.email.flags) is expected

    return ask


def is_list_mail(view: MailView) -> bool:
    """Whether the mail says it is list or bulk mail. That proves nothing good: spam says it too."""
    headers = view.email.headers
    if headers.get("list-id") or headers.get("list-unsubscribe"):
        return True
    return any(value.strip() in _BULK for value in view.folded("precedence") or ())
