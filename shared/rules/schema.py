"""The rule language as a JSON Schema (2020-12) for editors, made from its tables.

It knows words and shapes. Whether a pattern compiles, a category exists or a test passes is for `rules check` to say.
"""

import json
from collections.abc import Iterable
from typing import Any, TypeAlias

from shared.rules.language import (
    ACTION_WORDS,
    ALWAYS,
    ATTACHMENT_KEYS,
    ATTACHMENT_TEXTS,
    CATEGORY_KEYS,
    COMPARISONS,
    CONDITIONS,
    FILE_KEYS,
    HEADER_KEYS,
    IN,
    KEEP,
    LOGIC,
    MAX_CATEGORIES,
    MAX_DESCRIPTION_CHARS,
    MAX_LISTS,
    MAX_MAILBOX_CHARS,
    MAX_RULES,
    MAX_VALUE_CHARS,
    MAX_VALUES,
    NAMED_ACTIONS,
    PLAIN_OPERATORS,
    QUANTITY_CONDITIONS,
    RULE_KEYS,
    TEST_ATTACHMENT_KEYS,
    TEST_EXPECTATIONS,
    TEST_KEYS,
    TEST_MAIL_KEYS,
    TEXT_CONDITIONS,
    VERSION,
    YES_OR_NO_CONDITIONS,
)

Schema: TypeAlias = dict[str, Any]

ABOUT = {
    "version": "The version of the rule language.",
    "lists": "Texts under a name, for conditions to compare with: {in: NAME}.",
    "categories": "What a mail can be, and what is done with it.",
    "rules": "Asked in order; the first that matches wins.",
    "name": "1 to 80 letters, digits, - _ .",
    "when": f'Conditions that must all hold, or "{ALWAYS}".',
    "category": "What the mail is; the category's then is carried out.",
    "then": "What is done with the mail.",
    "continue": "Whether later rules are asked too, and their actions added.",
    "tests": "Mails, and what these rules should make of them.",
    "description": "What such mail is, for people and for the language model.",
    "all": "All of these must hold.",
    "any": "One of these must hold.",
    "not": "A map: not all of it. A list: none of them.",
    "from": "Addresses in From.",
    "to": "Addresses in To.",
    "cc": "Addresses in Cc.",
    "bcc": "Addresses in Bcc.",
    "reply-to": "Addresses in Reply-To.",
    "sender": "The address in Sender.",
    "delivered-to": "The address the mail was delivered to.",
    "recipient": "Addresses in To and Cc together.",
    "subject": "The subject; without an operator it contains the text.",
    "list-id": "The id of the mailing list.",
    "mailbox": "The mailbox the mail is in.",
    "account": "The account the mail came to.",
    "body": "The beginning of the text that a reader sees.",
    "header": "Any header field: {name: X-Spam, is: 'yes'}.",
    "attachment": "Whether there is an attachment, how many, or what one of them is.",
    "size": "The size of the mail, such as {over: 5 MB}.",
    "age": "The time since the mail came, such as {over: 30d}.",
    "seen": "Whether the mail was read.",
    "flagged": "Whether the mail is flagged.",
    "answered": "Whether the mail was answered.",
    "list-mail": "Whether the mail says that it is list or bulk mail.",
    "keyword": "Keywords of the mail; one is enough.",
    "is": "The value is the text; of an address field the address.",
    "contains": "The value holds the text.",
    "starts-with": "The value starts with the text.",
    "ends-with": "The value ends with the text.",
    "matches": "The regular expression (RE2) is found.",
    "domain": "The domain is this one, or below it.",
    "plus": "The tag between + and @ of an address.",
    "exists": "Whether there is one.",
    "in": "One of the texts of this list.",
    "over": "More than this.",
    "under": "Less than this.",
    "count": "How many attachments there are.",
    "type": "The type of an attachment, such as application/pdf.",
    "copy": "Put a copy into this mailbox, or these; the mail itself stays or is moved.",
    "move": "Move to this mailbox; / separates levels.",
    "flag": "Add a flag or keyword.",
    "unflag": "Remove a flag or keyword.",
    "mail": "A mail: header fields, and what else matters.",
    "uncertain": "Whether no rule decides the mail.",
}
"""What an editor shows beside each word."""

_NAME_PATTERN = r"^[^\W_][\w.-]{0,79}$"


def json_schema() -> Schema:
    """Return the schema of a rule file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rules of email-agent",
        **_map(FILE_KEYS, _file_key, required=["version"]),
        "$defs": _definitions(),
    }


def schema_text() -> str:
    """Return the schema as it is committed in rules/schema.json."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def _definitions() -> Schema:
    found = {
        "text": {"type": ["string", "number", "boolean"], "maxLength": MAX_VALUE_CHARS},
        "quantity": {"type": ["string", "number"]},
        "comparison": _map(COMPARISONS, lambda _: _ref("quantity"), minProperties=1),
        "name": {"type": ["string", "number"], "pattern": _NAME_PATTERN},
        "names": _one_or_many(_ref("name")),
        "named": _map([IN], lambda _: _ref("names"), required=[IN]),
        "values": _one_or_many({"anyOf": [_ref("text"), _ref("named")]}, MAX_VALUES),
        "conditions": _map(CONDITIONS, _condition, minProperties=1),
        "logic": {"anyOf": [_ref("conditions"), {"type": "array", "items": _ref("conditions"), "minItems": 1}]},
        "attachment": _map(ATTACHMENT_KEYS, _attachment_key, minProperties=1),
        "actions": _one_or_many(_ref("action")),
        "action": {"anyOf": [{"enum": sorted({*ACTION_WORDS, KEEP})}, _map(NAMED_ACTIONS, _action, minProperties=1)]},
        "category": _map(CATEGORY_KEYS, _category_key),
        "rule": _rule(),
        "test": _map(TEST_KEYS, _test_key, required=["mail"], anyOf=_one_of_keys(TEST_EXPECTATIONS)),
        "mail": _mail(),
    }
    operators = {_operators_name(one.operators): one.operators for one in TEXT_CONDITIONS.values()}
    operators |= {_operators_name(PLAIN_OPERATORS | {IN}): PLAIN_OPERATORS | {IN}}
    return found | {name: _map(words, _operator, minProperties=1) for name, words in sorted(operators.items())}


def _file_key(key: str) -> Schema:
    if key == "version":
        return {"enum": [int(VERSION), VERSION]}
    if key == "rules":
        return {"type": "array", "items": _ref("rule"), "maxItems": MAX_RULES}
    if key == "lists":
        entry, most = _one_or_many(_ref("text"), MAX_VALUES), MAX_LISTS
    else:
        entry, most = _ref("category"), MAX_CATEGORIES
    return {
        "type": "object",
        "propertyNames": {"pattern": _NAME_PATTERN},
        "additionalProperties": entry,
        "maxProperties": most,
    }


def _category_key(key: str) -> Schema:
    return (
        {"type": ["string", "number"], "maxLength": MAX_DESCRIPTION_CHARS} if key == "description" else _ref("actions")
    )


def _rule() -> Schema:
    return _map(RULE_KEYS, _rule_key, required=["name", "when"], anyOf=_one_of_keys({"category", "then"}))


def _rule_key(key: str) -> Schema:
    return {
        "name": _ref("name"),
        "category": _ref("name"),
        "when": {"anyOf": [{"const": ALWAYS}, _ref("conditions")]},
        "then": _ref("actions"),
        "continue": {"type": "boolean"},
        "tests": {"type": "array", "items": _ref("test")},
    }[key]


def _condition(key: str) -> Schema:
    if key in LOGIC:
        return _ref("logic")
    if key in TEXT_CONDITIONS:
        return {"anyOf": [_ref("values"), _ref(_operators_name(TEXT_CONDITIONS[key].operators))]}
    if key in YES_OR_NO_CONDITIONS:
        return {"type": "boolean"}
    if key in QUANTITY_CONDITIONS:
        return _ref("comparison")
    if key == "header":
        return {"anyOf": [{"type": "string"}, _map(HEADER_KEYS, _header_key, required=["name"], minProperties=2)]}
    return {"anyOf": [_ref("values"), _ref("attachment")]} if key == "attachment" else _ref("values")


def _header_key(key: str) -> Schema:
    return {"type": "string", "description": "The name of the header field."} if key == "name" else _operator(key)


def _operator(word: str) -> Schema:
    if word == "exists":
        return {"type": "boolean"}
    return _ref("names") if word == IN else _ref("values")


def _attachment_key(key: str) -> Schema:
    if key in ATTACHMENT_TEXTS:
        about = f"The {key} of an attachment."
        return {"description": about, "anyOf": [_ref("values"), _ref(_operators_name(PLAIN_OPERATORS | {IN}))]}
    return {"type": "boolean"} if key == "exists" else _ref("comparison")


def _action(key: str) -> Schema:
    name = {"type": ["string", "number"], "minLength": 1, "maxLength": MAX_MAILBOX_CHARS}
    return name if key == "move" else _one_or_many(name)


def _test_key(key: str) -> Schema:
    if key == "matches":
        return {"type": "boolean", "description": "Whether the conditions of this rule hold for the mail."}
    if key == "uncertain":
        return {"type": "boolean"}
    return {"mail": _ref("mail"), "category": _ref("name"), "then": _ref("actions")}[key]


def _mail() -> Schema:
    """Return the schema of a test's mail: any header field, and what it may say beside them."""
    attachment = {"anyOf": [_ref("text"), _map(TEST_ATTACHMENT_KEYS, lambda _: _ref("text"))]}
    own = {
        key: _ref("quantity") if key in QUANTITY_CONDITIONS else _one_or_many(_ref("text")) for key in TEST_MAIL_KEYS
    }
    own |= {"attachments": _one_or_many(attachment)}
    return {
        "type": "object",
        "properties": dict(sorted(own.items())),
        "additionalProperties": {"anyOf": [_one_or_many(_ref("text")), {"type": "null"}]},
    }


def _map(keys: Iterable[str], of: Any, **more: Any) -> Schema:
    """Return the schema of a map with these keys and no others."""
    properties = {key: {"description": ABOUT[key]} | of(key) for key in sorted(keys)}
    return {"type": "object", "properties": properties, "additionalProperties": False} | more


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _one_or_many(one: Schema, most: int = MAX_VALUES) -> Schema:
    return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": most}]}


def _one_of_keys(keys: Iterable[str]) -> list[Schema]:
    return [{"required": [key]} for key in sorted(keys)]


def _operators_name(words: frozenset[str]) -> str:
    """Return the name under which this set of operators stands."""
    special = sorted(words & {"domain", "plus", "exists"})
    return "-".join(["operators", *special])
