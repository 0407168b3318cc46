"""What a lesser IMAP server would say: capabilities taken away for real, and three ways of not keeping keywords."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal

from tests.faults.wire import expand

Keywords = Literal["", "no", "silent", "dropped"]

NEEDS = {
    "CONDSTORE": re.compile(
        rb"\S+ (?:(?:SELECT|EXAMINE|STATUS|LIST|ENABLE|UID FETCH|UID STORE|UID SEARCH|FETCH|STORE|SEARCH) .*"
        rb"(?:\bCONDSTORE\b|\bQRESYNC\b|MODSEQ\b|CHANGEDSINCE\b))",
        re.I,
    ),
    "COMPRESS=DEFLATE": re.compile(rb"\S+ COMPRESS ", re.I),
    "ENABLE": re.compile(rb"\S+ ENABLE ", re.I),
    "ESEARCH": re.compile(rb"\S+ (?:UID )?SEARCH RETURN ", re.I),
    "ID": re.compile(rb"\S+ ID ", re.I),
    "IDLE": re.compile(rb"\S+ IDLE\r", re.I),
    "LIST-EXTENDED": re.compile(rb"\S+ LIST .*\bRETURN \(", re.I),
    "LIST-STATUS": re.compile(rb"\S+ LIST .*\bRETURN \(.*\bSTATUS \(", re.I),
    "LITERAL+": re.compile(rb".*\{\d+\+\}\r\n\Z", re.S),
    "MOVE": re.compile(rb"\S+ (?:UID )?MOVE ", re.I),
    "NAMESPACE": re.compile(rb"\S+ NAMESPACE\r", re.I),
    "SPECIAL-USE": re.compile(rb"\S+ LIST .*\bSPECIAL-USE\b", re.I),
    "UIDPLUS": re.compile(rb"\S+ UID EXPUNGE ", re.I),
    "UNSELECT": re.compile(rb"\S+ UNSELECT\r", re.I),
}
IMPLIED = {"CONDSTORE": {"QRESYNC"}, "LIST-EXTENDED": {"LIST-STATUS"}}
CAPABILITY = re.compile(rb"(\A\* |\[)CAPABILITY ([^\]\r]*)")
SPECIAL_USE = re.compile(rb" ?\\(?:All|Archive|Drafts|Flagged|Important|Junk|Sent|Trash)\b", re.I)
UIDPLUS_CODE = re.compile(rb"\[(?:COPYUID|APPENDUID) [^\]]*\] ?|\[UIDNOTSTICKY\] ?", re.I)
MODSEQ_LINE = re.compile(rb"\A\* OK \[(?:HIGHESTMODSEQ \d+|NOMODSEQ)\]", re.I)
MODSEQ_CODE = re.compile(rb"\[(?:HIGHESTMODSEQ \d+|MODIFIED [^\]]*)\] ?", re.I)
PERMANENTFLAGS = re.compile(rb"\[PERMANENTFLAGS \(([^)]*)\)\]", re.I)
STORE = re.compile(
    rb"(?P<tag>\S+) (?P<head>(?P<uid>UID )?STORE (?P<set>\S+) (?:\([^)]*\) )?)"
    rb"(?P<item>(?P<sign>[+-]?)FLAGS(?P<silent>\.SILENT)?) \(?(?P<flags>[^)\r]*)\)?\r\n",
    re.I,
)
FETCH = re.compile(rb"\* \d+ FETCH ")
FETCHED_FLAGS = re.compile(rb"\A(\* \d+ FETCH \(.*?\bFLAGS \()([^)]*)(\).*)\Z", re.S)
FETCHED_UID = re.compile(rb"\bUID (\d+)")


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """What goes to the server instead of a command; `answer` replaces what its tagged answer says."""

    line: bytes
    answer: bytes | None = None


def refused(line: bytes, answer: bytes) -> Rewritten:
    """Send a NOOP with the command's tag in its place, so that `answer` comes in turn among pipelined answers."""
    return Rewritten(line=line.split(None, 1)[0] + b" NOOP\r\n", answer=answer)


@dataclass(kw_only=True)
class Mask:
    """The rewriting of one connection's commands and answers."""

    words: frozenset[str]
    keywords: Keywords = ""
    _kept: dict[tuple[str, int], set[bytes]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        """Take away with a capability those that are built on it."""
        implied = [IMPLIED[word] for word in self.words if word in IMPLIED]
        self.words = self.words.union(*implied)

    def command(self, line: bytes, mailbox: str) -> Rewritten:
        """Decide what the server gets to see of a command's first line."""
        for word in self.words:
            if word in NEEDS and NEEDS[word].match(line):
                return refused(line, b"BAD Unknown command or arguments")
        store = STORE.match(line) if self.keywords else None
        return self._store(line, store, mailbox) if store else Rewritten(line=line)

    def response(self, line: bytes, mailbox: str) -> bytes:
        """Return a response's first line as the lesser server would send it; empty to drop it."""
        if FETCH.match(line):
            return self._with_kept(line, mailbox) if self._kept else line
        line = CAPABILITY.sub(self._without_words, line)
        if "SPECIAL-USE" in self.words and line.startswith((b"* LIST (", b"* LSUB (")):
            head, close, rest = line.partition(b")")
            line = SPECIAL_USE.sub(b"", head).replace(b"( ", b"(") + close + rest
        if "UIDPLUS" in self.words:
            line = UIDPLUS_CODE.sub(b"", line, count=1)
        if "CONDSTORE" in self.words:
            line = b"" if MODSEQ_LINE.match(line) else MODSEQ_CODE.sub(b"", line, count=1)
        if self.keywords == "no":
            line = PERMANENTFLAGS.sub(_system_flags_only, line)
        return line

    def _without_words(self, found: re.Match[bytes]) -> bytes:
        kept = [word for word in found[2].split() if word.decode("ascii").upper() not in self.words]
        return found[1] + b"CAPABILITY " + b" ".join(kept)

    def _store(self, line: bytes, store: re.Match[bytes], mailbox: str) -> Rewritten:
        flags = store["flags"].split()
        keywords = [flag for flag in flags if not flag.startswith(b"\\")]
        if not keywords:
            return Rewritten(line=line)
        if self.keywords == "no":
            return refused(line, b"NO Keywords are not supported")
        if self.keywords == "dropped" and store["uid"]:
            self._keep(store, set(keywords), mailbox)
        system = [flag for flag in flags if flag.startswith(b"\\")]
        if system or not store["sign"]:
            return Rewritten(line=line[: store.start("item")] + store["item"] + b" (" + b" ".join(system) + b")\r\n")
        if store["silent"] or self.keywords == "silent":
            return refused(line, b"OK Store completed.")
        fetch = b" UID FETCH " if store["uid"] else b" FETCH "
        return Rewritten(line=store["tag"] + fetch + store["set"] + b" (FLAGS)\r\n", answer=b"OK Store completed.")

    def _keep(self, store: re.Match[bytes], keywords: set[bytes], mailbox: str) -> None:
        """Remember keywords for this connection only."""
        for uid in expand(store["set"].decode("ascii")):
            before = self._kept[mailbox, uid]
            after = {b"+": before | keywords, b"-": before - keywords, b"": keywords}[store["sign"]]
            self._kept[mailbox, uid] = after

    def _with_kept(self, line: bytes, mailbox: str) -> bytes:
        flags, uid = FETCHED_FLAGS.match(line), FETCHED_UID.search(line)
        if not flags or not uid:
            return line
        kept = sorted(self._kept.get((mailbox, int(uid[1])), ()))
        return flags[1] + b" ".join([*flags[2].split(), *kept]) + flags[3]


def _system_flags_only(found: re.Match[bytes]) -> bytes:
    flags = [flag for flag in found[1].split() if flag.startswith(b"\\") and flag != b"\\*"]
    return b"[PERMANENTFLAGS (" + b" ".join(flags) + b")]"
