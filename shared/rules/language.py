"""The words of the rule language, as data: the reader, the index and the editor's schema all use these tables."""

from dataclasses import dataclass

from shared.records import ActionKind
from shared.rules.model import Action
from shared.rules.view import ACCOUNT, BODY, MAILBOX, RECIPIENT

VERSION = "1"
ALWAYS = "always"
IN = "in"
"""`{in: friends}` stands for the texts of the list of that name, wherever a text may stand."""

FILE_KEYS = frozenset({"version", "lists", "categories", "rules"})
CATEGORY_KEYS = frozenset({"description", "then"})
RULE_KEYS = frozenset({"name", "when", "category", "then", "continue", "tests"})
TEST_EXPECTATIONS = frozenset({"matches", "category", "then", "uncertain"})
TEST_KEYS = TEST_EXPECTATIONS | {"mail"}
TEST_MAIL_KEYS = frozenset({"mailbox", "account", "flags", "size", "age", "body", "attachments"})
"""What a test may say of its mail beside header fields."""
TEST_ATTACHMENT_KEYS = frozenset({"name", "type", "size"})

LOGIC = frozenset({"all", "any", "not"})

PLAIN_OPERATORS = frozenset({"is", "contains", "starts-with", "ends-with", "matches"})
"""These take a text, or texts of which one is enough."""
TEXT_OPERATORS = PLAIN_OPERATORS | {"exists", IN}
LIST_ID_OPERATORS = TEXT_OPERATORS | {"domain"}
ADDRESS_OPERATORS = TEXT_OPERATORS | {"domain", "plus"}
COMPARISONS = frozenset({"over", "under"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCondition:
    """A condition on texts: the view's field, the operator meant where none is written, and all that it takes."""

    field: str
    usual: str = "is"
    operators: frozenset[str] = TEXT_OPERATORS


def _addresses(field: str) -> TextCondition:
    return TextCondition(field=field, operators=ADDRESS_OPERATORS)


TEXT_CONDITIONS = {
    "from": _addresses("from"),
    "to": _addresses("to"),
    "cc": _addresses("cc"),
    "bcc": _addresses("bcc"),
    "reply-to": _addresses("reply-to"),
    "sender": _addresses("sender"),
    "delivered-to": _addresses("delivered-to"),
    "recipient": _addresses(RECIPIENT),
    "subject": TextCondition(field="subject", usual="contains"),
    "list-id": TextCondition(field="list-id", operators=LIST_ID_OPERATORS),
    "mailbox": TextCondition(field=MAILBOX),
    "account": TextCondition(field=ACCOUNT),
    "body": TextCondition(field=BODY, usual="contains"),
}
HEADER_KEYS = TEXT_OPERATORS | {"name"}
ATTACHMENT_TEXTS = frozenset({"name", "type"})
ATTACHMENT_KEYS = ATTACHMENT_TEXTS | {"size", "count", "exists"}
FLAG_CONDITIONS = {"seen": "\\seen", "flagged": "\\flagged", "answered": "\\answered"}
YES_OR_NO_CONDITIONS = frozenset(FLAG_CONDITIONS) | {"list-mail"}
QUANTITY_CONDITIONS = {"size": "5 MB", "age": "7d"}
"""With an example of what they are compared with."""

CONDITIONS = (
    LOGIC
    | frozenset(TEXT_CONDITIONS)
    | YES_OR_NO_CONDITIONS
    | frozenset(QUANTITY_CONDITIONS)
    | {"header", "attachment", "keyword"}
)

MEANT_CONDITIONS = {
    "and": "all",
    "or": "any",
    "none": "not",
    "text": "body",
    "content": "body",
    "message": "body",
    "folder": "mailbox",
    "label": "keyword",
    "labels": "keyword",
    "tag": "keyword",
    "read": "seen",
    "starred": "flagged",
    "filename": "attachment",
    "has-attachment": "attachment",
    "to-or-cc": "recipient",
    "x-original-to": "delivered-to",
    "larger": "size",
    "older": "age",
    "older-than": "age",
    "newer-than": "age",
    "date": "age",
}
MEANT_OPERATORS = {
    "equals": "is",
    "has": "contains",
    "includes": "contains",
    "prefix": "starts-with",
    "suffix": "ends-with",
    "regex": "matches",
    "regexp": "matches",
    "pattern": "matches",
    "like": "matches",
    "list": IN,
    "tag": "plus",
    "present": "exists",
    "greater": "over",
    "larger": "over",
    "older": "over",
    "more": "over",
    "less": "under",
    "smaller": "under",
    "newer": "under",
}
"""Words of other programs, and ours for them."""

ACTION_WORDS = {
    "read": Action(kind=ActionKind.FLAG, target="\\Seen"),
    "unread": Action(kind=ActionKind.UNFLAG, target="\\Seen"),
    "flag": Action(kind=ActionKind.FLAG, target="\\Flagged"),
    "unflag": Action(kind=ActionKind.UNFLAG, target="\\Flagged"),
    "archive": Action(kind=ActionKind.MOVE, target="\\Archive"),
    "trash": Action(kind=ActionKind.MOVE, target="\\Trash"),
    "junk": Action(kind=ActionKind.MOVE, target="\\Junk"),
}
KEEP = "keep"
NAMED_ACTIONS = {
    "move": ActionKind.MOVE,
    "copy": ActionKind.COPY,
    "keyword": ActionKind.FLAG,
    "flag": ActionKind.FLAG,
    "unflag": ActionKind.UNFLAG,
}
"""Actions that take a name, or names."""
ACTIONS = frozenset(ACTION_WORDS) | frozenset(NAMED_ACTIONS) | {KEEP}
REFUSED_ACTIONS = {
    "delete": 'there is no delete; "trash" moves to the Trash mailbox',
    "expunge": 'there is no expunge; "trash" moves to the Trash mailbox',
    "forward": "mail is never forwarded",
    "label": 'labels are "keyword" here',
    "tag": 'tags are "keyword" here',
    "star": 'a star is "flag" here',
    "spam": 'spam is "junk" here',
    "important": "for important mail write {keyword: $Important}",
    "never-spam": 'for "never spam" write [{keyword: $NotJunk}, {unflag: $Junk}] in an early rule',
    "seen": 'for seen write "read"',
}

MAX_VALUE_CHARS = 1_000
MAX_VALUES = 10_000
MAX_VALUES_IN_ALL = 500_000
MAX_EXTRA_HEADERS = 50
MAX_RULES = 10_000
MAX_CATEGORIES = 500
MAX_LISTS = 500
MAX_DESCRIPTION_CHARS = 500
MAX_MAILBOX_CHARS = 255
MAX_KEYWORD_CHARS = 100
