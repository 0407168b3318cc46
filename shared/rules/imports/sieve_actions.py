"""Sieve's actions -> ours (RFC 5228 section 4, fileinto and :copy RFC 3894, imap4flags RFC 5232)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.rules.faults import Place, quoted
from shared.rules.imports.imported import Effect, Remark
from shared.rules.imports.sieve_script import Command, Tag

_KEYWORD = re.compile(r"[!#$&'+,./0-9:;<=>?@A-Z^_`a-z|}~-]{1,100}")
_FLAGS: dict[str, Any] = {"\\seen": "read", "\\flagged": "flag", "\\answered": {"flag": "\\Answered"}}
_ROLES = {"\\archive": "archive", "\\junk": "junk", "\\trash": "trash"}
_NOT_DONE = {
    "redirect": "mail is never forwarded",
    "reject": "mail is never sent back",
    "ereject": "mail is never sent back",
    "vacation": "mail is never answered",
    "notify": "nobody is notified",
    "set": "there are no variables here",
    "include": "another script is not read with this one",
    "addheader": "mail is never changed",
    "deleteheader": "mail is never changed",
}
_WITH_TEXT = frozenset({"specialuse", "mailboxid", "flags"})


@dataclass(slots=True, kw_only=True)
class Effects:
    """What a run of actions does; `asleep` says why it cannot be done as it was.

    `files`: it puts the mail somewhere, if only where it is; what comes later does not change that copy. `discards`: it
    throws the mail away, unless something files it later.
    """

    place: Place
    then: list[Any] = field(default_factory=list)
    asleep: str = ""
    target: str = ""
    shown: str = ""
    files: bool = False
    discards: bool = False


@dataclass(slots=True)
class ActionReader:
    """Reads a run of actions. `may_stop`: one of them may have ended the script, nobody here knows."""

    substitutes: bool = False
    remarks: list[Remark] = field(default_factory=list)
    may_stop: str = ""
    _flags: list[Any] = field(default_factory=list)
    _late: list[Command] = field(default_factory=list)
    _places: list[str] = field(default_factory=list)
    _copies: list[str] = field(default_factory=list)
    _is_kept: bool = False
    _filed: bool = False
    _discarded: Command | None = None
    _asleep: str = ""
    _target: str = ""
    _sent_on: bool = False

    def read(self, commands: Sequence[Command]) -> Effects:
        """Return what these commands do together."""
        for one in commands:
            _READERS.get(one.name, ActionReader._other)(self, one)
        for one in self._late:
            self._remark(Effect.LEFT_OUT, one, "it comes after the mail is filed, where it has no effect")
        discards = self._discarded is not None and not self._filed
        then = [*self._flags, *self._filing()]
        if self._discarded is not None:
            then += self._thrown_away(self._discarded, discards=discards)
        shown = "; ".join(str(one) for one in commands if one.name != "require")
        return Effects(
            place=next((one.place for one in commands if one.name != "require"), commands[0].place),
            then=then,
            asleep=self._asleep,
            target=next(iter([*self._places, *self._copies]), self._target),
            shown=shown,
            files=self._filed,
            discards=discards,
        )

    def _filing(self) -> list[Any]:
        """Return copies, and the move: into the first mailbox, unless the mail is kept where it is as well."""
        move = [] if self._is_kept else self._places[:1]
        copies = dict.fromkeys([*self._copies, *self._places[len(move) :]])
        further = [{"copy": name} for name in copies if name not in move]
        return [*further, *(_ROLES.get(name.lower(), {"move": name}) for name in move)]

    def _thrown_away(self, command: Command, *, discards: bool) -> list[Any]:
        if not discards:
            self._remark(Effect.LEFT_OUT, command, "the mail is filed all the same")
            return []
        if self._sent_on:
            self._asleep = "mail is never forwarded, and without that it should not be thrown away"
            return []
        self._remark(Effect.CHANGED, command, "there is no delete: the mail is moved to Trash")
        self._target = self._target or "discard"
        return ["trash"]

    def _remark(self, effect: Effect, command: Command, reason: str) -> None:
        self.remarks.append(Remark(place=command.place, effect=effect, part=str(command), reason=reason))

    def _nothing(self, command: Command) -> None:
        """Take a command that does nothing to a mail."""

    def _other(self, command: Command) -> None:
        self._remark(Effect.LEFT_OUT, command, _NOT_DONE.get(command.name, "there is no such action here"))
        self._sent_on = self._sent_on or command.name in {"redirect", "reject", "ereject"}
        if command.name == "include" or command.block is not None:
            self.may_stop = f"line {command.place.line} may stop there: what it does is not known here"

    def _keep(self, command: Command) -> None:
        self._flags_of(command)
        self._filed = self._is_kept = True

    def _discard(self, command: Command) -> None:
        self._discarded = command

    def _fileinto(self, command: Command) -> None:
        tags, texts = _arguments(command)
        self._flags_of(command)
        self._filed = self._filed or "copy" not in tags
        if len(texts) != 1 or len(texts[0]) != 1:
            self._asleep = "a fileinto has one mailbox"
            return
        name = tags.get("specialuse", texts[0][0])
        if self.substitutes and "${" in name:
            self._asleep = "what a variable stands for is not known here"
            self._remark(Effect.LEFT_OUT, command, self._asleep)
        elif name.startswith("\\") and name.lower() not in _ROLES:
            self._asleep = f"{quoted(name)} is no role mail is filed by"
            self._remark(Effect.LEFT_OUT, command, self._asleep)
        elif name.upper() == "INBOX":
            self._is_kept = True
        else:
            (self._copies if "copy" in tags else self._places).append(name)

    def _addflag(self, command: Command) -> None:
        _, texts = _arguments(command)
        if self._filed:
            self._late.append(command)
        elif len(texts) != 1:
            self._remark(Effect.LEFT_OUT, command, "there are no variables here")
        else:
            self._set(texts[0], command)

    def _setflag(self, command: Command) -> None:
        if not self._filed:
            self._flags.clear()
        self._addflag(command)

    def _removeflag(self, command: Command) -> None:
        _, texts = _arguments(command)
        for action in (_flag(word) for text in texts for word in text for word in word.split()):
            if action in self._flags and not self._filed:
                self._flags.remove(action)

    def _flags_of(self, command: Command) -> None:
        tags, _ = _arguments(command)
        if "flags" in tags:
            self._set([tags["flags"]], command)

    def _set(self, texts: Sequence[str], command: Command) -> None:
        for word in (word for text in texts for word in text.split()):
            action = _flag(word)
            if action is None:
                self._remark(Effect.LEFT_OUT, command, f"{quoted(word)} is not ours to set")
            elif action not in self._flags:
                self._flags.append(action)
        self._target = self._target or (texts[0].strip("\\$") if texts else "")


def _flag(word: str) -> Any:
    if word.lower() in _FLAGS:
        return _FLAGS[word.lower()]
    return {"keyword": word} if _KEYWORD.fullmatch(word) and "${" not in word else None


def _arguments(command: Command) -> tuple[dict[str, str], list[list[str]]]:
    """Return the tags, with the text that belongs to one, and the other texts."""
    tags: dict[str, str] = {}
    texts: list[list[str]] = []
    waiting = ""
    for one in command.arguments:
        if isinstance(one, Tag):
            tags[one.name] = ""
            waiting = one.name if one.name in _WITH_TEXT else ""
        elif isinstance(one, list) and waiting:
            tags[waiting], waiting = " ".join(one), ""
        elif isinstance(one, list):
            texts.append(one)
    return tags, texts


_READERS: dict[str, Callable[[ActionReader, Command], None]] = {
    "require": ActionReader._nothing,
    "keep": ActionReader._keep,
    "discard": ActionReader._discard,
    "fileinto": ActionReader._fileinto,
    "addflag": ActionReader._addflag,
    "setflag": ActionReader._setflag,
    "removeflag": ActionReader._removeflag,
}
