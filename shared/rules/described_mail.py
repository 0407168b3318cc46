"""The mail that a rule's test describes in YAML -> a mail as it would be stored, with everything fetched."""

import datetime as dt
import re
from dataclasses import dataclass, field

from shared.records import Attachment, StoredEmail
from shared.rules.faults import Faults, quoted
from shared.rules.language import TEST_ATTACHMENT_KEYS, TEST_MAIL_KEYS
from shared.rules.quantities import read_bytes, read_seconds
from shared.rules.tree import List, Map, Node, Text

TEST_TIME = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)
_FIELD_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_USUAL_SIZE = "4 KB"
_USUAL_TYPE = "application/octet-stream"


def read_test_mail(node: Node, extra_headers: tuple[str, ...], faults: Faults) -> StoredEmail:
    """Return the mail; what the test does not say of it is known to be absent."""
    if not isinstance(node, Map):
        faults.add(node.place, "mail is a map, such as {from: noreply@github.com}")
        node = Map(node.place)
    reader = _Reader(node, faults)
    headers: dict[str, list[str]] = {name: [] for name in extra_headers}
    for key, value in node.items.items():
        if key in TEST_MAIL_KEYS:
            continue
        if _FIELD_NAME.fullmatch(key):
            headers[key.lower()] = reader.texts(value)
        else:
            faults.add(node.keys[key], f"{quoted(key)} is no header field")
    return StoredEmail(
        id=0,
        account=reader.text("account", "test"),
        mailbox=reader.text("mailbox", "INBOX"),
        flags=frozenset(reader.listed("flags")),
        internaldate=TEST_TIME - dt.timedelta(seconds=reader.seconds()),
        size=reader.bytes(),
        headers=headers,
        text=reader.text("body", ""),
        attachments=reader.attachments(),
    )


@dataclass(slots=True)
class _Reader:
    """Reads what a test says beside header fields."""

    node: Map
    faults: Faults = field(repr=False)

    def texts(self, node: Node) -> list[str]:
        items = node.items if isinstance(node, List) else [node]
        for item in items:
            if not isinstance(item, Text):
                self.faults.add(item.place, "a text is wanted here, or a list of texts")
        return [item.value for item in items if isinstance(item, Text)]

    def listed(self, key: str) -> list[str]:
        return self.texts(self.node.items[key]) if key in self.node.items else []

    def text(self, key: str, usual: str) -> str:
        return " ".join(self.listed(key)) if key in self.node.items else usual

    def bytes(self) -> int:
        return _quantity(self.node, "size", self.text("size", _USUAL_SIZE), self.faults)

    def seconds(self) -> int:
        """Return the age, cut where the calendar ends."""
        age = _quantity(self.node, "age", self.text("age", "0m"), self.faults)
        return min(age, int((TEST_TIME - dt.datetime.min.replace(tzinfo=dt.UTC)).total_seconds()))

    def attachments(self) -> tuple[Attachment, ...]:
        node = self.node.items.get("attachments", List(self.node.place))
        return tuple(self._attachment(item) for item in (node.items if isinstance(node, List) else [node]))

    def _attachment(self, node: Node) -> Attachment:
        if isinstance(node, Text):
            return Attachment(name=node.value, type=_USUAL_TYPE, bytes=0)
        if not isinstance(node, Map):
            self.faults.add(node.place, "an attachment is a name, or a map such as {name: a.pdf, size: 2 MB}")
            return Attachment(name="", type=_USUAL_TYPE, bytes=0)
        node.refuse_unknown(TEST_ATTACHMENT_KEYS, self.faults, "an attachment")
        return Attachment(
            name=node.text("name", self.faults) or "",
            type=node.text("type", self.faults) or _USUAL_TYPE,
            bytes=_quantity(node, "size", node.text("size", self.faults) or "0", self.faults),
        )


def _quantity(node: Map, key: str, text: str, faults: Faults) -> int:
    try:
        return (read_bytes if key == "size" else read_seconds)(text)
    except ValueError as error:
        faults.add(node.items[key].place, str(error))
        return 0
