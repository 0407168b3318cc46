"""Text of a mail made fit for a prompt: one line that a reader would see, in which nothing can be a control token.

Control tokens such as `<|im_end|>`, `[INST]` or `</s>` and our own markers have brackets in them: none are left. And a
mail that stays one line cannot begin a line of its own with a role, `###` or our cue.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import chain

import re2

from shared.rules.folding import normalised

READ_CHARS = 20_000
"""What lies beyond is not looked at, hidden padding included: bounds the time one mail can take."""
MAX_WORD_CHARS = 60

_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})  # controls, bidi, zero-width, tags, private use, surrogates
# Letters and marks that show nothing: grapheme joiner, Hangul fillers, Khmer inherent vowels, variation selectors.
_BLANK_LETTERS = frozenset(
    map(
        chr,
        chain([0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0], range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0)),
    )
)
_ASCII_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f]")
# U+2581 is how a SentencePiece vocabulary writes a blank, U+2800 a braille pattern without dots.
_HARMLESS = str.maketrans({"<": "(", ">": ")", "[": "(", "]": ")", "{": "(", "}": ")", "|": "/", "▁": " ", "⠀": " "})
# Ours, and how models without control tokens tell whose turn it is: `USER: … ASSISTANT: …` on one line.
_CUES = "label|group|user|human|assistant|system|instruction|question|answer|response"
_SHORTER = (
    (re.compile(r"\bhttps?://([^\s/?#()\"',;]{1,80})[^\s()\"',;]*", re.I), r"\1"),  # a page's address becomes its host
    (re.compile(rf"([!-~]{{{MAX_WORD_CHARS}}})[!-~]+"), r"\1"),
    (re.compile(r"([!-/:-@^-`~])\1{3,}"), r"\1\1\1"),  # ruled lines
    (re.compile(rf"({_CUES})\s?:", re.I), r"\1 -"),
)

_CONTROL = (
    r"<\s?\|.{0,40}?\|\s?>|\[/?INST\]|</?s>|<</?SYS>>|<(start|end)_of_turn>|<(bos|eos|pad|unk|mask)>"
    r"|\[/?(SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|</?(mail|think|tool_call)>"
)
_INSTRUCTIONS = (
    # en
    r"\b(ignore|disregard|forget|override)\b.{0,60}\b(instructions?|prompts?|directions|guidelines)\b",
    r"\b(classify|label|categori[sz]e)\b.{0,20}\b(this|the)\b.{0,20}\b(e-?mail|mail|message)\b.{0,20}\b(as|into)\b",
    r"\b(system prompt|new instructions) ?:|\byou are now (an?|the|in)\b.{0,40}\b(ai|assistant|model|mode)\b",
    # fr
    r"\b(ignore[rz]?|oublie[rz]?|ne tene?z? (pas|aucun) compte)\b.{0,60}\b(instructions?|consignes?)\b",
    r"(class(e|er|ez|ifie|ifier|ifiez)|[eé]tiquet(te|er|ez)|cat[eé]goris(e|er|ez))\b.{0,20}\b(ce|cet|le)\b.{0,20}"
    r"\b(mail|e-?mail|courriel|message)\b.{0,20}\b(comme|dans|en)\b",
    # de
    r"\b(ignorier(e|en|t)?|vergiss|vergessen sie|missachten?)\b.{0,60}(anweisung|instruktion|vorgabe)",
    r"\b(klassifizier|kategorisier|etikettier)(e|en|t)?\b.{0,40}(e-?mail|mail|nachricht)\b.{0,20}\bals\b",
    # es
    r"\b(ignor(a|ad|ar|e)|olvid(a|ad|ar|e)|omit(e|ir)|haz caso omiso)\b.{0,60}\b(instruccion|instrucción|indicaciones)",
    r"\b(clasifi(ca|car|cad|que)|etiquet(a|ar|e)|categori(za|zar|ce))\b.{0,20}\b(este|esta|el|la)\b.{0,20}"
    r"\b(correo|e-?mail|mail|mensaje)\b.{0,20}\b(como|en)\b",
)


def _compiled(*patterns: str) -> "re2._Regexp[str]":
    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    return re2.compile("|".join(f"(?:{pattern})" for pattern in patterns), options)


_SUSPICIONS = {"control-token": _compiled(_CONTROL), "instruction": _compiled(*_INSTRUCTIONS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanitised:
    """Text for a prompt, and what in it looks like an attack: `control-token`, `instruction`."""

    text: str
    suspicions: frozenset[str] = frozenset()


def sanitise(text: str, max_chars: int) -> Sanitised:
    """Return at most `max_chars` characters that are safe in a prompt; suspicions are of all that was read."""
    seen = _visible(text[:READ_CHARS])
    line = " ".join(seen.translate(_HARMLESS).split())
    for pattern, kept in _SHORTER:
        line = pattern.sub(kept, line)
    line = normalised(line)  # a mark may have come to stand after another letter
    return Sanitised(text=line[:max_chars].strip(), suspicions=_suspicions(seen))


def _visible(text: str) -> str:
    """Return what a reader sees, compatibility forms resolved: none of them hides what was taken out before."""
    return normalised(_without_hidden(text))[:READ_CHARS]  # one character may become 18


def _without_hidden(text: str) -> str:
    if text.isascii():
        return _ASCII_CONTROL.sub("", text)
    return "".join(character for character in text if character.isspace() or _shows(character))


def _shows(character: str) -> bool:
    return character not in _BLANK_LETTERS and unicodedata.category(character) not in _HIDDEN


def _suspicions(seen: str) -> frozenset[str]:
    line = " ".join(seen.split())
    return frozenset(name for name, pattern in _SUSPICIONS.items() if pattern.search(line) is not None)
