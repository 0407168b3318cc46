"""`then:` in YAML -> actions: flags in their order, then copies, then at most one move, last."""

import re

from shared.records import ActionKind
from shared.rules.faults import Faults, Place, meant, quoted
from shared.rules.language import (
    ACTION_WORDS,
    ACTIONS,
    KEEP,
    MAX_KEYWORD_CHARS,
    MAX_MAILBOX_CHARS,
    NAMED_ACTIONS,
    REFUSED_ACTIONS,
)
from shared.rules.model import Action
from shared.rules.tree import List, Map, Node, Text

_ATOM = re.compile(r"[!#$&'+,./0-9:;<=>?@A-Z^_`a-z|}~-]+")  # RFC 9051 atom, without "["
_SYSTEM_FLAGS = {"\\seen": "\\Seen", "\\flagged": "\\Flagged", "\\answered": "\\Answered"}
_ROLES = {"\\archive": "\\Archive", "\\junk": "\\Junk", "\\trash": "\\Trash"}


def read_actions(node: Node, faults: Faults) -> tuple[Action, ...]:
    """Read `keep`, one action, or a list of them; `keep` gives none."""
    items = node.items if isinstance(node, List) else [node]
    found: list[tuple[Place, Action]] = []
    keeps = 0
    for item in items:
        if isinstance(item, Text):
            keeps += item.value == KEEP
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
    if item.value in ACTION_WORDS:
        return [(item.place, ACTION_WORDS[item.value])]
    if item.value in NAMED_ACTIONS:
        faults.add(item.place, f"{quoted(item.value)} needs a name, such as {{{item.value}: Newsletters}}")
    elif item.value != KEEP:
        faults.add(item.place, _unknown(item.value))
    return []


def _unknown(word: str) -> str:
    return REFUSED_ACTIONS.get(word.lower(), f"unknown action {quoted(word)}{meant(word, ACTIONS)}")


def _with_targets(key: str, place: Place, node: Node, faults: Faults) -> list[tuple[Place, Action]]:
    kind = NAMED_ACTIONS.get(key)
    if kind is None:
        faults.add(place, f"{quoted(key)} takes no name" if key in ACTIONS else _unknown(key))
        return []
    found = []
    if isinstance(node, List) and not node.items:
        faults.add(node.place, "a name is wanted here")
    for item in node.items if isinstance(node, List) else [node]:
        if not isinstance(item, Text):
            faults.add(item.place, "a name is wanted here")
            continue
        is_place = kind in {ActionKind.COPY, ActionKind.MOVE}
        target = _mailbox(item, faults) if is_place else _flag(item, faults, system=key != "keyword")
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
    copies: dict[str, Action] = {}
    moves: list[Action] = []
    for place, action in found:
        if action.kind is ActionKind.COPY:
            copies.setdefault(action.target, action)
            continue
        if action.kind is ActionKind.MOVE:
            if moves:
                faults.add(place, "a mail is moved once: two moves here")
            moves.append(action)
            continue
        earlier = flags.setdefault(action.target.lower(), action)
        if earlier.kind is not action.kind:
            faults.add(place, f"{quoted(action.target)} is both set and removed here")
    for place, action in found:
        if action.kind is ActionKind.MOVE and action.target in copies:
            faults.add(place, f"a mail that is moved to {quoted(action.target)} needs no copy there")
    return (*flags.values(), *copies.values(), *moves[:1])
