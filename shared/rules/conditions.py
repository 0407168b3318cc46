"""`when:` in YAML -> an expression. Each condition (a leaf) gets its place in the decision's trace."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.rules.address_keys import address_key
from shared.rules.attachments import read_attachment
from shared.rules.comparisons import read_comparisons
from shared.rules.expression import AllOf, AnyOf, Expression, Leaf, Not
from shared.rules.faults import Faults, Place, meant, quoted, shortened
from shared.rules.language import (
    ADDRESS_OPERATORS,
    ALWAYS,
    CONDITIONS,
    FLAG_CONDITIONS,
    HEADER_KEYS,
    IN,
    LOGIC,
    MAX_EXTRA_HEADERS,
    MEANT_CONDITIONS,
    MEANT_OPERATORS,
    QUANTITY_CONDITIONS,
    TEXT_CONDITIONS,
    TextCondition,
)
from shared.rules.questions import (
    Always,
    Ask,
    Exists,
    Flagged,
    ListMail,
    OneOf,
    Question,
    ask_text,
    domains_of,
)
from shared.rules.rule import ConditionInfo
from shared.rules.tree import List, Map, Node, Text, read_bool
from shared.rules.values import ValueReader, Values
from shared.rules.view import ADDRESS_FIELDS, FETCHED_HEADERS, part_of

_HEADER_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_EXAMPLE = "conditions are a map, such as {from: {domain: github.com}}"
_HEADER_EXAMPLE = "a header condition needs the field's name, such as {name: X-Spam, contains: yes}"
_AROUND_A_DOMAIN = "*@. "


@dataclass(slots=True)
class ConditionReader:
    """Reads the conditions of a rule set, rule after rule, and counts them."""

    faults: Faults
    values: ValueReader
    rule: str = ""
    conditions: list[ConditionInfo] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    headers: set[str] = field(default_factory=set)

    def read(self, node: Node) -> Expression:
        """Read what stands under `when`: a map of conditions that must all hold, or `always`."""
        if isinstance(node, Text) and node.value.lower() == ALWAYS:
            return self.leaf(node.place, ALWAYS, Always())
        return self._group(node)

    def _group(self, node: Node) -> Expression:
        return _all(self._parts(node))

    def _parts(self, node: Node) -> list[Expression]:
        if not isinstance(node, Map) or not node.items:
            words = isinstance(node, Text) and node.value.lower() == ALWAYS
            self.faults.add(node.place, f'"{ALWAYS}" stands alone, right after when' if words else _EXAMPLE)
            return []
        return [self._condition(key, node.keys[key], value) for key, value in node.items.items()]

    def _condition(self, key: str, place: Place, node: Node) -> Expression:
        if key in LOGIC:
            return self._logic(key, place, node)
        if key in TEXT_CONDITIONS:
            return self._text(key, TEXT_CONDITIONS[key], place, node)
        if key == "header":
            return self._header(place, node)
        if key == "attachment" or key in QUANTITY_CONDITIONS:
            return self._asked(key, place, node)
        if key in CONDITIONS:
            return self._flags(key, place, node)
        return self.fault(place, f"unknown condition {quoted(key)}{meant(key, CONDITIONS, MEANT_CONDITIONS)}")

    def fault(self, place: Place, text: str) -> Expression:
        """Note a fault; the expression only lets reading go on."""
        self.faults.add(place, text)
        return AnyOf(())

    def leaf(self, place: Place, text: str, question: Question) -> Expression:
        """Note one condition."""
        self.asks.append(question.ask())
        self.conditions.append(
            ConditionInfo(rule=self.rule, file=place.file, line=place.line, text=text, part=question.part)
        )
        return Leaf(len(self.conditions) - 1, question)

    def _logic(self, key: str, place: Place, node: Node) -> Expression:
        if isinstance(node, List):
            parts = [self._group_of(item, key) for item in node.items]
        else:
            parts = [] if isinstance(node, Map) and not node.items else self._parts(node)
        if not parts:
            return self.fault(place, f"{quoted(key)} needs at least one condition")
        if key == "not":
            return Not(AnyOf(tuple(parts)) if isinstance(node, List) else _all(parts))
        return AnyOf(tuple(parts)) if key == "any" else _all(parts)

    def _group_of(self, node: Node, key: str) -> Expression:
        if isinstance(node, Text) and node.value.lower() != ALWAYS:
            return self.fault(node.place, f"{quoted(key)} holds conditions, such as - {{subject: hello}}")
        return self._group(node)

    def _text(self, shown: str, condition: TextCondition, place: Place, node: Node) -> Expression:
        self._want(condition.field, place)
        if not isinstance(node, Map):
            return self._operator(shown, condition, condition.usual, node.place, node)
        known = condition.operators
        if "domain" in node.items and "domain" not in known:
            self.faults.add(node.keys["domain"], f"{quoted(shown)} has no domain; use ends-with or contains")
        else:
            node.refuse_unknown(known, self.faults, f"the condition {quoted(shown)}", MEANT_OPERATORS)
        asked = [(key, node.keys[key], node.items[key]) for key in node.items if key in known]
        return self._operators(shown, condition, place, asked) if asked or not node.items else AnyOf(())

    def _operators(
        self, shown: str, condition: TextCondition, place: Place, asked: Sequence[tuple[str, Place, Node]]
    ) -> Expression:
        if not asked:
            return self.fault(place, f"{quoted(shown)} needs a text or an operator such as contains")
        return _all([self._operator(shown, condition, *one) for one in asked])

    def _operator(self, shown: str, condition: TextCondition, operator: str, place: Place, node: Node) -> Expression:
        name = condition.field
        if operator == "exists":
            expected = read_bool(node, self.faults, "exists")
            text = f"{shown} exists {str(expected).lower()}"
            return self.leaf(place, text, Exists(field=name, expected=expected))
        values = self.values.read_named(node) if operator == IN else self.values.read(node)
        text = f"{shown} {values.shown}" if operator == IN else f"{shown} {operator} {values.shown}"
        if operator == IN:
            operator = condition.usual
        if operator == "is" and name in ADDRESS_FIELDS:
            strict = name in FETCHED_HEADERS or condition.operators is ADDRESS_OPERATORS
            return self.leaf(place, text, self._addresses(name, values, strict=strict))
        if operator == "matches" and not self.values.are_patterns(values):
            return AnyOf(())
        for one in values.direct:
            fault = _SLIPS[operator](one.value.strip()) if operator in _SLIPS else None
            if fault:
                self.faults.add(one.place, f"{quoted(one.value.strip())} {fault}")
        return self.leaf(place, text, ask_text(name, operator, values.plain))

    def _addresses(self, name: str, values: Values, *, strict: bool) -> Question:
        """Return the question for addresses; in a named list an entry without @ is a domain, elsewhere a slip."""
        domains = [one for one in values.listed if not _is_address(one.value)]
        for one in domains:
            if "." not in one.value.strip(_AROUND_A_DOMAIN):
                self.faults.add(one.place, f"{quoted(one.value)} is neither an address nor a domain")
        for one in values.direct if strict else ():
            if not _is_address(one.value):
                domain = one.value.strip().lstrip(_AROUND_A_DOMAIN)
                wanted = f"for a domain write {{domain: {shortened(domain)}}}"
                self.faults.add(one.place, f"{quoted(one.value.strip())} is no address; {wanted}")
        addresses = [*values.direct, *(one for one in values.listed if _is_address(one.value))]
        return OneOf(
            field=name,
            keys=frozenset(address_key(one.value).strip() for one in addresses),
            domains=domains_of(tuple(one.value.strip(_AROUND_A_DOMAIN) for one in domains)),
        )

    def _header(self, place: Place, node: Node) -> Expression:
        if isinstance(node, Text):
            node = Map(place, {"name": node, "exists": Text(place, "true")}, {"name": place, "exists": place})
        if not isinstance(node, Map):
            return self.fault(place, "a header condition is a map, such as {name: X-Spam, contains: yes}")
        node.refuse_unknown(HEADER_KEYS, self.faults, 'the condition "header"', MEANT_OPERATORS)
        name = node.text("name", self.faults) or ""
        if not _HEADER_NAME.fullmatch(name):
            self.faults.add(place, _HEADER_EXAMPLE)
        condition = TextCondition(field=name.lower() or "x")
        self._want(condition.field, place)
        asked = [(key, node.keys[key], node.items[key]) for key in node.items if key in HEADER_KEYS - {"name"}]
        return self._operators(f"header {name}", condition, place, asked)

    def _want(self, name: str, place: Place) -> None:
        """Note a header field that has to be fetched beyond those every fetch asks for."""
        part = part_of(name)
        if part is None or not part.startswith("header:") or name in self.headers:
            return
        self.headers.add(name)
        if len(self.headers) > MAX_EXTRA_HEADERS:
            self.faults.add(place, f"rules may name {MAX_EXTRA_HEADERS} header fields beyond the usual ones")

    def _asked(self, key: str, place: Place, node: Node) -> Expression:
        if key == "attachment":
            found = read_attachment(place, node, self.values, self.faults)
        else:
            found = read_comparisons(key, place, node, self.faults, shown=key)
        return _all([self.leaf(one.place, one.text, one.question) for one in found]) if found else AnyOf(())

    def _flags(self, key: str, place: Place, node: Node) -> Expression:
        if key == "keyword":
            values = self.values.read(node)
            wanted = frozenset(value.lower() for value in values.plain)
            return self.leaf(place, f"keyword {', '.join(sorted(wanted))}", Flagged(flags=wanted))
        expected = read_bool(node, self.faults, key)
        text = f"{key} {str(expected).lower()}"
        if key == "list-mail":
            return self.leaf(place, text, ListMail(expected=expected))
        return self.leaf(place, text, Flagged(flags=frozenset({FLAG_CONDITIONS[key]}), expected=expected))


def _all(parts: list[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _slip_of_domain(value: str) -> str | None:
    """Say why no mail can be in such a domain."""
    domain = value.strip(_AROUND_A_DOMAIN)
    if not domain:
        return "is no domain"
    if "@" in domain:
        return "is an address, not a domain; use is"
    return f"is no domain; write {shortened(domain)}, which holds for all below it too" if "*" in value else None


def _slip_of_plus(value: str) -> str | None:
    tag = value.removeprefix("+")
    return None if tag and "@" not in tag else "is no tag; the tag of me+shop@home.example is shop"


_SLIPS: dict[str, Callable[[str], str | None]] = {"domain": _slip_of_domain, "plus": _slip_of_plus}


def _is_address(value: str) -> bool:
    value = value.strip()
    return "@" in value and not value.startswith(("@", "*"))
