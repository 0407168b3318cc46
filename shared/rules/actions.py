"""`then:` in YAML -> actions: flags in their order, then at most one move, last."""

import re

from shared.records import ActionKind
from shared.rules.faults import Faults, Place, meant, quoted
from shared.rules.model import Action
from shared.rules.tree import List, Map, Node, Text

MAX_MAILBOX_CHARS = 255
MAX_KEYWORD_CHARS = 100

_ATOM = re.compile(r"[!#$&'+,./0-9:;<=>?@A-Z^_`a-z|}~-]+")  # RFC 9051 atom, without "["
_SYSTEM_FLAGS = {"\\seen": "\\Seen", "\\flagged": "\\Flagged", "\\answered": "\\Answered"}
_ROLES = {"\\archive": "\\Archive", "\\junk": "\\Junk", "\\trash": "\\Trash"}

_WORDS = {
    "read": Action(kind=ActionKind.FLAG, target="\\Seen"),
    "unread": Action(kind=ActionKind.UNFLAG, target="\\Seen"),
    "flag": Action(kind=ActionKind.FLAG, target="\\Flagged"),
    "unflag": Action(kind=ActionKind.UNFLAG, target="\\Flagged"),
    "archive": Action(kind=ActionKind.MOVE, target="\\Archive"),
    "trash": Action(kind=ActionKind.MOVE, target="\\Trash"),
    "junk": Action(kind=ActionKind.MOVE, target="\\Junk"),
}
_KINDS = {"move": ActionKind.MOVE, "keyword": ActionKind.FLAG, "flag": ActionKind.FLAG, "unflag": ActionKind.UNFLAG}
_KNOWN = frozenset(_WORDS) | frozenset(_KINDS) | {"keep"}
_REFUSED = {
    "delete": 'there is no delete; "trash" moves to the Trash mailbox',
    "expunge": 'there is no expunge; "trash" moves to the Trash mailbox',
    "copy": "copy is not available yet",
    "forward": "mail is never forwarded",
    "label": 'labels are "keyword" here',
}


def read_actions(node: Node, faults: Faults) -> tuple[Action, ...]:
    """Read `keep`, one action, or a list of them; `keep` gives none."""
    items = node.items if isinstance(node, List) else [node]
    found: list[tuple[Place, Action]] = []
    keeps = 0
    for item in items:
        if isinstance(item, Text):
            keeps += item.value == "keep"
            found.extend(_word(item, faults))
        elif isinstance(item, Map):
            for key, value in item.items.items():
                found.extend(_with_targets(key, item.keys[key], value, faults))
        else:
            faults.add(item.place, "an action is a word such as read, or a map such as {move: Newsletters}")
    if not items or (isinstance(node, Map) and not node.items):
        faults.add(node.place, 'no action here; to leave the mail where it is, write "keep"')
    if keeps and (found or keeps > 1):
        faults.add(node.place, '"keep" stands alone: it leaves the mail as it is')
    return _ordered(found, faults)


def _word(item: Text, faults: Faults) -> list[tuple[Place, Action]]:
    if item.value in _WORDS:
        return [(item.place, _WORDS[item.value])]
    if item.value in _KINDS:
        faults.add(item.place, f"{quoted(item.value)} needs a name, such as {{{item.value}: Newsletters}}")
    elif item.value != "keep":
        faults.add(item.place, _unknown(item.value))
    return []


def _unknown(word: str) -> str:
    return _REFUSED.get(word.lower(), f"unknown action {quoted(word)}{meant(word, _KNOWN)}")


def _with_targets(key: str, place: Place, node: Node, faults: Faults) -> list[tuple[Place, Action]]:
    kind = _KINDS.get(key)
    if kind is None:
        faults.add(place, f"{quoted(key)} takes no name" if key in _KNOWN else _unknown(key))
        return []
    found = []
    for item in node.items if isinstance(node, List) else [node]:
        if not isinstance(item, Text):
            faults.add(item.place, "a name is wanted here")
            continue
        target = _mailbox(item, faults) if kind is ActionKind.MOVE else _flag(item, faults, system=key != "keyword")
        found.append((item.place, Action(kind=kind, target=target)))
    return found


def _mailbox(item: Text, faults: Faults) -> str:
    name = item.value
    if name.startswith("\\"):
        if name.lower() not in _ROLES:
            faults.add(item.place, f"{quoted(name)} is no role mail is filed by; roles: {', '.join(_ROLES.values())}")
        return _ROLES.get(name.lower(), name)
    if not name or len(name) > MAX_MAILBOX_CHARS or not name.isprintable() or name != name.strip():
        faults.add(item.place, f"a mailbox name has 1 to {MAX_MAILBOX_CHARS} printable characters, no blanks around it")
    elif any(char in name for char in "*%") or any(not level.strip() for level in name.split("/")):
        faults.add(item.place, 'a mailbox name holds no "*" or "%", and something on each side of "/"')
    return "INBOX" if name.upper() == "INBOX" else name  # RFC 9051 section 5.1: INBOX in any case


def _flag(item: Text, faults: Faults, *, system: bool) -> str:
    name = item.value
    if name.startswith("\\"):
        if name.lower() not in _SYSTEM_FLAGS or not system:
            faults.add(item.place, f"{quoted(name)} is not ours to set; flags: {', '.join(_SYSTEM_FLAGS.values())}")
        return _SYSTEM_FLAGS.get(name.lower(), name)
    if system and f"\\{name.lower()}" in _SYSTEM_FLAGS:
        faults.add(item.place, f"for the flag write {quoted(_SYSTEM_FLAGS[chr(92) + name.lower()])}")
    elif len(name) > MAX_KEYWORD_CHARS or not _ATOM.fullmatch(name):
        faults.add(item.place, f"{quoted(name)} cannot be a keyword: use letters, digits and $ - _ .")
    return name


def _ordered(found: list[tuple[Place, Action]], faults: Faults) -> tuple[Action, ...]:
    flags: dict[str, Action] = {}
    moves: list[Action] = []
    for place, action in found:
        if action.kind is ActionKind.MOVE:
            if moves:
                faults.add(place, "a mail is moved once: two moves here")
            moves.append(action)
            continue
        earlier = flags.setdefault(action.target.lower(), action)
        if earlier.kind is not action.kind:
            faults.add(place, f"{quoted(action.target)} is both set and removed here")
    return (*flags.values(), *moves[:1])
